"""One request of a port and everything that follows from its outcome."""

from collections.abc import Mapping

from edge_agent.clock import Clock
from edge_agent.drivers.base import Driver, Reply
from edge_agent.drivers.timing import LineTiming
from edge_agent.errors import (
    CommandError,
    DeviceRefusedError,
    DeviceTimeoutError,
    DriverError,
    PortDownError,
)
from edge_agent.health import Health
from edge_agent.polling.device import PolledDevice
from edge_agent.polling.schedule import Job, Schedule
from edge_agent.polling.units import Unit, UnitState
from edge_agent.polling.writes import WriteOrder, carry_out

_SPLIT_CODES = frozenset({2, 3})  # illegal address; some devices say illegal value instead


class Asker:
    """Sends the requests of one port, one at a time.

    Attributes:
        worked: Whether something answered since this was last set to False.
    """

    def __init__(
        self,
        name: str,
        *,
        driver: Driver,
        devices: Mapping[str, PolledDevice],
        schedule: Schedule,
        timing: LineTiming,
        health: Health,
        clock: Clock,
    ) -> None:
        self.worked = False
        self._name = name
        self._driver = driver
        self._devices = devices
        self._schedule = schedule
        self._timing = timing
        self._health = health
        self._clock = clock
        self._requests = health.requests.labels(name)
        self._rtt = health.rtt.labels(name)
        self._busy = health.busy.labels(name)
        self._dead = health.dead.labels(name)

    def clear_at(self, job: Job) -> float:
        """When this request may be sent, monotonic seconds."""
        block = job.block
        return self._driver.clear_at(job.scan.unit.number, block.table, block.address, block.size)

    async def ask(self, job: Job) -> None:
        """Send one read request.

        Raises:
            PortDownError: The port is lost; the request is pending again.
        """
        block, unit = job.block, job.scan.unit
        wire_s = self._timing.wire_s(block.table, block.size)
        patience_s = self._patience_s(unit) if job.patience_s is None else job.patience_s
        began = self._clock.monotonic_s()
        try:
            reply = await self._driver.read(
                unit.number,
                block.table,
                block.address,
                block.size,
                timeout_s=patience_s + wire_s,
            )
        except DeviceRefusedError as error:
            self._count(began, error)
            self._refused(job, error)
        except PortDownError as error:
            self._count(began, error)
            self._schedule.unsent(job)
            raise
        except DriverError as error:
            self._failed(job, error, self._count(began, error))
        else:
            self._rtt.observe(reply.took_s)
            self._count(began, None)
            self._answered(job, reply, reply.took_s - wire_s)

    async def carry_out(self, order: WriteOrder) -> None:
        """Carry out one command; its outcome goes to who gave it.

        Raises:
            PortDownError: The port is lost.
        """
        if order.result.done():
            return
        unit = order.device.unit
        patience_s = self._patience_s(unit) + self._timing.wire_s(
            order.device.device.points[order.point].table, 1
        )
        began = self._clock.monotonic_s()
        try:
            written = await carry_out(
                self._driver, order, now_ms=self._clock.now_ms(), timeout_s=patience_s
            )
        except (DriverError, CommandError) as error:
            if isinstance(error, DriverError):
                self._count(began, error)
            if not order.result.done():
                order.result.set_exception(error)
            if isinstance(error, PortDownError):
                raise
        else:
            self._count(began, None)
            if not order.result.done():
                order.result.set_result(written)

    def _patience_s(self, unit: Unit) -> float:
        heard = unit.response_s is not None
        return unit.patience_s(None if heard else self._schedule.neighbours_s())

    def _count(self, began: float, error: DriverError | None) -> float:
        spent = self._clock.monotonic_s() - began
        self._requests.inc()
        self._busy.inc(spent)
        if error is not None:
            self._health.request_errors.labels(self._name, error.reason).inc()
        return spent

    def _answered(self, job: Job, reply: Reply, response_s: float) -> None:
        self._heard(job, reply.at_ms, response_s)
        if job.probe:
            return
        device = self._devices[job.scan.device]
        device.take(job.block, reply)
        self._over(job, reply.at_ms)

    def _refused(self, job: Job, error: DeviceRefusedError) -> None:
        """A refusal is an answer: the unit lives, this block is not to be had."""
        at_ms = self._clock.now_ms()
        self._heard(job, at_ms, None)
        if job.probe:
            return
        device = self._devices[job.scan.device]
        if error.code in _SPLIT_CODES:
            self._schedule.add_pieces(job, device.refused(job.scan, job.block))
        else:
            device.bad(job.block.points, at_ms, error.reason)
        self._over(job, at_ms)

    def _heard(self, job: Job, at_ms: int, response_s: float | None) -> None:
        """Note that a unit answered, whatever it said."""
        unit = job.scan.unit
        now = self._clock.monotonic_s()
        if not self.worked:
            self.worked = True
            self._health.port(self._name, up=True, at=at_ms)
        before = unit.state
        unit.answered(now, response_s)
        if before is UnitState.DEMOTED:
            self._schedule.revive_unit(unit, now)
        elif before is UnitState.DEGRADED:
            self._say_state(unit, at_ms)
        if not self._devices[job.scan.device].up:
            for device in self._on(unit):
                device.came_up(at_ms)

    def _failed(self, job: Job, error: DriverError, spent: float) -> None:
        unit = job.scan.unit
        now, at_ms = self._clock.monotonic_s(), self._clock.now_ms()
        if job.probe or unit.flapping(now):
            self._schedule.budget.spend(now, spent)
            self._dead.inc(spent)
        before = unit.state
        if unit.failed(now, silent=isinstance(error, DeviceTimeoutError)):
            self._schedule.drop_unit(unit)
            for device in self._on(unit):
                device.went_down(at_ms, reason=error.reason, error=f"port {self._name}, {error}")
        elif not job.probe and job.attempts == 0:
            self._schedule.again(job)
        elif not job.probe:
            self._devices[job.scan.device].bad(job.block.points, at_ms, error.reason)
            self._over(job, at_ms)
        if before is UnitState.ONLINE and unit.state is UnitState.DEGRADED:
            self._say_state(unit, at_ms, error.reason)

    def _over(self, job: Job, at_ms: int) -> None:
        if self._schedule.done(job):
            self._devices[job.scan.device].cycle_done(job.scan, at_ms)

    def _say_state(self, unit: Unit, at_ms: int, reason: str = "") -> None:
        for device in self._on(unit):
            device.say_state(at_ms, reason)

    def _on(self, unit: Unit) -> list[PolledDevice]:
        return [device for device in self._devices.values() if device.unit is unit]
