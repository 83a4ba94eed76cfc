"""Simulated units over TCP, read by the Modbus library that the agent uses."""

import asyncio
import random
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import get_args

import pytest
from pymodbus import FramerType
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusIOException

from simulators.bench import BenchFarm
from simulators.counter import Counter
from simulators.faults import Fault, FaultKind, FaultyUnit
from simulators.framing import crc16, mbap_frame, rtu_frame
from simulators.modbus import Framing, ModbusServer
from tests.patience import PATIENCE_S

FRAMERS = {"mbap": FramerType.SOCKET, "rtu": FramerType.RTU, "ascii": FramerType.ASCII}
READ_COUNT = bytes.fromhex("0300000002")


@pytest.fixture(params=get_args(Framing))
def framing(request: pytest.FixtureRequest) -> Framing:
    return request.param


def _units(*addresses: int) -> dict[int, FaultyUnit]:
    return {address: FaultyUnit(Counter(), seed=address) for address in addresses}


@asynccontextmanager
async def _client(server: ModbusServer, framing: Framing) -> AsyncIterator[AsyncModbusTcpClient]:
    framer = FRAMERS[framing]
    client = AsyncModbusTcpClient(
        server.host, port=server.port, framer=framer, timeout=PATIENCE_S, retries=0
    )
    assert await client.connect()
    try:
        yield client
    finally:
        client.close()


async def _exchange(server: ModbusServer, frame: bytes, size: int) -> bytes:
    reader, writer = await asyncio.open_connection(server.host, server.port)
    try:
        writer.write(frame)
        return await reader.readexactly(size)
    finally:
        writer.close()
        await writer.wait_closed()


async def _count(client: AsyncModbusTcpClient, unit: int) -> int:
    reply = await client.read_holding_registers(0, count=2, device_id=unit)
    return client.convert_from_registers(reply.registers, client.DATATYPE.UINT32)


async def test_a_counter_read_by_pymodbus_never_repeats(framing: Framing) -> None:
    async with (
        ModbusServer(_units(1, 2), framing=framing) as server,
        _client(server, framing) as client,
    ):
        assert [await _count(client, 1) for _ in range(5)] == [1, 2, 3, 4, 5]
        assert await _count(client, 2) == 1
        reply = await client.read_holding_registers(2, count=36, device_id=1)
        floats = struct.unpack(">18f", struct.pack(">36H", *reply.registers))
        assert floats == pytest.approx([5 + k / 100 for k in range(18)])


async def test_exceptions_arrive_as_pymodbus_knows_them(framing: Framing) -> None:
    async with (
        ModbusServer(_units(1), framing=framing) as server,
        _client(server, framing) as client,
    ):
        assert (await client.read_coils(0, count=1, device_id=1)).exception_code == 2
        reply = await client.read_holding_registers(38, count=1, device_id=1)
        assert reply.exception_code == 2


async def test_a_dead_unit_and_an_absent_one_are_silent_and_do_not_stop_the_others(
    framing: Framing,
) -> None:
    units = _units(1, 2)
    units[2].faults.add(Fault(FaultKind.OFFLINE))
    async with (
        ModbusServer(units, framing=framing) as server,
        _client(server, framing) as client,
    ):
        for silent in (2, 9):
            client.ctx.comm_params.timeout_connect = 0.1  # of an answer, too
            with pytest.raises(ModbusIOException):
                await client.read_holding_registers(0, count=2, device_id=silent)
        client.ctx.comm_params.timeout_connect = PATIENCE_S
        assert await _count(client, 1) == 1


async def test_a_slow_unit_does_not_hold_up_the_others() -> None:
    units = _units(1, 2)
    units[1].faults.add(Fault(FaultKind.SLOW, seconds=0.15))
    async with ModbusServer(units) as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(mbap_frame(1, 1, READ_COUNT) + mbap_frame(2, 2, READ_COUNT))
        frames = [await reader.readexactly(13) for _ in range(2)]
        writer.close()
        await writer.wait_closed()
    assert [frame[1] for frame in frames] == [2, 1]


async def test_a_late_answer_is_the_old_one_on_a_line() -> None:
    units = _units(1)
    units[1].faults.add(Fault(FaultKind.LATE, seconds=0.1))
    async with ModbusServer(units, framing="rtu") as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(rtu_frame(1, READ_COUNT))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.readexactly(9), 0.03)
        writer.write(rtu_frame(1, READ_COUNT))
        values = [int.from_bytes((await reader.readexactly(9))[3:7], "big") for _ in range(2)]
        writer.close()
        await writer.wait_closed()
    assert values == [1, 2]


async def test_noise_makes_other_lengths_and_wrong_checksums() -> None:
    units = _units(1)
    units[1].faults.add(Fault(FaultKind.NOISE))
    frames: list[bytes] = []
    async with ModbusServer(units, framing="rtu", seed=4) as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        for _ in range(40):
            writer.write(rtu_frame(1, READ_COUNT))
            # A reply is written at once and arrives as one piece on the loopback.
            frames.append(await reader.read(64))
        writer.close()
        await writer.wait_closed()
    assert {len(frame) for frame in frames} == {8, 9, 10}
    assert all(crc16(frame[:-2]) != int.from_bytes(frame[-2:], "little") for frame in frames)


async def test_behind_a_gateway_noise_is_exception_11() -> None:
    units = _units(1)
    units[1].faults.add(Fault(FaultKind.NOISE))
    async with ModbusServer(units) as server:
        reply = await _exchange(server, mbap_frame(7, 1, READ_COUNT), 9)
    assert reply.hex() == "00070000000301830b"


async def test_garbage_ends_a_connection_and_the_next_one_works() -> None:
    async with ModbusServer(_units(1)) as server:
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await _exchange(server, b"GET / HTTP/1.1\r\n\r\n", 1)
        reply = await _exchange(server, mbap_frame(7, 1, READ_COUNT), 13)
        assert reply[-4:] == b"\x00\x00\x00\x01"


async def test_random_bytes_never_stop_a_server(framing: Framing) -> None:
    rng = random.Random(11)  # noqa: S311 (noise)
    async with ModbusServer(_units(1), framing=framing) as server:
        for _ in range(30):
            _, writer = await asyncio.open_connection(server.host, server.port)
            writer.write(rng.randbytes(rng.randrange(1, 400)))
            writer.close()
        async with _client(server, framing) as client:
            assert await _count(client, 1) >= 1


async def test_a_server_opens_again_on_its_port_after_it_closed() -> None:
    units = _units(1)
    server = ModbusServer(units)
    async with server:
        first = server.port
        reader, writer = await asyncio.open_connection(server.host, first)
    assert await reader.read(1) == b""
    writer.close()
    async with ModbusServer(units, port=first) as again:
        reply = await _exchange(again, mbap_frame(1, 1, READ_COUNT), 13)
    assert reply[-1] == 1


async def test_cut_connections_are_closed_and_the_server_stays() -> None:
    async with ModbusServer(_units(1)) as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(mbap_frame(1, 1, READ_COUNT))
        await reader.readexactly(13)
        server.drop_connections()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await reader.readexactly(1)
        writer.close()
        assert (await _exchange(server, mbap_frame(1, 1, READ_COUNT), 13))[-1] == 2


async def test_a_bench_farm_serves_each_device_on_its_port_and_all_on_a_shared_one() -> None:
    request = bytes.fromhex("0300000028")
    async with BenchFarm(devices=3, shared_port=0) as farm:
        assert len(set(farm.ports)) == 3
        for port in farm.ports:
            server = ModbusServer({}, port=port)
            reply = await _exchange(server, mbap_frame(1, 1, request), 89)
            assert struct.unpack(">f", reply[9:13]) == (1.0,)
        shared = ModbusServer({}, port=farm.shared_port)
        reply = await _exchange(shared, mbap_frame(1, 3, request), 89)
        assert struct.unpack(">f", reply[9:13]) == (2.0,)
        assert farm.reads == 4
    assert farm.ports == []


async def test_the_last_devices_of_a_bench_farm_can_be_dead() -> None:
    request = bytes.fromhex("0300000028")
    async with BenchFarm(devices=2, offline=1, shared_port=0) as farm:
        shared = ModbusServer({}, port=farm.shared_port)
        both = mbap_frame(1, 2, request) + mbap_frame(2, 1, request)
        reply = await _exchange(shared, both, 89)
        assert reply[:2] == b"\x00\x02"
        own = ModbusServer({}, port=farm.ports[1])
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_exchange(own, mbap_frame(1, 1, request), 1), 0.05)
