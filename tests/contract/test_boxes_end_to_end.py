"""A port against simulated boxes on real sockets: each fault that people can switch on."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import pytest

from config.points import Table
from config.ports import Accept, ModbusRtuOverTcpPort, ModbusTcpPort
from config.writable import Writable
from edge_agent.clock import SystemClock
from edge_agent.drivers.modbus_client import open_modbus
from edge_agent.health import Health
from edge_agent.polling.availability_store import MemoryAvailability
from edge_agent.polling.port import PortOwner
from protocols.reading import Quality
from simulators.box import BoxFault, BoxFaultKind
from simulators.faults import Fault, FaultKind, FaultyUnit
from simulators.line import Reply
from simulators.modbus import ModbusServer
from simulators.slave import Bank, RegisterSpace, answer
from tests.fakes.devices import device, point
from tests.fakes.reading_sink import ListSink
from tests.patience import PATIENCE_S

PERIOD_S = 0.1
TIMEOUT_S = 0.25
KIND = BoxFaultKind


class Slave:
    """Registers that hold their address."""

    def __init__(self) -> None:
        self.space = RegisterSpace()
        self.space.banks[Bank.HOLDING].update({at: at for at in range(100)})

    def respond(self, pdu: bytes, now_s: float) -> Reply:
        del now_s
        return Reply(answer(self.space, pdu))


class Rig:
    """A port and the box at its other end."""

    def __init__(
        self, server: ModbusServer, unit: FaultyUnit, slave: Slave, **options: Any
    ) -> None:
        self.box, self.unit, self.slave = server.box, unit, slave
        self.sink = ListSink()
        kind = ModbusTcpPort if options.pop("framing") == "mbap" else ModbusRtuOverTcpPort
        name = "modbus_tcp" if kind is ModbusTcpPort else "modbus_rtu_over_tcp"
        settings = kind.model_validate(
            {"kind": name, "host": server.host, "port": server.port, "timeout_s": TIMEOUT_S}
            | options
        )
        points = {
            f"p{at}": point(at, period_s=PERIOD_S, report_all=True, writable=Writable(maximum=9999))
            for at in (1, 2)
        }
        self.port = PortOwner(
            "box",
            settings=settings,
            devices={"d1": device("d1", points, unit=1)},
            open_driver=partial(open_modbus, settings, SystemClock()),
            sink=self.sink,
            health=Health(),
            availability=MemoryAvailability(),
            clock=SystemClock(),
        )

    def good(self) -> int:
        return len(self.sink.times_s("d1", "p2"))

    async def until(self, there: Callable[[], bool], *, within_s: float = PATIENCE_S) -> None:
        async with asyncio.timeout(within_s):
            while not there():
                await asyncio.sleep(0.01)


@asynccontextmanager
async def rig(*faults: BoxFault, framing: Any = "mbap", **options: Any) -> AsyncIterator[Rig]:
    slave = Slave()
    unit = FaultyUnit(slave, seed=1)
    async with ModbusServer({1: unit}, framing=framing) as server:
        for fault in faults:
            server.box.add(fault)
        made = Rig(server, unit, slave, framing=framing, **options)
        task = asyncio.create_task(made.port.run())
        yield made
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        # What was on its way when the port ended arrives.
        await asyncio.sleep(0.03)


_FAULTS = [
    BoxFault(KIND.SWALLOW, 0.4),
    BoxFault(KIND.BANNER, 0.0, text="login: "),
    BoxFault(KIND.BANNER, 0.05, text="\0\0Welcome\r\n"),
    BoxFault(KIND.CLOSE, 0.0),
    BoxFault(KIND.RESET, 0.0),
    BoxFault(KIND.IDLE_CLOSE, 0.05),
    BoxFault(KIND.SINGLE),
    BoxFault(KIND.PIECES, 0.1),
]
_ECHO_OF_A_LINE = (BoxFault(KIND.ECHO), "rtu")


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("fault", "framing"),
    [*((fault, framing) for fault in _FAULTS for framing in ("mbap", "rtu")), _ECHO_OF_A_LINE],
    ids=lambda one: one if isinstance(one, str) else f"{one.kind}-{one.seconds}",
)
async def test_a_box_with_a_fault_is_read_and_commanded(fault: BoxFault, framing: str) -> None:
    async with rig(fault, framing=framing) as bench:
        await bench.until(lambda: bench.good() > 4)
        for value in range(4):
            written = await bench.port.write("d1", "p1", 500 + value)
            assert written.confirmed, written.reason
            await asyncio.sleep(0.01)
    assert bench.slave.space.banks[Bank.HOLDING][1] == 503
    good = [one.value for one in bench.sink.of("d1", "p2") if one.quality is Quality.GOOD]
    assert set(good) == {2}
    assert bench.sink.events.count(("up", "d1", "")) <= 2


@pytest.mark.long
@pytest.mark.parametrize(
    ("fault", "accept"),
    [
        (BoxFault(KIND.UNIT, number=0), Accept.ANY_UNIT),
        (BoxFault(KIND.UNIT, number=255), Accept.ANY_NUMBER),
        (BoxFault(KIND.TRANSACTION, number=0), Accept.ANY_NUMBER),
        (BoxFault(KIND.PROTOCOL, number=7), Accept.ANY_NUMBER),
        (BoxFault(KIND.LENGTH, number=1), Accept.ANY_NUMBER),
        (BoxFault(KIND.LENGTH, number=-1), Accept.ANY_NUMBER),
    ],
    ids=str,
)
async def test_an_odd_header_is_garbage_until_it_is_accepted(
    fault: BoxFault, accept: Accept
) -> None:
    async with rig(fault) as bench:
        await bench.until(lambda: ("down", "d1", "garbage") in bench.sink.events)
        assert bench.good() == 0
    async with rig(fault, accept_answers=accept) as bench:
        await bench.until(lambda: bench.good() > 3)
        assert (await bench.port.write("d1", "p1", 7)).confirmed


async def test_a_device_that_limits_what_is_written_is_read_back() -> None:
    async with rig() as bench:
        bench.unit.faults.add(Fault(FaultKind.CLAMP, count=99))
        await bench.until(lambda: bench.good() > 1)
        written = await bench.port.write("d1", "p1", 5000)
    assert not written.confirmed
    assert written.after is not None
    assert written.after.value == 99
    assert written.reason == "the device reads back another value"


@pytest.mark.long
async def test_a_busy_device_is_read_and_commanded() -> None:
    async with rig() as bench:
        await bench.until(lambda: bench.good() > 1)
        bench.unit.faults.add(Fault(FaultKind.EXCEPTION, code=6, chance=0.4))
        before = bench.good()
        await bench.until(lambda: bench.good() > before + 10)
        assert (await bench.port.write("d1", "p1", 7)).confirmed


def test_the_tables_are_those_of_the_agent() -> None:
    assert {bank.value for bank in Bank} == {table.value for table in Table}
