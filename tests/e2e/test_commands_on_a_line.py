"""Commands on a full RS-485 line with the timing of its bytes."""

import asyncio
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random

import pytest

from config.ports import ModbusRtuPort
from config.writable import Writable
from edge_agent.clock import SystemClock
from edge_agent.commands.ledger import SqliteLedger
from edge_agent.commands.result import Status
from edge_agent.commands.rules import Command
from edge_agent.commands.service import CommandService
from edge_agent.drivers.modbus_client import open_modbus
from edge_agent.health import Health
from edge_agent.polling.availability_store import MemoryAvailability
from edge_agent.polling.port import PortOwner
from simulators.line import LineTiming, Reply
from simulators.serial_line import SerialLine
from simulators.slave import Bank, RegisterSpace, answer
from tests.fakes.devices import device, point
from tests.fakes.reading_sink import ListSink
from tests.patience import PATIENCE_S

BAUD, TURNAROUND_S, REGISTERS = 38400, 0.02, 20
# Request, turnaround and reply of a read: 8 + 5 + 40 characters of 11 bits.
FRAME_S = (8 + 5 + 2 * REGISTERS) * 11 / BAUD + TURNAROUND_S
SCHEDULING_S = 0.03
"""What an operating system on a busy machine adds to each of three wakes."""


class Registers:
    """A unit that notes when it was written to."""

    def __init__(self) -> None:
        self.space = RegisterSpace()
        self.space.banks[Bank.HOLDING].update(dict.fromkeys(range(REGISTERS), 0))
        self.written_s: list[float] = []

    def respond(self, pdu: bytes, now_s: float) -> Reply:
        del now_s
        if pdu[0] in {6, 16}:
            self.written_s.append(SystemClock().monotonic_s())
        return Reply(answer(self.space, pdu))


@pytest.mark.alone
async def test_a_command_is_on_the_wire_after_two_frames_beside_offline_units_and_read_back(
    tmp_path: Path,
) -> None:
    units = {number: Registers() for number in (1, 2, 3)}
    offline = (4, 5)
    writable = Writable(maximum=60000, min_interval_s=0)
    # Three reads take longer than the period: the port is asked for more than it has.
    points = {
        f"p{at}": point(at, period_s=0.05, writable=writable if at == 0 else None)
        for at in range(REGISTERS)
    }
    settings = ModbusRtuPort(
        kind="modbus_rtu", device=str(tmp_path / "line"), baud=BAUD, parity="N"
    )
    clock, health = SystemClock(), Health()
    devices = {f"d{unit}": device(f"d{unit}", points, unit=unit) for unit in (*units, *offline)}
    timing = LineTiming(baud=BAUD, turnaround_s=TURNAROUND_S)
    async with (
        SerialLine(units, path=tmp_path / "line", timing=timing),
        SqliteLedger(tmp_path / "commands.sqlite") as ledger,
    ):
        port = PortOwner(
            "bus",
            settings=settings,
            devices=devices,
            open_driver=partial(open_modbus, settings, clock),
            sink=ListSink(),
            health=health,
            availability=MemoryAvailability(),
            clock=clock,
        )
        task = asyncio.create_task(port.run())
        async with asyncio.timeout(PATIENCE_S):
            while not all(port.latest(f"d{unit}", "p0") for unit in units) or any(
                port.answers(f"d{unit}") for unit in offline
            ):
                await asyncio.sleep(0.01)
        service = CommandService(
            devices=devices, ports={"bus": port}, ledger=ledger, health=health, clock=clock
        )
        rng = Random(1)  # noqa: S311 (reproducible instants, not a secret)
        waits: list[float] = []
        for value in range(1, 21):
            await asyncio.sleep(rng.uniform(0.0, 0.1))
            unit = rng.randint(1, 3)
            ordered_s = clock.monotonic_s()
            result = await service.execute(
                Command(f"k{value}", f"d{unit}", "p0", value, "test", clock.now_ms())
            )
            assert (result.status, result.after) == (Status.DONE, value)
            waits.append(units[unit].written_s[-1] - ordered_s)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    # A frame that is under way, or an offline unit until its answer would be late, and the
    # command's own. The exact bound is proven in simulated time; here every wake may be late.
    assert sorted(waits)[17] <= 2 * FRAME_S + SCHEDULING_S
    assert max(waits) <= 2 * FRAME_S + 3 * SCHEDULING_S
