"""One device as its port polls it: what to ask, what the answers mean, whether it is up."""

import hashlib
from collections.abc import Sequence

import structlog

from config.resolve import ResolvedDevice
from edge_agent.drivers.base import Reply
from edge_agent.drivers.timing import LineTiming
from edge_agent.health import Health
from edge_agent.polling.changes import ChangeFilter
from edge_agent.polling.convert import BlockReader, bad_readings, compile_block
from edge_agent.polling.holes import HoleMemory
from edge_agent.polling.plan import NOTHING, Bisection, Block, plan
from edge_agent.polling.schedule import ScanClass
from edge_agent.polling.sink import ReadingSink
from edge_agent.polling.units import Unit
from protocols.reading import Quality, Reading

_RELEARN_MS = 6 * 3600 * 1000
_ILLEGAL = "illegal_address"


class PolledDevice:
    """The points of one device, in classes of one period each.

    Attributes:
        classes: What the schedule asks; their blocks change as the device's holes are learned.
        up: Whether it answers; None until it has answered or failed to.
        latest: The last reading of each point, reported or not.
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
        holes: HoleMemory,
    ) -> None:
        self.device = device
        self.unit = unit
        self.up: bool | None = None
        self.latest: dict[str, Reading] = {}
        self._timing = timing
        self._sink = sink
        self._health = health
        self._count = health.readings.labels(device.port)
        self._holes = holes
        self._digest = _digest(device)
        self._learned = holes.recall(device.id, self._digest)
        self._learned_at: int | None = None
        self._filter = ChangeFilter(device.points)
        self._readers: dict[Block, BlockReader] = {}
        self._cycles: dict[float, int] = {}
        periods = sorted({point.period_s or 1.0 for point in device.points.values()})
        self.classes = [
            ScanClass(device.id, unit, period_s, self._plan(period_s), origin_s=origin_s)
            for period_s in periods
        ]

    def take(self, block: Block, reply: Reply) -> None:
        """Publish what a good reply carries."""
        reader = self._readers.get(block)
        if reader is None:
            reader = self._readers[block] = compile_block(block, self.device.points)
        self.publish(reader(reply.values, reply.at_ms))

    def bad(self, names: Sequence[str], at_ms: int, reason: str) -> None:
        """Publish that these points could not be read."""
        self.publish(bad_readings(names, Quality.BAD, at_ms, reason))

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
            self._sink.readings(self.device.id, picked)

    def came_up(self, at_ms: int) -> None:
        """Note an answer of a device that was not up."""
        if self.up:
            return
        self.up = True
        self._filter.forget()
        self._health.device(self.device.id, up=True, at=at_ms)
        self._sink.device_up(self.device.id, at_ms)

    def went_down(self, at_ms: int, *, reason: str, error: str) -> None:
        """Note that it does not answer: every point is stale once, then the device is down."""
        if self.up is False:
            return
        if self.up:
            self.publish(bad_readings(list(self.device.points), Quality.STALE, at_ms, reason))
        self.up = False
        # The time that it is away is no period of the schedule.
        self._cycles.clear()
        self._health.device(self.device.id, up=False, at=at_ms, reason=reason, error=error)
        self._sink.device_down(self.device.id, at_ms, reason)

    def say_state(self, at_ms: int, reason: str = "") -> None:
        """Publish how its unit behaves now, while it is up."""
        if self.up:
            self._sink.device_state(self.device.id, at_ms, self.unit.state.value, reason)

    def refused(self, scan: ScanClass, block: Block) -> list[Block]:
        """Learn from a refused block; return the pieces to ask instead, in this cycle."""
        lesson = scan.lesson = scan.lesson or Bisection()
        return lesson.split(block, self.device.points)

    def cycle_done(self, scan: ScanClass, at_ms: int) -> None:
        """Draw the conclusions of a cycle: plan around new holes, report the points in them."""
        before = self._cycles.get(scan.period_s)
        if before is not None:
            self._health.period(self.device.port, scan.period_s, (at_ms - before) / 1000)
        self._cycles[scan.period_s] = at_ms
        lesson, scan.lesson = scan.lesson, None
        if lesson is not None:
            self._learn(lesson, at_ms)
        if not self._learned.holes:
            return
        mine = [
            name
            for name in sorted(self._learned.holes)
            if (self.device.points[name].period_s or 1.0) == scan.period_s
        ]
        self.bad(mine, at_ms, _ILLEGAL)
        # A device refuses everything while it starts; what is a hole must be one twice.
        if self._learned_at is None:
            self._learned_at = at_ms
        elif at_ms - self._learned_at > _RELEARN_MS:
            self._learned_at = None
            self._learned = NOTHING
            self._replan()

    def _learn(self, lesson: Bisection, at_ms: int) -> None:
        learned = self._learned | lesson.learned()
        if learned == self._learned:
            return
        new = sorted(learned.holes - self._learned.holes)
        if new:
            structlog.get_logger().warning(
                "points_refused", device=self.device.id, unit=self.unit.number, points=new
            )
        self._learned, self._learned_at = learned, at_ms
        self._holes.keep(self.device.id, self._digest, learned)
        self._replan()

    def _replan(self) -> None:
        self._readers.clear()
        for scan in self.classes:
            scan.blocks = self._plan(scan.period_s)

    def _plan(self, period_s: float) -> list[Block]:
        points = {
            name: point
            for name, point in self.device.points.items()
            if (point.period_s or 1.0) == period_s
        }
        return plan(points, limits=self.device.limits, timing=self._timing, learned=self._learned)


def _digest(device: ResolvedDevice) -> str:
    """What a lesson depends on: the device file as it is applied, and who answers."""
    points = sorted((name, point.model_dump_json()) for name, point in device.points.items())
    said = (device.port, device.unit, device.profile, device.limits.model_dump_json(), points)
    return hashlib.sha256(repr(said).encode()).hexdigest()[:16]
