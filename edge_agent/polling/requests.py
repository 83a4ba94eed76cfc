"""One request of a port, and what follows from its outcome."""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass

from edge_agent.clock import Clock
from edge_agent.drivers.base import Driver, Reply
from edge_agent.errors import (
    DeviceRefusedError,
    DeviceTimeoutError,
    DriverError,
    PortDownError,
)
from edge_agent.health import Health
from edge_agent.polling.bisection import PERMANENT
from edge_agent.polling.device import PolledDevice
from edge_agent.polling.scan_class import Job
from edge_agent.polling.schedule import Schedule
from edge_agent.polling.shapes import OUTSTANDING, Shapes
from edge_agent.polling.unit_health import UnitHealth
from protocols.modbus import limits

_SHORTEST_PATIENCE_S = 0.2
_BUSY = frozenset({limits.ACKNOWLEDGE, limits.DEVICE_BUSY})


@dataclass(eq=False, slots=True)
class Underway:
    """A read that is on its way.

    Attributes:
        written_s: When its bytes, and those of its answer, are through at the earliest.
        given_up: Whether that was done for a command.
    """

    task: "asyncio.Task[object] | None"
    job: Job
    written_s: float
    given_up: bool = False

    def give_up(self) -> None:
        """End it now."""
        if self.task is not None and not self.given_up:
            self.given_up = True
            self.task.cancel()


class RequestRunner:
    """Sends the requests of one port, one at a time.

    Args:
        name: Of the port.
        numbered: Whether its answers carry the number of their request.
        quiet_s: Silence that the driver keeps before each request.
        driver: Its connection.
        devices: The devices on it, by id.
        schedule: What is asked next.
        unit_health: Follows the state of its units.
        health: Takes the figures.
        clock: Where time comes from.

    Attributes:
        underway: The read that is on its way; None while there is none.
        shapes: Chooses how to ask.
    """

    def __init__(
        self,
        name: str,
        *,
        numbered: bool,
        quiet_s: float,
        driver: Driver,
        devices: Mapping[str, PolledDevice],
        schedule: Schedule,
        unit_health: UnitHealth,
        health: Health,
        clock: Clock,
    ) -> None:
        self.underway: Underway | None = None
        self.shapes = Shapes(driver, devices, clock)
        self._name = name
        self._numbered = numbered
        self._quiet_s = quiet_s
        self._driver = driver
        self._devices = devices
        self._schedule = schedule
        self._unit_health = unit_health
        self._health = health
        self._clock = clock
        self._counts = health.requests.of(name)

    def clear_at(self, job: Job) -> float:
        """When this request may be sent, in one way or another; monotonic seconds."""
        return max(self.shapes.clear_at(job), job.scan.unit.busy_until)

    async def ask(self, job: Job, task: "asyncio.Task[object] | None") -> None:
        """Send one read request, or make others of it that no late answer would fit.

        Args:
            job: It.
            task: The one that runs this: a command may cancel it.

        Raises:
            PortDownError: The port is lost; the request is pending again.
        """
        chosen = self.shapes.choose(job)
        if chosen == (job.block,):
            await self._ask(job, task)
        elif chosen is None:
            self._schedule.unsent(job)
        elif job.piece:
            self._devices[job.scan.device].search.piece_split(job.scan, job.block, chosen)
        else:
            self._schedule.replace(job, chosen)

    def end_withheld(self) -> None:
        """End requests that could not be sent while their cycle lasted."""
        now = self._clock.monotonic_s()
        for job in self._schedule.take_overdue(now, self.clear_at):
            at_ms = self._clock.now_ms()
            self.shapes.withhold(job)
            self._devices[job.scan.device].withheld(job.scan, job.block, at_ms, OUTSTANDING)
            self._over(job, at_ms)

    async def _ask(self, job: Job, task: "asyncio.Task[object] | None") -> None:
        block, unit = job.block, job.scan.unit
        wire_s = self._devices[job.scan.device].planner.wire_s(block)
        patience_s = job.patience_s
        if patience_s is None:
            patience_s = self._patience_s(job)
        began = self._clock.monotonic_s()
        self.underway = underway = Underway(task, job, began + self._quiet_s + wire_s)
        try:
            reply = await self._driver.ask(unit.number, block, timeout_s=patience_s + wire_s)
        except DeviceRefusedError as error:
            self._count(began, error)
            self._refused(job, error)
        except PortDownError as error:
            self._count(began, error)
            self._schedule.unsent(job)
            raise
        except DriverError as error:
            self._failed(job, error, self._count(began, error))
        except asyncio.CancelledError:
            if not underway.given_up or underway.task is None or underway.task.uncancel():
                raise
            self._given_up(job, self._count(began, None, answered=False))
        else:
            ended = self._clock.monotonic_s()
            # The reading goes first, the figures follow.
            self._answered(job, reply)
            # The answer to a repetition may be the one to the first request.
            if not job.attempts:
                unit.took(ended, reply.took_s - wire_s, block)
            self._counts.replied(reply.took_s)
            self._count(began, None, ended=ended)
        finally:
            self.underway = None

    async def exchange(self, device: PolledDevice, request: Awaitable[Reply]) -> Reply:
        """Await one request of a command; its outcome counts for the unit as that of a read does.

        Raises:
            DriverError: What the request raises.
        """
        began = self._clock.monotonic_s()
        try:
            reply = await request
        except DeviceRefusedError as error:
            self._count(began, error)
            self._unit_health.heard(device, self._clock.now_ms())
            raise
        except DriverError as error:
            self._count(began, error)
            if not isinstance(error, PortDownError):
                self._unit_health.missed(device.unit, error)
            raise
        self._count(began, None)
        # A write takes longer than a read: it is no measure of how long to wait for one.
        self._unit_health.heard(device, reply.at_ms)
        return reply

    def end_empty_cycles(self) -> None:
        """Conclude the cycles in which nothing was left to ask."""
        for scan in self._schedule.take_empty():
            now = self._clock.monotonic_s()
            self._devices[scan.device].cycle_done(scan, self._clock.now_ms(), now)

    def gives_way_at(self, underway: Underway) -> float:
        """When this read may be given up for a command, monotonic seconds.

        Where answers carry numbers a unit that is only probed is not waited for at all. Elsewhere
        an answer must not come in while the command goes out: no read is given up before it is
        late.
        """
        unit = underway.job.scan.unit
        if self._numbered and unit.probe_only:
            return 0.0
        neighbours_s = self._schedule.probing.neighbours_s()
        return underway.written_s + unit.late_after_s(neighbours_s, underway.job.block)

    def _patience_s(self, job: Job) -> float:
        unit, block = job.scan.unit, job.block
        if unit.response_s is not None:
            # In full where every other deadline holds.
            now = self._clock.monotonic_s()
            spare = self._schedule.load.has_spare_time(now)
            usual_s = unit.shortest_patience_s(block) if spare else unit.patience_s(None, block)
            return min(unit.longest_s, max(usual_s, self._schedule.room_s(job, now)))
        patience_s = unit.patience_s(self._schedule.probing.neighbours_s())
        if patience_s == unit.longest_s and self._schedule.probing.units:
            # None has answered yet and one was waited for in full: not the same for each.
            return max(_SHORTEST_PATIENCE_S, unit.longest_s / 4)
        return patience_s

    def _count(
        self,
        began: float,
        error: DriverError | None,
        *,
        answered: bool | None = None,
        ended: float | None = None,
    ) -> float:
        """Count a request; returns what it took, seconds. ``ended`` None: it ends now."""
        now = self._clock.monotonic_s() if ended is None else ended
        spent = now - began
        self._counts.requests += 1
        self._counts.busy_s += spent
        if answered is None:
            answered = error is None or isinstance(error, DeviceRefusedError)
        if answered:
            self._schedule.load.add(now, spent)
        if error is not None:
            self._health.request_errors.labels(self._name, error.reason).inc()
        return spent

    def _answered(self, job: Job, reply: Reply) -> None:
        device = self._devices[job.scan.device]
        came_back = job.scan.unit.probe_only
        self._unit_health.heard(device, reply.at_ms)
        if job.piece:
            device.search.piece_answered(job.scan, job.block, self._clock.monotonic_s())
        elif job.probe:
            # Some registers are emptied by being read: what was read is used.
            device.take(job.scan, job.block, reply)
            if job.block not in job.scan.blocks:
                device.search.short_block_answered(job.block)
            job.scan.probed(job.block if came_back else None)
            return
        device.take(job.scan, job.block, reply)
        self._over(job, reply.at_ms)

    def _refused(self, job: Job, error: DeviceRefusedError) -> None:
        """A refusal is an answer: the unit is online, this block is not to be had."""
        now, at_ms = self._clock.monotonic_s(), self._clock.now_ms()
        device = self._devices[job.scan.device]
        self._unit_health.heard(device, at_ms)
        if job.piece:
            device.search.piece_answered(job.scan, job.block, now)
        if job.probe:
            return
        if error.code in _BUSY and job.wait_for_busy(now):
            self._schedule.unsent(job)
            return
        if job.wider:
            device.variants.refused(job.block, now, permanent=error.code in PERMANENT)
            job.narrow(device.variants.narrow(job.block))
            self._schedule.unsent(job)
            return
        pieces = device.refused(job.scan, job.block, error, at_ms=at_ms, now_s=now)
        self._schedule.add_pieces(job, pieces)
        self._over(job, at_ms)

    def _failed(self, job: Job, error: DriverError, spent: float) -> None:
        unit, block = job.scan.unit, job.block
        device = self._devices[job.scan.device]
        now, at_ms = self._clock.monotonic_s(), self._clock.now_ms()
        silent = isinstance(error, DeviceTimeoutError)
        if not job.probe:
            self._schedule.unanswered(job, now, spent)
        if silent:
            unit.unanswered(now, block, lost_s=0.0 if job.probe else spent)
            if job.wider:
                device.variants.silent(block, now)
        if job.probe:
            self._unit_health.charge_probe(job, spent)
        if job.piece:
            if silent:
                device.search.piece_unanswered(job.scan, block, now)
        elif not (silent and not job.probe and self._set_apart(job, now, at_ms, spent)):
            self._missed(job, error, at_ms)

    def _set_apart(self, job: Job, now: float, at_ms: int, spent: float) -> bool:
        """Record that a block was not answered; returns whether it is set apart now."""
        if job.wider:
            # What it does not answer may be what was asked beyond the block.
            return False
        device = self._devices[job.scan.device]
        lost_s = device.search.unanswered(
            job.scan, job.planned, job.block, now_s=now, spent_s=spent
        )
        if lost_s:
            self._unit_health.charge(now, lost_s)
            self._over(job, at_ms)
        return bool(lost_s)

    def _missed(self, job: Job, error: DriverError, at_ms: int) -> None:
        """Charge its unit with a request without a good answer; ask once more or give it up."""
        unit = job.scan.unit
        if self._unit_health.missed(unit, error) or unit.recheck or job.probe:
            return
        if job.attempts == 0:
            self._schedule.again(job)
        else:
            self._devices[job.scan.device].disturbed(job.scan, job.block, at_ms, error)
            self._over(job, at_ms)

    def _given_up(self, job: Job, spent: float) -> None:
        """A command came: the wait so far is no failure of the unit."""
        unit, now = job.scan.unit, self._clock.monotonic_s()
        unit.unanswered(now)
        if job.probe:
            self._unit_health.charge_probe(job, spent)
        self._schedule.unsent(job)

    def _over(self, job: Job, at_ms: int) -> None:
        if self._schedule.done(job):
            device = self._devices[job.scan.device]
            device.cycle_done(job.scan, at_ms, self._clock.monotonic_s())
