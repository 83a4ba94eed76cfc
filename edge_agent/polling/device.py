"""One device as its port polls it: what to ask, what the answers mean, whether it is up."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from config.resolve import ResolvedDevice
from edge_agent.drivers.base import Reply
from edge_agent.drivers.timing import LineTiming
from edge_agent.errors import DeviceRefusedError, DriverError
from edge_agent.health import Health
from edge_agent.polling.availability import Availability
from edge_agent.polling.availability_log import AvailabilityLog
from edge_agent.polling.availability_store import AvailabilityStore
from edge_agent.polling.bisection import NO_ANSWER, PERMANENT, Bisection, reason_of
from edge_agent.polling.changes import ChangeFilter
from edge_agent.polling.computed import (
    Deriver,
    class_points,
    deriver_of_class,
    deriver_of_points,
)
from edge_agent.polling.convert import BlockReader, bad_readings, compile_block
from edge_agent.polling.plan import Block, plan
from edge_agent.polling.scan_class import ScanClass, smallest
from edge_agent.polling.sink import ReadingSink
from edge_agent.polling.units import Unit
from edge_agent.polling.variants import Variants
from protocols.reading import Quality, Reading

_SILENCES = 3
_SILENCES_IN_PARTS = 5
_HEARD = 2


@dataclass(slots=True)
class _Silence:
    """A block that is not answered.

    Attributes:
        count: How often since its unit went away last; all before count as ``heard`` says.
        heard: How often its unit had answered something since the time before.
        at_s: When it was asked in vain last, monotonic seconds.
        lost_s: Port time that it cost, seconds.
        points: How often in a row each of its points was not answered.
        in_parts: It was asked in parts, so that the unit is heard by one beside another's loss.
    """

    count: int = 0
    heard: int = 0
    at_s: float = float("-inf")
    lost_s: float = 0.0
    points: dict[str, int] = field(default_factory=dict[str, int])
    in_parts: bool = False

    @property
    def often(self) -> int:
        """How often in a row the same points were not answered."""
        return min(self.count, max(self.points.values(), default=0))


class PolledDevice:
    """The points of one device, in classes of one period each.

    Attributes:
        classes: What the schedule asks; their blocks change as the device's holes are learned.
        up: Whether it answers; None until it has answered or failed to.
        latest: The last reading of each point, reported or not.
        variants: How else its blocks can be asked.
    """

    def __init__(
        self,
        device: ResolvedDevice,
        *,
        unit: Unit,
        timing: LineTiming,
        origin_s: float,
        sink: ReadingSink,
        health: Health,
        availability: AvailabilityStore,
    ) -> None:
        self.device = device
        self.unit = unit
        self.up: bool | None = None
        self.latest: dict[str, Reading] = {}
        self._timing = timing
        self._sink = sink
        self._health = health
        self._count = health.readings.labels(device.port)
        self._availability_store = availability
        self._digest = _digest(device)
        self._kept = availability.load(device.id, self._digest)
        self._availability = Availability(self._kept)
        self._availability_log = AvailabilityLog(device, self._kept)
        self._silences: dict[Block, _Silence] = {}
        self._filter = ChangeFilter(device.reported)
        self._readers: dict[Block, BlockReader] = {}
        self._cycles: dict[float, float] = {}
        self.variants = Variants(device.points, device.limits)
        periods = sorted({point.period_s or 1.0 for point in device.points.values()})
        self.classes = [
            ScanClass(
                device.id,
                unit,
                period_s,
                self._plan(period_s),
                origin_s=origin_s,
                smallest=smallest(class_points(device.points, period_s)),
                emptied=frozenset(n for n, p in device.points.items() if p.clear_on_read),
            )
            for period_s in periods
        ]
        self._derivers = {
            period_s: deriver
            for period_s in periods
            if (deriver := deriver_of_class(device.points, device.computed, period_s, self.latest))
        }
        self._tell_variants()
        # Now: what cannot be read must be known before anything is asked.
        for block in (block for scan in self.classes for block in scan.blocks):
            self._readers[block] = compile_block(block, device.points)

    def take(self, scan: ScanClass, block: Block, reply: Reply) -> None:
        """Publish what a good reply carries."""
        scan.heard = True
        if scan.search is not None:
            scan.search.answered(block)
        self._availability.answered(block)
        self._availability_log.good(block)
        self.variants.answered(block)
        if self._silences:
            self._heard(block)
        reader = self._readers.get(block)
        if reader is None:
            reader = self._readers[block] = compile_block(block, self.device.points)
        self._derive(scan, reader(reply.values, reply.at_ms))

    def bad(self, scan: ScanClass, names: Sequence[str], at_ms: int, reason: str) -> None:
        """Publish that these points could not be read in the running cycle."""
        self._derive(scan, bad_readings(names, Quality.BAD, at_ms, reason))

    def disturbed(self, scan: ScanClass, block: Block, at_ms: int, error: DriverError) -> None:
        """Publish that a block had no good answer in this cycle."""
        self._availability_log.disturbed(block, error.reason, str(error))
        self.bad(scan, block.points, at_ms, error.reason)

    def parts_of(self, point: str) -> tuple[list[str], Deriver]:
        """Return the points to read for one, and what makes it of them, outside of any cycle."""
        return deriver_of_points([point], self.device.points, self.device.computed)

    def publish(self, readings: Sequence[Reading]) -> None:
        """Hand over what is worth reporting, while the device is up."""
        latest = self.latest
        for reading in readings:
            latest[reading.point] = reading
        if not self.up:
            return
        picked = self._filter.pick(readings)
        if picked:
            self._count.inc(len(picked))
            self._sink.publish(self.device.id, picked)

    def came_up(self, at_ms: int, now_s: float) -> None:
        """Note an answer of a device that was not up."""
        if self.up:
            return
        if self.up is False:
            # It may be another one now, or it was starting when it refused.
            self._ask_all(now_s, silent_too=True)
        self.up = True
        self._filter.forget()
        self._health.device(self.device.id, up=True, at=at_ms)
        self._sink.device_up(self.device.id, at_ms)

    def went_down(self, at_ms: int, *, reason: str, error: str) -> None:
        """Note that it does not answer: every point is stale once, then the device is down."""
        if self.up is False:
            return
        if self.up:
            names = list(self.device.reported)
            self.publish(bad_readings(names, Quality.STALE, at_ms, reason))
        self.up = False
        for silence in self._silences.values():
            silence.count = silence.heard
        # The time that it is away is no period of the schedule.
        self._cycles.clear()
        self._health.device(self.device.id, up=False, at=at_ms, reason=reason, error=error)
        self._sink.device_down(self.device.id, at_ms, reason)

    def say_state(self, at_ms: int, reason: str = "") -> None:
        """Publish how its unit behaves now, while it is up."""
        if self.up:
            self._sink.device_state(self.device.id, at_ms, self.unit.state.value, reason)

    def refused(
        self, scan: ScanClass, block: Block, error: DeviceRefusedError, *, at_ms: int, now_s: float
    ) -> list[Block]:
        """Learn from a refused block; return the pieces to ask instead, in this cycle."""
        if error.code not in PERMANENT:
            self._availability_log.refused(block, reason_of(error.code), str(error))
            self.bad(scan, block.points, at_ms, reason_of(error.code))
            return []
        lesson = scan.search = scan.search or Bisection()
        if self._availability.useless(block, now_s):
            lesson.give_up(block, error.code, str(error))
            return []
        return lesson.split(block, self.device.points, error.code, str(error))

    def withheld(self, scan: ScanClass, block: Block, at_ms: int, reason: str) -> None:
        """Publish that a block could not be asked in this cycle."""
        message = "not asked: a late answer to another request could be taken for its own"
        self._availability_log.refused(block, reason, message)
        self.bad(scan, block.points, at_ms, reason)

    def silent(
        self, scan: ScanClass, block: Block, part: Block, *, now_s: float, spent_s: float
    ) -> float:
        """Note that a block was not answered.

        Many devices say nothing to registers that they do not have. A block that stays silent
        while its unit answers others is set apart: its pieces are asked on the dead's budget.

        Args:
            scan: Its class.
            block: The block of the plan.
            part: What was asked of it.
            now_s: Monotonic seconds.
            spent_s: Port time that it cost.

        Returns:
            The port time that it cost when it is set apart by this, seconds; else 0.
        """
        silence = self._silences.setdefault(block, _Silence())
        silence.count += 1
        silence.heard += self.unit.heard_at > silence.at_s
        silence.at_s = now_s
        silence.lost_s += spent_s
        silence.in_parts |= part != block
        for name in part.points:
            silence.points[name] = silence.points.get(name, 0) + 1
        most = _SILENCES_IN_PARTS if silence.in_parts else _SILENCES
        if silence.often < most or silence.heard < _HEARD:
            return 0.0
        del self._silences[block]
        scan.blocks = [one for one in scan.blocks if one != block]
        self._doubt(scan, block, now_s)
        return silence.lost_s

    def short_block_answered(self, block: Block) -> None:
        """Note that a unit answered a single point while its blocks were asked in vain.

        Some say nothing to requests that are too long for them. Each block has one more chance.
        """
        self._silences = {
            one: _Silence(_SILENCES - 1, _HEARD - 1)
            for scan in self.classes
            for one in scan.blocks
            if one.size > block.size
        }

    def piece_answered(self, scan: ScanClass, block: Block, now_s: float) -> None:
        """Note that a doubtful piece was answered, refusals included: it is asked as others are."""
        scan.blocks = [*scan.blocks, block]
        self._availability.found(block.points)
        if scan.silent_search is not None:
            scan.silent_search.answered(block)
        self._next_doubt(scan, block, now_s)

    def piece_split(self, scan: ScanClass, block: Block, pieces: Sequence[Block]) -> None:
        """Ask for a doubtful piece in smaller ones."""
        at = scan.silent_pieces.index(block)
        scan.silent_pieces.remove(block)
        for index, piece in enumerate(pieces):
            scan.silent_pieces.insert(at + index, piece)
        if scan.silent_search is not None:
            scan.silent_search.cut(block, pieces)

    def piece_unanswered(self, scan: ScanClass, block: Block, now_s: float) -> None:
        """Note that a doubtful piece was not answered."""
        self._doubt(scan, block, now_s)

    def cycle_done(self, scan: ScanClass, at_ms: int, now_s: float) -> None:
        """Draw the conclusions of a cycle: plan around new holes, report the points in them."""
        before = self._cycles.get(scan.period_s)
        if before is not None:
            self._health.period(self.device.port, scan.period_s, now_s - before)
        self._cycles[scan.period_s] = now_s
        lesson, heard = scan.search, scan.heard
        lost: dict[str, str] = {}
        if lesson is not None:
            lost = lesson.lost
            self._learn(lesson, now_s, heard=heard)
        if scan.silent_search is not None:
            lost = lost | scan.silent_search.lost
            doubtful = [name for block in scan.silent_pieces for name in block.points]
            lost |= dict.fromkeys(doubtful, reason_of(NO_ANSWER))
        self._report(scan, self._holes_of(scan) | lost, at_ms)
        deriver = self._derivers.get(scan.period_s)
        if deriver is not None:
            self.publish(deriver.end(scan.cycle))
        scan.end_cycle()
        if lesson is None and self._availability.due(now_s):
            self._ask_all(now_s, silent_too=False)

    def _heard(self, block: Block) -> None:
        """What was lost and is answered now was no silent block, and so may the others be."""
        for silence in list(self._silences.values()):
            for name in block.points:
                silence.points.pop(name, None)
            if not silence.points:
                self._silences.clear()
                return

    def _tell_variants(self) -> None:
        self.variants.planned = [block for scan in self.classes for block in scan.blocks]
        self.variants.learned = self._availability.learned

    def _holes_of(self, scan: ScanClass) -> dict[str, str]:
        points = self.device.points
        return {
            name: why
            for name, why in self._availability.learned.why().items()
            if (points[name].period_s or 1.0) == scan.period_s
        }

    def _derive(self, scan: ScanClass, readings: Sequence[Reading]) -> None:
        """Publish readings of a cycle, and what they make of others."""
        deriver = self._derivers.get(scan.period_s)
        self.publish(readings if deriver is None else deriver.take(readings, scan.cycle))

    def _report(self, scan: ScanClass, lost: Mapping[str, str], at_ms: int) -> None:
        for reason in sorted(set(lost.values())):
            self.bad(scan, [name for name, why in lost.items() if why == reason], at_ms, reason)

    def _learn(self, lesson: Bisection, now_s: float, *, heard: bool, silent: bool = False) -> None:
        changed = self._availability.learn(lesson, now_s, heard=heard, silent=silent)
        for block, reason, error in lesson.unexplained(self._availability.learned):
            self._availability_log.refused(block, reason, error)
        if changed:
            self._availability_log.missing(self._availability.learned.why())
            self._replan()

    def _doubt(self, scan: ScanClass, block: Block, now_s: float) -> None:
        """Ask the pieces of a silent block when the budget allows; none are left of a hole."""
        silent_search = scan.silent_search = scan.silent_search or Bisection()
        scan.silent_pieces.extend(
            silent_search.split(block, self.device.points, NO_ANSWER, "no answer")
        )
        self._next_doubt(scan, block, now_s)

    def _next_doubt(self, scan: ScanClass, block: Block, now_s: float) -> None:
        if block in scan.silent_pieces:
            scan.silent_pieces.remove(block)
        scan.pieces_due_at = now_s
        silent_search = scan.silent_search
        if scan.silent_pieces or silent_search is None:
            return
        self._learn(silent_search, now_s, heard=True, silent=True)
        self._replan()

    def _ask_all(self, now_s: float, *, silent_too: bool) -> None:
        """Forget what was refused, if anything was; what is silent is asked apart, or as well."""
        doubtful = any(scan.silent_search is not None for scan in self.classes)
        if not self._availability.forget(now_s, silent_too=silent_too) and not doubtful:
            return
        self._replan()
        points = self.device.points
        for name in sorted(self._availability.silent):
            point = points[name]
            scan = next(one for one in self.classes if one.period_s == (point.period_s or 1.0))
            scan.silent_search, scan.pieces_due_at = scan.silent_search or Bisection(), now_s
            scan.silent_pieces.append(Block(point.table, point.address, point.words, (name,)))

    def _replan(self) -> None:
        if self._availability.kept != self._kept:
            self._kept = self._availability.kept
            self._availability_store.keep(self.device.id, self._digest, self._kept)
        self._readers.clear()
        for scan in self.classes:
            scan.blocks = self._plan(scan.period_s)
            scan.silent_pieces.clear()
            scan.silent_search = None
        self._tell_variants()

    def _plan(self, period_s: float) -> list[Block]:
        return plan(
            class_points(self.device.points, period_s),
            limits=self.device.limits,
            timing=self._timing,
            learned=self._availability.learned,
            others=self.device.points,
        )


def _digest(device: ResolvedDevice) -> str:
    """What a lesson depends on: the device file as it is applied, and who answers."""
    points = sorted((name, point.model_dump_json()) for name, point in device.points.items())
    said = (device.port, device.unit, device.profile, device.limits.model_dump_json(), points)
    return hashlib.sha256(repr(said).encode()).hexdigest()[:16]
