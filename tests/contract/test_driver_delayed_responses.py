"""Units that delay a response, answer newer requests meanwhile, and give the delayed one later.

The whole port is tried: no reading may be another register's, and none older than it says but
where a unit leaves no other way to ask.
"""

import asyncio
import random
import struct
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from config.gateway import ResolvedDevice
from config.ports import Framing, ModbusRtuOverTcpPort, ModbusRtuPort, ModbusTcpPort, Port
from edge_agent.health import Health
from edge_agent.polling.availability_store import MemoryAvailability
from edge_agent.polling.port import PortOwner
from protocols.reading import Quality
from simulators.faults import Fault, FaultKind, FaultyUnit
from simulators.line import LineTiming, Reply
from simulators.slave import ILLEGAL_ADDRESS, exception_reply
from tests.fakes.devices import device, point
from tests.fakes.memory_line import MemoryLink, client_on, line_of
from tests.fakes.reading_sink import ListSink
from tests.fakes.virtual_loop import LoopClock, run_virtually

DELAYED = Fault(FaultKind.OUT_OF_ORDER, seconds=1.7, longest_s=4.8, chance=0.1)
_START_MS = 1_795_000_000_000
_STEP_S = 0.1
_STEPS = 650


class TimedUnit:
    """Registers that say where they are and when they were read.

    Attributes:
        there: The registers that it has; all others are illegal addresses.
        asked: (function, address, count) of everything asked.
    """

    def __init__(self, there: Sequence[int]) -> None:
        self.there = {address: index for index, address in enumerate(there)}
        self.asked: list[tuple[int, int, int]] = []
        self.written: list[bytes] = []

    def respond(self, pdu: bytes, now_s: float) -> Reply:
        """Answer one request PDU."""
        code, address, count = struct.unpack_from(">BHH", pdu)
        if code in {6, 16}:
            self.written.append(pdu)
            return Reply(pdu[:5])
        self.asked.append((code, address, count))
        if any(at not in self.there for at in range(address, address + count)):
            return Reply(exception_reply(code, ILLEGAL_ADDRESS))
        tick = int(now_s / _STEP_S) % _STEPS
        values = [self.there[at] * _STEPS + tick for at in range(address, address + count)]
        return Reply(struct.pack(f">BB{count}H", code, 2 * count, *values))


@dataclass
class Outcome:
    """What came of a run.

    Attributes:
        ages_s: How old each value was when it was stored.
        periods: Readings of each point, as a share of the periods.
    """

    wrong: list[str]
    ages_s: list[float]
    periods: dict[str, float]
    reasons: Counter[str]


def port_of(framing: str, **options: Any) -> Port:
    options = {"timeout_s": 0.4} | options
    if framing in {"mbap", "newest"}:
        return ModbusTcpPort(kind="modbus_tcp", host="memory", **options)
    if framing == "rtu_over_tcp":
        return ModbusRtuOverTcpPort(kind="modbus_rtu_over_tcp", host="memory", **options)
    return ModbusRtuPort(kind="modbus_rtu", device="memory", framing=Framing(framing), **options)


def blocks_of(sizes: Sequence[int], *, period_s: float = 0.5, gap: int = 200) -> ResolvedDevice:
    """Return a device with blocks of so many registers, far apart."""
    points = {
        f"b{block}_{index}": point(block * gap + index, period_s=period_s, report_all=True)
        for block, size in enumerate(sizes)
        for index in range(size)
    }
    return device("d1", points)


def judged(sink: ListSink, meter: ResolvedDevice, unit: TimedUnit) -> tuple[list[str], list[float]]:
    """Return every reading that is another register's, and how old the others are."""
    wrong: list[str] = []
    ages_s: list[float] = []
    for _, reading in sink.log:
        if reading.quality is not Quality.GOOD or not isinstance(reading.value, int):
            continue
        place, tick = divmod(reading.value, _STEPS)
        if unit.there[meter.points[reading.point].address] != place:
            wrong.append(f"{reading.point}: {reading.value}")
        taken_s = (reading.taken_at - _START_MS) / 1000
        ages_s.append(max(0.0, taken_s - tick * _STEP_S))
    return wrong, ages_s


async def polled(
    meter: ResolvedDevice,
    unit: TimedUnit,
    framing: str,
    *,
    seed: int,
    seconds: float = 60.0,
    fault: Fault = DELAYED,
    period_s: float = 0.5,
) -> Outcome:
    faulty = FaultyUnit(unit, seed=seed)
    faulty.faults.add(fault)
    far = "rtu" if framing == "rtu_over_tcp" else framing
    link = MemoryLink(line_of({1: faulty}, far, LineTiming(baud=9600, turnaround_s=0.005)))
    sink, port = ListSink(), port_of(framing)
    owner = PortOwner(
        "bus",
        settings=port,
        devices={"d1": meter},
        open_driver=lambda late: client_on(link, port, on_late_response=late),
        sink=sink,
        health=Health(),
        availability=MemoryAvailability(),
        clock=LoopClock(),
        rng=random.Random(seed),  # noqa: S311 (repeatable)
    )
    with suppress(TimeoutError):
        await asyncio.wait_for(owner.run(), seconds)
    wrong, ages_s = judged(sink, meter, unit)
    times = Counter(r.point for _, r in sink.log if r.quality is Quality.GOOD)
    shares = {name: times[name] * period_s / seconds for name in meter.points}
    reasons = Counter(r.reason for _, r in sink.log)
    return Outcome(wrong, ages_s, shares, reasons)


FRAMINGS = ("rtu", "ascii", "rtu_over_tcp", "mbap", "newest")
STRICT_TENS = [*range(10), *range(200, 210)]
STRICT_ONES = [0, 200]
STRICT_TWOS = [address for first in range(0, 1000, 200) for address in (first, first + 1)]


@pytest.mark.long
@pytest.mark.sampled(6)
@pytest.mark.seeds(1, 10)
@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize(
    ("sizes", "there"),
    [
        pytest.param([10, 10], STRICT_TENS, id="two tens"),
        pytest.param([10, 10], [*range(30), *range(200, 230)], id="two tens and more"),
        pytest.param([1, 1], STRICT_ONES, id="two single registers"),
        pytest.param([1, 1], [*range(30), *range(200, 230)], id="two single registers and more"),
        pytest.param([2] * 5, STRICT_TWOS, id="five twos"),
    ],
)
def test_no_delayed_response_becomes_another_registers_value(
    framing: str, sizes: list[int], there: Sequence[int], seed: int
) -> None:
    outcome = run_virtually(polled(blocks_of(sizes), TimedUnit(there), framing, seed=seed))
    assert outcome.wrong == []
    assert len(outcome.ages_s) > 6
