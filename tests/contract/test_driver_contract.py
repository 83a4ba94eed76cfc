"""What every driver promises: the fake one, Modbus TCP, RTU and ASCII over TCP and on a line."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from config.points import Table
from config.ports import Framing, ModbusRtuOverTcpPort, ModbusRtuPort, ModbusTcpPort, Port
from edge_agent.clock import SystemClock
from edge_agent.drivers.base import Driver
from edge_agent.drivers.modbus import write_request
from edge_agent.drivers.modbus_client import open_modbus
from edge_agent.errors import (
    DeviceGarbageError,
    DeviceRefusedError,
    DeviceTimeoutError,
    PortDownError,
)
from simulators.line import LineTiming, Reply
from simulators.modbus import ModbusServer
from simulators.serial_line import SerialLine
from simulators.slave import Bank, RegisterSpace, answer
from tests.fakes.driver import FakeDriver, FakeUnit

PATIENCE_S = 1.0
SHORT_S = 0.05
WORDS = {100 + k: 1000 + k for k in range(125)}
BITS = {k: k % 3 == 0 for k in range(2000)}


class Slave:
    """Unit 1 of every line."""

    def __init__(self) -> None:
        self.space = RegisterSpace()
        self.space.banks[Bank.HOLDING].update(WORDS)
        self.space.banks[Bank.INPUT].update({0: 7})
        self.space.banks[Bank.COIL].update({at: int(bit) for at, bit in BITS.items()})
        self.space.banks[Bank.DISCRETE].update({0: 1})

    def respond(self, pdu: bytes, now_s: float) -> Reply:
        del now_s
        return Reply(answer(self.space, pdu))


def fake() -> Driver:
    clock = SystemClock()
    tables: dict[tuple[Table, int], int] = {}
    for bank, places in Slave().space.banks.items():
        tables |= {(Table(bank.value), at): value for at, value in places.items()}
    return FakeDriver({1: FakeUnit(tables, 0.001)}, clock)


async def tcp(stack: AsyncExitStack, folder: Path) -> Port:
    del folder
    server = await stack.enter_async_context(ModbusServer({1: Slave()}))
    return ModbusTcpPort(kind="modbus_tcp", host=server.host, port=server.port)


async def rtu_over_tcp(stack: AsyncExitStack, folder: Path) -> Port:
    del folder
    server = await stack.enter_async_context(ModbusServer({1: Slave()}, framing="rtu"))
    kind = "modbus_rtu_over_tcp"
    return ModbusRtuOverTcpPort(kind=kind, host=server.host, port=server.port, timeout_s=0.1)


async def rtu(stack: AsyncExitStack, folder: Path) -> Port:
    timing = LineTiming(baud=115200, turnaround_s=0.001)
    path = folder / "line"
    await stack.enter_async_context(SerialLine({1: Slave()}, path=path, timing=timing))
    kind = "modbus_rtu"
    return ModbusRtuPort(kind=kind, device=str(path), baud=115200, parity="N", timeout_s=0.1)


async def ascii_over_tcp(stack: AsyncExitStack, folder: Path) -> Port:
    del folder
    server = await stack.enter_async_context(ModbusServer({1: Slave()}, framing="ascii"))
    kind = "modbus_rtu_over_tcp"
    return ModbusRtuOverTcpPort(
        kind=kind, host=server.host, port=server.port, timeout_s=0.1, framing=Framing.ASCII
    )


async def ascii_line(stack: AsyncExitStack, folder: Path) -> Port:
    timing = LineTiming(baud=115200, turnaround_s=0.001)
    path = folder / "line"
    line = SerialLine({1: Slave()}, path=path, timing=timing, framing="ascii")
    await stack.enter_async_context(line)
    return ModbusRtuPort.model_validate(
        {
            "kind": "modbus_rtu",
            "device": str(path),
            "baud": 115200,
            "parity": "N",
            "framing": Framing.ASCII,
            "timeout_s": 0.1,
        }
    )


MAKERS: dict[str, Any] = {
    "tcp": tcp,
    "rtu_over_tcp": rtu_over_tcp,
    "rtu": rtu,
    "ascii_over_tcp": ascii_over_tcp,
    "ascii": ascii_line,
}


@pytest.fixture(params=["fake", *MAKERS])
async def closed(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Driver]:
    async with AsyncExitStack() as stack:
        if request.param == "fake":
            yield fake()
        else:
            port = await MAKERS[request.param](stack, tmp_path)
            yield open_modbus(port, SystemClock())


@pytest.fixture
async def driver(closed: Driver) -> AsyncIterator[Driver]:
    async with closed:
        yield closed


async def test_registers_are_read_in_order(driver: Driver) -> None:
    before = SystemClock().now_ms()
    reply = await driver.read(1, Table.HOLDING, 100, 3, timeout_s=PATIENCE_S)
    assert list(reply.values) == [1000, 1001, 1002]
    assert before <= reply.at_ms <= SystemClock().now_ms()
    assert 0 < reply.took_s < PATIENCE_S


@pytest.mark.parametrize("table", [Table.INPUT, Table.DISCRETE])
async def test_the_read_only_tables_are_read(driver: Driver, table: Table) -> None:
    reply = await driver.read(1, table, 0, 1, timeout_s=PATIENCE_S)
    assert list(reply.values) == [7 if table is Table.INPUT else 1]


async def test_as_many_bits_as_asked_come_back(driver: Driver) -> None:
    reply = await driver.read(1, Table.COIL, 3, 11, timeout_s=PATIENCE_S)
    assert list(reply.values) == [int(BITS[3 + k]) for k in range(11)]


async def test_the_largest_requests_are_answered(driver: Driver) -> None:
    words = await driver.read(1, Table.HOLDING, 100, 125, timeout_s=PATIENCE_S)
    bits = await driver.read(1, Table.COIL, 0, 2000, timeout_s=PATIENCE_S)
    assert list(words.values) == list(WORDS.values())
    assert list(bits.values) == [int(bit) for bit in BITS.values()]


@pytest.mark.parametrize(("table", "count"), [(Table.HOLDING, 126), (Table.COIL, 2001)])
async def test_a_request_beyond_the_protocol_is_refused_here(
    driver: Driver, table: Table, count: int
) -> None:
    with pytest.raises(DeviceGarbageError):
        await driver.read(1, table, 0, count, timeout_s=PATIENCE_S)


async def test_an_illegal_address_is_a_refusal_with_its_code(driver: Driver) -> None:
    with pytest.raises(DeviceRefusedError) as refusal:
        await driver.read(1, Table.HOLDING, 99, 2, timeout_s=PATIENCE_S)
    assert refusal.value.code == 2


@pytest.mark.parametrize(
    ("table", "address", "values"),
    [
        (Table.HOLDING, 100, [5]),
        (Table.HOLDING, 110, [1, 65535, 3]),
        (Table.COIL, 4, [1]),
        (Table.COIL, 20, [1, 1, 0, 1, 0, 0, 1, 1, 1]),
    ],
)
async def test_what_is_written_reads_back(
    driver: Driver, table: Table, address: int, values: list[int]
) -> None:
    await driver.write(1, table, address, values, timeout_s=PATIENCE_S)
    reply = await driver.read(1, table, address, len(values), timeout_s=PATIENCE_S)
    assert list(reply.values) == values


@pytest.mark.parametrize(("table", "code"), [(Table.HOLDING, 16), (Table.COIL, 15)])
async def test_one_value_may_be_written_with_the_function_for_several(
    driver: Driver, table: Table, code: int
) -> None:
    await driver.write(1, table, 100, [1], timeout_s=PATIENCE_S, multiple=True)
    reply = await driver.read(1, table, 100, 1, timeout_s=PATIENCE_S)
    assert list(reply.values) == [1]
    assert write_request(1, table, 100, [1], multiple=True).code == code


async def test_a_write_to_an_illegal_address_is_a_refusal(driver: Driver) -> None:
    with pytest.raises(DeviceRefusedError):
        await driver.write(1, Table.HOLDING, 9, [1], timeout_s=PATIENCE_S)


@pytest.mark.parametrize("table", [Table.INPUT, Table.DISCRETE])
async def test_a_read_only_table_is_not_written(driver: Driver, table: Table) -> None:
    with pytest.raises(DeviceGarbageError):
        await driver.write(1, table, 0, [1], timeout_s=PATIENCE_S)


async def test_a_silent_unit_times_out_and_the_next_is_asked_well(driver: Driver) -> None:
    with pytest.raises(DeviceTimeoutError):
        await driver.read(9, Table.HOLDING, 100, 1, timeout_s=SHORT_S)
    reply = await driver.read(1, Table.HOLDING, 101, 1, timeout_s=PATIENCE_S)
    assert list(reply.values) == [1001]


async def test_a_cancelled_request_leaves_the_next_one_well(driver: Driver) -> None:
    asked = asyncio.create_task(driver.read(9, Table.HOLDING, 100, 1, timeout_s=PATIENCE_S))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asked, SHORT_S)
    reply = await driver.read(1, Table.HOLDING, 102, 1, timeout_s=PATIENCE_S)
    assert list(reply.values) == [1002]


async def test_opening_and_closing_can_be_repeated(closed: Driver) -> None:
    for _ in range(3):
        async with closed:
            await closed.read(1, Table.HOLDING, 100, 1, timeout_s=PATIENCE_S)


async def test_a_closed_driver_says_that_its_port_is_down(closed: Driver) -> None:
    with pytest.raises(PortDownError):
        await closed.read(1, Table.HOLDING, 100, 1, timeout_s=PATIENCE_S)


async def test_at_rest_everything_may_be_asked(driver: Driver) -> None:
    assert driver.clear_at(1, Table.HOLDING, 100, 1) <= SystemClock().monotonic_s()
