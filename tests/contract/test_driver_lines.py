"""Late, torn, foreign and damaged replies; ports that are not there, or not for us."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from config.points import Table
from config.ports import ModbusRtuOverTcpPort, ModbusTcpPort
from edge_agent.clock import SystemClock
from edge_agent.drivers.modbus_client import open_modbus
from edge_agent.errors import (
    DeviceGarbageError,
    DeviceTimeoutError,
    PortDownError,
)
from simulators.framing import rtu_frame
from simulators.line import Reply
from simulators.modbus import ModbusServer
from simulators.slave import GATEWAY_NO_RESPONSE, exception_reply

TIMEOUT_S = 0.1


class EchoAddress:
    """Answers with the asked address as every register's value, as late as it is told."""

    def __init__(self, delays_s: list[float] | None = None) -> None:
        self.delays_s = delays_s or []
        self.asked: list[int] = []

    def respond(self, pdu: bytes, now_s: float) -> Reply:
        del now_s
        code, address, count = struct.unpack(">BHH", pdu)
        self.asked.append(address)
        delay_s = self.delays_s.pop(0) if self.delays_s else 0.0
        data = struct.pack(f">BB{count}H", code, 2 * count, *range(address, address + count))
        return Reply(data, delay_s)


def rtu_port(port: int) -> ModbusRtuOverTcpPort:
    return ModbusRtuOverTcpPort(
        kind="modbus_rtu_over_tcp", host="127.0.0.1", port=port, timeout_s=TIMEOUT_S
    )


def tcp_port(port: int) -> ModbusTcpPort:
    return ModbusTcpPort(kind="modbus_tcp", host="127.0.0.1", port=port, timeout_s=TIMEOUT_S)


async def test_a_late_rtu_reply_is_never_the_answer_to_another_request() -> None:
    unit = EchoAddress([2 * TIMEOUT_S])
    async with (
        ModbusServer({1: unit}, framing="rtu") as server,
        open_modbus(rtu_port(server.port), SystemClock()) as driver,
    ):
        with pytest.raises(DeviceTimeoutError):
            await driver.read(1, Table.HOLDING, 100, 1, timeout_s=TIMEOUT_S)
        reply = await driver.read(1, Table.HOLDING, 200, 1, timeout_s=TIMEOUT_S)
    assert list(reply.values) == [200]


async def test_a_unit_that_is_always_late_never_gives_another_registers_value() -> None:
    unit = EchoAddress([1.5 * TIMEOUT_S] * 12)
    answers: list[tuple[int, int]] = []
    async with (
        ModbusServer({1: unit}, framing="rtu") as server,
        open_modbus(rtu_port(server.port), SystemClock()) as driver,
    ):
        for address in (100, 200, 300, 100, 200, 300):
            try:
                reply = await driver.read(1, Table.HOLDING, address, 1, timeout_s=TIMEOUT_S)
            except DeviceTimeoutError:
                continue
            answers.append((address, reply.values[0]))
    assert len(unit.asked) >= 3
    assert all(asked == answered for asked, answered in answers)


async def test_while_an_answer_is_outstanding_only_the_same_request_is_clear() -> None:
    clock = SystemClock()
    unit = EchoAddress([2 * TIMEOUT_S])
    async with (
        ModbusServer({1: unit, 2: EchoAddress()}, framing="rtu") as server,
        open_modbus(rtu_port(server.port), clock) as driver,
    ):
        with pytest.raises(DeviceTimeoutError):
            await driver.read(1, Table.HOLDING, 100, 1, timeout_s=TIMEOUT_S)
        now = clock.monotonic_s()
        assert driver.clear_at(1, Table.HOLDING, 200, 1) > now + TIMEOUT_S
        assert driver.clear_at(1, Table.HOLDING, 100, 1) <= now
        assert driver.clear_at(1, Table.INPUT, 200, 1) <= now
        assert driver.clear_at(2, Table.HOLDING, 200, 1) <= now
        # The other unit is asked meanwhile; the late answer is taken off the wire.
        while driver.clear_at(1, Table.HOLDING, 200, 1) > clock.monotonic_s():
            reply = await driver.read(2, Table.HOLDING, 7, 2, timeout_s=PATIENCE_S)
            assert list(reply.values) == [7, 8]
        assert clock.monotonic_s() < now + 2.5 * TIMEOUT_S


PATIENCE_S = 1.0


async def test_a_late_tcp_reply_is_known_by_its_transaction() -> None:
    unit = EchoAddress([2 * TIMEOUT_S])
    async with (
        ModbusServer({1: unit}) as server,
        open_modbus(tcp_port(server.port), SystemClock()) as driver,
    ):
        with pytest.raises(DeviceTimeoutError):
            await driver.read(1, Table.HOLDING, 100, 1, timeout_s=TIMEOUT_S)
        for address in range(200, 220):
            reply = await driver.read(1, Table.HOLDING, address, 1, timeout_s=PATIENCE_S)
            assert list(reply.values) == [address]


Answerer = Callable[[bytes], bytes]


class _Wire(asyncio.Protocol):
    def __init__(self, make: Answerer, wires: set[asyncio.Transport]) -> None:
        self._make = make
        self._wires = wires

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._wires.add(transport)

    def data_received(self, data: bytes) -> None:
        self._transport.write(self._make(data))


@asynccontextmanager
async def raw_server(make: Answerer) -> AsyncIterator[int]:
    """Answers each request with whatever it is told; yields its port."""
    wires: set[asyncio.Transport] = set()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Wire(make, wires), "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    for transport in wires:
        transport.abort()
    await server.wait_closed()


GOOD = bytes.fromhex("03040001 0002")


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(rtu_frame(1, bytes.fromhex("03020001")), id="one register instead of two"),
        pytest.param(rtu_frame(1, b"\x04" + GOOD[1:]), id="another function"),
        pytest.param(rtu_frame(2, GOOD), id="another unit"),
        pytest.param(rtu_frame(1, GOOD)[:-1] + b"\x00", id="wrong checksum"),
        pytest.param(rtu_frame(1, GOOD)[:-3], id="cut short"),
        pytest.param(bytes(range(200)), id="noise"),
    ],
)
async def test_what_is_not_the_answer_is_garbage_on_rtu(reply: bytes) -> None:
    serving = raw_server(lambda _: reply)
    async with serving as port, open_modbus(rtu_port(port), SystemClock()) as driver:
        with pytest.raises(DeviceGarbageError):
            await driver.read(1, Table.HOLDING, 0, 2, timeout_s=TIMEOUT_S)


async def test_noise_before_an_answer_is_passed_over() -> None:
    frame = b"\x01\x03\x04\xff\x00" + rtu_frame(1, GOOD)
    serving = raw_server(lambda _: frame)
    async with serving as port, open_modbus(rtu_port(port), SystemClock()) as driver:
        reply = await driver.read(1, Table.HOLDING, 0, 2, timeout_s=PATIENCE_S)
    assert list(reply.values) == [1, 2]


def mbap(request: bytes, pdu: bytes, unit: int = 1) -> bytes:
    return request[:2] + struct.pack(">HHB", 0, len(pdu) + 1, unit) + pdu


@pytest.mark.parametrize(
    ("make", "error"),
    [
        pytest.param(
            lambda r: mbap(r, bytes.fromhex("03020001")), DeviceGarbageError, id="one register"
        ),
        pytest.param(lambda r: mbap(r, b"\x04" + GOOD[1:]), DeviceGarbageError, id="function"),
        pytest.param(lambda r: mbap(r, GOOD[:-1]), DeviceGarbageError, id="cut short"),
        pytest.param(lambda r: mbap(r, GOOD, unit=2), DeviceGarbageError, id="another unit"),
        pytest.param(lambda _: b"HTTP/1.1 400 Bad", DeviceGarbageError, id="not Modbus"),
        pytest.param(lambda _: b"\x00" * 64, DeviceGarbageError, id="zeros"),
        pytest.param(
            lambda r: mbap(r, exception_reply(3, GATEWAY_NO_RESPONSE)),
            DeviceTimeoutError,
            id="gateway speaks for a dead unit",
        ),
    ],
)
async def test_what_is_not_the_answer_is_an_error_on_tcp(
    make: Answerer, error: type[Exception]
) -> None:
    serving = raw_server(make)
    async with serving as port, open_modbus(tcp_port(port), SystemClock()) as driver:
        with pytest.raises(error):
            await driver.read(1, Table.HOLDING, 0, 2, timeout_s=TIMEOUT_S)


async def test_a_tcp_answer_in_pieces_is_put_together() -> None:
    serving = raw_server(lambda r: mbap(r, GOOD))
    async with serving as port, open_modbus(tcp_port(port), SystemClock()) as driver:
        for _ in range(3):
            reply = await driver.read(1, Table.HOLDING, 0, 2, timeout_s=PATIENCE_S)
            assert list(reply.values) == [1, 2]


async def test_a_connection_that_is_cut_is_down_at_once() -> None:
    async with (
        ModbusServer({1: EchoAddress([PATIENCE_S])}) as server,
        open_modbus(tcp_port(server.port), SystemClock()) as driver,
    ):
        asked = asyncio.create_task(driver.read(1, Table.HOLDING, 0, 1, timeout_s=30 * PATIENCE_S))
        await driver_is_waiting(server)
        server.drop_connections()
        with pytest.raises(PortDownError):
            await asked


async def driver_is_waiting(server: ModbusServer) -> None:
    while not server._connections:
        await SystemClock().sleep(0)


async def test_a_port_where_nobody_listens_is_down(free_port: int) -> None:
    with pytest.raises(PortDownError, match=f"127.0.0.1:{free_port}"):
        async with open_modbus(tcp_port(free_port), SystemClock()):
            pytest.fail("opened")


@pytest.fixture
async def free_port() -> int:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port
