"""A minute in real time of units that hold an answer, answer newer requests and give it later."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from config.ports import ModbusRtuOverTcpPort, ModbusRtuPort, ModbusTcpPort, Port
from edge_agent.clock import SystemClock
from edge_agent.drivers.modbus_client import open_modbus
from edge_agent.health import Health
from edge_agent.polling.availability_store import MemoryAvailability
from edge_agent.polling.port import PortOwner
from protocols.reading import Quality
from simulators.faults import Fault, FaultKind, FaultyUnit
from simulators.line import LineTiming
from simulators.modbus import Framing, ModbusServer
from simulators.serial_line import SerialLine
from tests.contract.test_driver_delayed_writes import (
    Controller,
    Outcome,
    command,
    judge_outcome,
    units_of,
)
from tests.contract.test_driver_lines import EchoAddress
from tests.e2e.test_polling_on_a_line import stop
from tests.fakes.devices import device, point
from tests.fakes.reading_sink import ListSink

SECONDS = 60.0
PERIOD_S = 0.5
DELAYED = Fault(FaultKind.OUT_OF_ORDER, seconds=1.7, longest_s=4.8, chance=0.1)
TIMING = LineTiming(baud=115200, turnaround_s=0.001)
BLOCKS = (0, 200)
UNITS = (1, 2)
PORTS: dict[str, type[Port]] = {"mbap": ModbusTcpPort, "rtu": ModbusRtuOverTcpPort}


@asynccontextmanager
async def far_end(kind: str, folder: Path) -> AsyncGenerator[Port]:
    """Units whose registers hold their own addresses, and the port that leads to them."""
    units = {number: FaultyUnit(EchoAddress(), seed=number) for number in UNITS}
    for unit in units.values():
        unit.faults.add(DELAYED)
    async with AsyncExitStack() as stack:
        if kind == "pty":
            path = folder / "line"
            await stack.enter_async_context(SerialLine(units, path=path, timing=TIMING))
            yield ModbusRtuPort(
                kind="modbus_rtu", device=str(path), baud=115200, parity="N", timeout_s=0.4
            )
            return
        framing: Framing = "mbap" if kind == "mbap" else "rtu"
        server = ModbusServer(units, framing=framing, timing=TIMING)
        await stack.enter_async_context(server)
        names = {"mbap": "modbus_tcp", "rtu": "modbus_rtu_over_tcp"}
        yield PORTS[kind].model_validate(
            {"kind": names[kind], "host": "127.0.0.1", "port": server.port, "timeout_s": 0.4}
        )


async def polled(kind: str, folder: Path) -> ListSink:
    """Poll two blocks of ten registers of each unit: one of them fits the other's late answer."""
    meters = {
        f"d{unit}": device(
            f"d{unit}",
            {
                f"r{start + index}": point(start + index, period_s=PERIOD_S, report_all=True)
                for start in BLOCKS
                for index in range(10)
            },
            unit=unit,
        )
        for unit in UNITS
    }
    sink, clock = ListSink(), SystemClock()
    async with far_end(kind, folder) as settings:
        owner = PortOwner(
            "bus",
            settings=settings,
            devices=meters,
            open_driver=partial(open_modbus, settings, clock),
            sink=sink,
            health=Health(),
            availability=MemoryAvailability(),
            clock=clock,
        )
        task = asyncio.create_task(owner.run())
        await asyncio.sleep(SECONDS)
        await stop(task)
    return sink


async def test_no_register_gets_the_value_of_another(tmp_path: Path) -> None:
    kinds = ("pty", "rtu", "mbap")
    sinks = await asyncio.gather(*(polled(kind, tmp_path) for kind in kinds))
    for kind, sink in zip(kinds, sinks, strict=True):
        good = [one for _, one in sink.log if one.quality is Quality.GOOD]
        wrong = [(one.point, one.value) for one in good if one.point != f"r{one.value}"]
        assert wrong == [], kind
        wanted = len(UNITS) * len(BLOCKS) * 10 * SECONDS / PERIOD_S
        share = len(good) / wanted
        print(f"{kind}: {share:.0%} of the periods read")  # noqa: T201 (shown with -s)
        assert share > 0.4, kind


async def test_a_command_rests_on_what_was_read_for_it_and_goes_out_once(tmp_path: Path) -> None:
    outcome, clock = Outcome(Controller()), SystemClock()
    path = tmp_path / "line"
    settings = ModbusRtuPort(
        kind="modbus_rtu", device=str(path), baud=115200, parity="N", timeout_s=0.4
    )
    open_driver = partial(open_modbus, settings, clock)
    async with SerialLine(units_of(outcome), path=path, timing=TIMING):
        wall_s = lambda: clock.now_ms() / 1000  # noqa: E731 (the clock of the line)
        await command(outcome, settings, open_driver, clock, now_s=wall_s, commands=20)
    judge_outcome(outcome)
    assert any(one.confirmed for one in outcome.done)
