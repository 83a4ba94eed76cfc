"""Units that are late, damaged or offline beside healthy ones, where answers can collide."""

import asyncio
import random
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise

import pytest

from config.gateway import ResolvedDevice
from config.ports import Framing, ModbusRtuPort
from edge_agent.health import Health
from edge_agent.polling.availability_store import MemoryAvailability
from edge_agent.polling.port import PortOwner
from protocols.reading import Quality
from simulators.faults import Fault, FaultKind, FaultyUnit
from simulators.line import LineTiming
from tests.contract.test_driver_lines import EchoAddress
from tests.fakes.devices import device, point
from tests.fakes.memory_line import MemoryLink, client_on, line_of
from tests.fakes.reading_sink import ListSink
from tests.fakes.virtual_loop import LoopClock, run_virtually

START_MS = 1_795_000_000_000
OFFLINE = Fault(FaultKind.OFFLINE)


@dataclass(frozen=True)
class Line:
    """A serial line.

    Attributes:
        blocks: First register of each block of a unit.
        size: Registers of a block.
        begin_s: From when on it is judged; late units must have been late before that is known.
    """

    units: int
    period_s: float
    timeout_s: float
    blocks: tuple[int, ...]
    size: int
    timing: LineTiming
    faults: Mapping[int, Fault]
    begin_s: float = 0.0

    def device(self, unit: int) -> ResolvedDevice:
        addresses = [first + index for first in self.blocks for index in range(self.size)]
        points = {
            f"p{address}": point(address, period_s=self.period_s, report_all=True)
            for address in addresses
        }
        return device(f"d{unit}", points, unit=unit)


FULL = Line(
    units=5,
    period_s=0.1,
    timeout_s=0.1,
    blocks=(10, 800),
    size=1,
    timing=LineTiming(baud=115200, turnaround_s=0.001),
    faults={
        2: OFFLINE,
        3: Fault(FaultKind.LATE, seconds=0.13, chance=0.4),
        4: Fault(FaultKind.NOISE, chance=0.3),
    },
)
"""No wait of ``timeout_s`` ends before somebody is due."""

MESSY = Line(
    units=10,
    period_s=5.0,
    timeout_s=1.0,
    blocks=(0,),
    size=10,
    timing=LineTiming(baud=9600, turnaround_s=0.005),
    faults={
        2: OFFLINE,
        3: Fault(FaultKind.LATE, seconds=1.5, chance=0.3),
        6: Fault(FaultKind.NOISE, chance=0.2),
        9: Fault(FaultKind.SLOW, seconds=0.15),
    },
    begin_s=30.0,
)
"""As in ``make bench-bus``."""


async def _polled(line: Line, framing: Framing, seed: int, seconds: float) -> ListSink:
    units = {
        number: FaultyUnit(EchoAddress(), seed=1000 * seed + number)
        for number in range(1, line.units + 1)
    }
    for number, fault in line.faults.items():
        units[number].faults.add(fault)
    link = MemoryLink(line_of(units, framing.value, line.timing))
    port = ModbusRtuPort(
        kind="modbus_rtu",
        device="memory",
        baud=line.timing.baud,  # pyright: ignore[reportArgumentType]
        framing=framing,
        timeout_s=line.timeout_s,
    )
    sink = ListSink()
    owner = PortOwner(
        "bus",
        settings=port,
        devices={one.id: one for one in map(line.device, units)},
        open_driver=lambda late: client_on(link, port, on_late_response=late),
        sink=sink,
        health=Health(),
        availability=MemoryAvailability(),
        clock=LoopClock(),
        rng=random.Random(seed),  # noqa: S311 (repeatable)
    )
    with suppress(TimeoutError):
        await asyncio.wait_for(owner.run(), seconds)
    for _, reading in sink.log:
        assert reading.quality is not Quality.GOOD or reading.point == f"p{reading.value}"
    return sink


def gaps_s(sink: ListSink, line: Line, unit: int) -> list[float]:
    name = f"p{line.blocks[0]}"
    good = [
        one
        for one in sink.of(f"d{unit}", name)
        if one.quality is Quality.GOOD and one.taken_at >= START_MS + 1000 * line.begin_s
    ]
    return [(later.taken_at - one.taken_at) / 1000 for one, later in pairwise(good)]


@pytest.mark.long
@pytest.mark.sampled(3)
@pytest.mark.seeds(1, 10)
@pytest.mark.parametrize("framing", list(Framing))
@pytest.mark.parametrize("seconds", [4.0, 25.0])
def test_on_a_full_line_healthy_units_keep_their_period(
    framing: Framing, seed: int, seconds: float
) -> None:
    sink = run_virtually(_polled(FULL, framing, seed, seconds))
    for unit in (1, 5):
        gaps = gaps_s(sink, FULL, unit)
        assert sum(gaps) / len(gaps) < 1.2 * FULL.period_s, unit


@pytest.mark.long
@pytest.mark.seeds(1, 10)
def test_on_a_full_line_units_that_miss_answers_are_found_again(seed: int) -> None:
    """The probe budget of 2.2 % pays a wait of 0.1 s about every five seconds, after its debts."""
    sink = run_virtually(_polled(FULL, Framing.RTU, seed, 60.0))
    for unit in (3, 4):
        assert gaps_s(sink, FULL, unit), unit


@pytest.mark.seeds(1, 10)
def test_a_late_and_a_noisy_unit_move_no_healthy_one_by_their_waits(seed: int) -> None:
    seconds = 300.0
    sink = run_virtually(_polled(MESSY, Framing.RTU, seed, MESSY.begin_s + seconds))
    healthy = sorted(gap for unit in (1, 4, 5, 7, 8, 10) for gap in gaps_s(sink, MESSY, unit))
    assert healthy[int(0.99 * len(healthy))] <= 5.2
    assert healthy[int(0.98 * len(healthy))] <= 5.01
    for unit, share in ((3, 0.7), (6, 0.85), (9, 0.99)):
        assert len(gaps_s(sink, MESSY, unit)) >= share * seconds / MESSY.period_s - 1, unit
