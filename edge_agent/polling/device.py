"""One device as its port polls it: what to ask, what the answers mean, whether it is up."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

from config.gateway import ResolvedDevice
from edge_agent.drivers.base import Reply
from edge_agent.drivers.question import Planner, Question, Reader
from edge_agent.drivers.values import bad_readings
from edge_agent.errors import DeviceRefusedError, DriverError
from edge_agent.health import Health
from edge_agent.polling.availability import Availability
from edge_agent.polling.availability_log import AvailabilityLog
from edge_agent.polling.availability_store import AvailabilityStore, points_digest
from edge_agent.polling.bisection import reason_of
from edge_agent.polling.changes import ChangeFilter
from edge_agent.polling.computed import Deriver, Timers, deriver_of_class, deriver_of_points
from edge_agent.polling.scan_class import ScanClass
from edge_agent.polling.search import AvailabilitySearch
from edge_agent.polling.sink import ReadingSink
from edge_agent.polling.units import Unit
from protocols.reading import Quality, Reading

Observer: TypeAlias = Callable[[str, Sequence[Reading]], None]
"""Takes a device and readings of it."""


class PolledDevice:
    """The points of one device, in classes of one period each.

    Attributes:
        classes: What the schedule asks; their blocks change with the device's availability.
        up: Whether it answers; None until it has answered or failed to.
        latest: The last reading of each point, reported or not.
        planner: What is asked for which points, and what answers say.
        variants: How else its blocks can be asked.
        search: The searches for what it does not give.
        observer: Told of every reading, reported or not, after it was handed over.
    """

    def __init__(
        self,
        device: ResolvedDevice,
        *,
        unit: Unit,
        planner: Planner,
        origin_s: float,
        sink: ReadingSink,
        health: Health,
        availability: AvailabilityStore,
    ) -> None:
        self.device = device
        self.unit = unit
        self.planner = planner
        self.up: bool | None = None
        self.latest: dict[str, Reading] = {}
        self.observer: Observer | None = None
        self._sink = sink
        self._health = health
        self._counts = health.requests.of(device.port)
        digest = points_digest(device)
        self._availability = Availability(
            availability.load(device.id, digest),
            now_s=origin_s,
            keep=partial(availability.keep, device.id, digest),
            report=AvailabilityLog(device),
        )
        self._filter = ChangeFilter(device.reported)
        self._readers: dict[Question, Reader] = {}
        self._cycles: dict[float, float] = {}
        self.variants = planner.variants(lambda: self._availability.unavailable)
        periods = sorted({point.period_s or 1.0 for point in device.points.values()})
        self.classes = [
            ScanClass(
                device.id,
                unit,
                period_s,
                self._plan(period_s),
                origin_s=origin_s,
                singles=planner.singles(period_s),
                emptied=frozenset(n for n, p in device.points.items() if p.clear_on_read),
            )
            for period_s in periods
        ]
        self.search = AvailabilitySearch(
            device,
            unit=unit,
            planner=planner,
            classes=self.classes,
            availability=self._availability,
            replan=self._replan,
        )
        self._timers: Timers = {}
        derivers = {
            period_s: deriver_of_class(
                device.points, device.computed, period_s, self.latest, timers=self._timers
            )
            for period_s in periods
        }
        self._derivers = {period_s: one for period_s, one in derivers.items() if one is not None}
        self.variants.planned = [block for scan in self.classes for block in scan.blocks]
        # Now: what cannot be read must be known before anything is asked.
        for block in (block for scan in self.classes for block in scan.blocks):
            self._readers[block] = planner.reader(block)

    def take(self, scan: ScanClass, block: Question, reply: Reply) -> None:
        """Publish what a good reply carries; then note that its block is available."""
        reader = self._readers.get(block)
        if reader is None:
            reader = self._readers[block] = self.planner.reader(block)
        self._derive(scan, reader(reply.values, reply.at_ms))
        self.search.answered(scan, block)
        self._availability.answered(block)
        self.variants.answered(block)

    def bad(self, scan: ScanClass, names: Sequence[str], at_ms: int, reason: str) -> None:
        """Publish that these points could not be read in the running cycle."""
        self._derive(scan, bad_readings(names, Quality.BAD, at_ms, reason))

    def disturbed(self, scan: ScanClass, block: Question, at_ms: int, error: DriverError) -> None:
        """Publish that a block had no good answer in this cycle."""
        self._availability.disturbed(block, error.reason, str(error))
        self.bad(scan, block.points, at_ms, error.reason)

    def parts_of(self, point: str) -> tuple[list[str], Deriver]:
        """Return the points to read for one, and what makes it of them, outside of any cycle."""
        return deriver_of_points(
            [point], self.device.points, self.device.computed, timers=self._timers
        )

    def publish(self, readings: Sequence[Reading]) -> None:
        """Hand over what is worth reporting, while the device is up."""
        latest = self.latest
        for reading in readings:
            latest[reading.point] = reading
        if self.up:
            self._report(readings)
        if self.observer is not None:
            self.observer(self.device.id, readings)

    def _report(self, readings: Sequence[Reading]) -> None:
        picked = self._filter.pick(readings)
        if picked:
            self._counts.readings += len(picked)
            self._sink.publish(self.device.id, picked)

    def came_up(self, at_ms: int, now_s: float) -> None:
        """Record an answer of a device that was not up."""
        if self.up:
            return
        if self.up is False:
            self.search.came_up(now_s)
        self.up = True
        self._filter.forget()
        self._health.device(self.device.id, up=True, at=at_ms)
        self._sink.device_up(self.device.id, at_ms)

    def went_down(self, at_ms: int, *, reason: str, error: str) -> None:
        """Record that it does not answer: every point is stale once, then the device is down."""
        if self.up is False:
            return
        if self.up:
            names = list(self.device.reported)
            self.publish(bad_readings(names, Quality.STALE, at_ms, reason))
        self.up = False
        self.search.went_down()
        # The time that it is away is no period of the schedule.
        self._cycles.clear()
        self._health.device(self.device.id, up=False, at=at_ms, reason=reason, error=error)
        self._sink.device_down(self.device.id, at_ms, reason)

    def publish_state(self, at_ms: int, reason: str = "") -> None:
        """Publish how its unit behaves now, while it is up."""
        if self.up:
            self._sink.device_state(self.device.id, at_ms, self.unit.state.value, reason)

    def refused(
        self,
        scan: ScanClass,
        block: Question,
        error: DeviceRefusedError,
        *,
        at_ms: int,
        now_s: float,
    ) -> list[Question]:
        """Search in a refused block; return the pieces to ask instead, in this cycle."""
        pieces = self.search.refused(scan, block, error, now_s)
        if pieces is None:
            self._availability.failed(block, reason_of(error.code), str(error))
            self.bad(scan, block.points, at_ms, reason_of(error.code))
        return pieces or []

    def withheld(self, scan: ScanClass, block: Question, at_ms: int, reason: str) -> None:
        """Publish that a block could not be asked in this cycle."""
        message = "not asked: a late answer to another request could be taken for its own"
        self._availability.failed(block, reason, message)
        self.bad(scan, block.points, at_ms, reason)

    def cycle_done(self, scan: ScanClass, at_ms: int, now_s: float) -> None:
        """Conclude a cycle: plan around what was not given, report the points in it."""
        before = self._cycles.get(scan.period_s)
        if before is not None:
            self._health.period(self.device.port, scan.period_s, now_s - before)
        self._cycles[scan.period_s] = now_s
        lost = self.search.end_cycle(scan, now_s)
        if lost:
            for reason in sorted(set(lost.values())):
                self.bad(scan, [name for name, why in lost.items() if why == reason], at_ms, reason)
        deriver = self._derivers.get(scan.period_s)
        if deriver is not None:
            self.publish(deriver.end(scan.cycle))
        scan.end_cycle()

    def _derive(self, scan: ScanClass, readings: Sequence[Reading]) -> None:
        """Publish readings of a cycle, and what they make of others."""
        deriver = self._derivers.get(scan.period_s)
        self.publish(readings if deriver is None else deriver.take(readings, scan.cycle))

    def _replan(self) -> None:
        self._readers.clear()
        for scan in self.classes:
            scan.replan(self._plan(scan.period_s))
        self.variants.planned = [block for scan in self.classes for block in scan.blocks]

    def _plan(self, period_s: float) -> Sequence[Question]:
        return self.planner.plan(period_s, self._availability.unavailable)
