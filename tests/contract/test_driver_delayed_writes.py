"""Commands for a unit that delays responses, echoes among them, by seconds.

Each command goes out once at most, after what it rests on was read for it; what it is said to have
done is what the device holds.
"""

import asyncio
import random
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import pytest

from config.gateway import ResolvedDevice
from config.interlock import Place
from config.points import DataType
from config.ports import Port
from config.writable import Writable
from edge_agent.clock import Clock
from edge_agent.drivers.base import Driver, OnLateResponse, OpenDriver
from edge_agent.errors import AgentError, CommandError
from edge_agent.health import Health
from edge_agent.polling.availability_store import MemoryAvailability
from edge_agent.polling.port import PortOwner
from edge_agent.polling.writes import Written
from simulators.faults import Fault, FaultKind, FaultyUnit
from simulators.line import LineTiming, Reply
from simulators.slave import ILLEGAL_ADDRESS, exception_reply
from tests.contract.test_driver_delayed_responses import FRAMINGS, port_of
from tests.fakes.devices import device, point
from tests.fakes.memory_line import MemoryLink, client_on, line_of
from tests.fakes.reading_sink import ListSink
from tests.fakes.virtual_loop import LoopClock, run_virtually

DELAYED = Fault(FaultKind.OUT_OF_ORDER, seconds=1.7, longest_s=4.8, chance=0.2)
SEED = 1
SETPOINT, BITS, TICK = 0, 200, 400
TICK_S = 0.1
TOGGLE_S = 3.0
"""How often the device itself changes bit 7 of the register that is written bit by bit."""
FRESH_S = 1.0
"""A command's own reads are answered within their timeout, or asked again."""


@dataclass
class Controller:
    """Three lone registers: a set-point, a register of bits, and the time.

    Attributes:
        written: When, where and what was written.
    """

    setpoint: int = 0
    bits: int = 0
    written: list[tuple[float, int, int]] = field(default_factory=list[tuple[float, int, int]])

    def respond(self, pdu: bytes, now_s: float) -> Reply:
        """Answer one request PDU."""
        code, address, count = struct.unpack_from(">BHH", pdu)
        if code in {6, 16}:
            value = count if code == 6 else struct.unpack_from(">H", pdu, 6)[0]
            self.written.append((now_s, address, value))
            if address == SETPOINT:
                self.setpoint = value
            else:
                self.bits = value & 0x7F
            return Reply(pdu[:5])
        found = {SETPOINT: self.setpoint, BITS: self.bits | own_bit(now_s), TICK: tick(now_s)}
        if count != 1 or address not in found:
            return Reply(exception_reply(code, ILLEGAL_ADDRESS))
        return Reply(struct.pack(">BBH", code, 2, found[address]))


def own_bit(now_s: float) -> int:
    return 0x80 * (int(now_s / TOGGLE_S) % 2)


def tick(now_s: float) -> int:
    return int(now_s / TICK_S) % 0x10000


def controller(function: Literal[16] | None, *, period_s: float = 0.5) -> ResolvedDevice:
    writable = Writable(maximum=60000, min_interval_s=0, function=function)
    bit = Writable(min_interval_s=0, function=function)
    return device(
        "d1",
        {
            "setpoint": point(SETPOINT, period_s=period_s, writable=writable),
            "valve": point(BITS, type=DataType.BIT, bit=2, period_s=period_s, writable=bit),
            "tick": point(TICK, period_s=period_s),
        },
    )


@dataclass
class Outcome:
    """What came of a run."""

    unit: Controller
    ages_s: list[float] = field(default_factory=list[float])
    done: list[Written] = field(default_factory=list[Written])
    refused: list[str] = field(default_factory=list[str])
    unknown: list[str] = field(default_factory=list[str])
    longest_gap_s: float = 0.0


def units_of(outcome: Outcome) -> dict[int, FaultyUnit]:
    """Return the device that holds answers and a well one."""
    faulty = FaultyUnit(outcome.unit, seed=SEED)
    faulty.faults.add(DELAYED)
    return {1: faulty, 2: FaultyUnit(Controller(), seed=SEED)}


async def in_memory(framing: str, function: Literal[16] | None) -> Outcome:
    outcome = Outcome(Controller())
    far = "rtu" if framing == "rtu_over_tcp" else framing
    timing = LineTiming(baud=9600, turnaround_s=0.005)
    link = MemoryLink(line_of(units_of(outcome), far, timing))
    settings = port_of(framing)
    clock = LoopClock()

    def open_driver(late: OnLateResponse) -> Driver:
        return client_on(link, settings, on_late_response=late)

    now_s = clock.monotonic_s
    await command(outcome, settings, open_driver, clock, now_s=now_s, function=function)
    return outcome


async def command(
    outcome: Outcome,
    settings: Port,
    open_driver: OpenDriver,
    clock: Clock,
    *,
    now_s: Callable[[], float],
    function: Literal[16] | None = None,
    commands: int = 30,
) -> None:
    """Poll the device beside a well one, and give it commands one after the other.

    ``now_s`` is the clock of the devices.
    """
    sink = ListSink()
    well = device("d2", {"tick": point(TICK, period_s=0.5, report_all=True)}, unit=2)
    port = PortOwner(
        "bus",
        settings=settings,
        devices={"d1": controller(function), "d2": well},
        open_driver=open_driver,
        sink=sink,
        health=Health(),
        availability=MemoryAvailability(),
        clock=clock,
        rng=random.Random(SEED),  # noqa: S311 (repeatable)
    )
    rng = random.Random(SEED)  # noqa: S311 (repeatable)
    polling = asyncio.create_task(port.run())
    await clock.sleep(3)

    def final_check() -> None:
        known = port.latest("d1", "tick")
        assert known is not None
        assert isinstance(known.value, int)
        outcome.ages_s.append((now_s() / TICK_S - known.value) % 0x10000 * TICK_S)

    for value in range(1, commands + 1):
        name = rng.choice(("setpoint", "setpoint", "valve"))
        asked = value if name == "setpoint" else value % 2 == 0
        try:
            written = await port.write(
                "d1", name, asked, watched=[Place("d1", "tick")], final_check=final_check
            )
        except CommandError as error:
            outcome.refused.append(str(error))
        except AgentError as error:
            outcome.unknown.append(str(error))
        else:
            outcome.done.append(written)
        await clock.sleep(rng.choice((0.2, 0.6, 1.0)))
    polling.cancel()
    with suppress(asyncio.CancelledError):
        await polling
    times = [reading.taken_at for name, reading in sink.log if name == "d2"]
    outcome.longest_gap_s = max(b - a for a, b in pairwise(times)) / 1000


def judge_outcome(outcome: Outcome) -> None:
    """Compare what came of the commands with what the device has seen."""
    assert max(outcome.ages_s) < FRESH_S, "judged by an old value"
    written = outcome.unit.written
    setpoints = [value for _, address, value in written if address == SETPOINT]
    assert setpoints == sorted(set(setpoints)), "twice, or out of order"
    for at_s, bits in [(at_s, value) for at_s, address, value in written if address == BITS]:
        recent = {own_bit(at_s), own_bit(at_s - FRESH_S)}
        assert bits & 0x80 in recent, "undid what the device had changed"
    assert [one for one in outcome.unknown if "not asked" in one] == []
    for one in outcome.done:
        assert one.confirmed or "read back" in one.reason


@pytest.mark.long
@pytest.mark.sampled(6)
@pytest.mark.parametrize("function", [None, 16], ids=["single", "multiple"])
@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_command_rests_on_what_was_read_for_it_and_goes_out_once(
    framing: str, function: Literal[16] | None
) -> None:
    outcome = run_virtually(in_memory(framing, function))
    judge_outcome(outcome)
    assert sum(written.confirmed for written in outcome.done) > 5
    # Never for more than some requests that are not answered, each given its 0.4 s.
    assert outcome.longest_gap_s < 2.5, "its neighbours had to wait"
