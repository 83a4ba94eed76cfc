"""The health of the units of one port: what each answer and each silence means."""

from collections.abc import Mapping

import structlog

from edge_agent.clock import Clock
from edge_agent.drivers.base import UnitAddress
from edge_agent.errors import DeviceTimeoutError, DriverError
from edge_agent.health import Health
from edge_agent.polling.device import PolledDevice
from edge_agent.polling.scan_class import Job
from edge_agent.polling.schedule import Schedule
from edge_agent.polling.units import Unit, UnitState

_TOGETHER_S = 5.0  # silences of several units within this time have one cause


class UnitHealth:
    """Changes the state of each unit, and informs its devices and the schedule.

    Attributes:
        worked: Whether something answered since this was last set to False.
    """

    def __init__(
        self,
        name: str,
        *,
        devices: Mapping[str, PolledDevice],
        schedule: Schedule,
        health: Health,
        clock: Clock,
    ) -> None:
        self.worked = False
        self._name = name
        self._devices = devices
        self._schedule = schedule
        self._health = health
        self._clock = clock
        self._offline_s = health.offline.labels(name)
        self._silences = dict[UnitAddress, float]()
        self._too_slow: set[UnitAddress] = set()

    def heard(self, device: PolledDevice, at_ms: int) -> None:
        """Record that a unit answered, refusals included."""
        unit = device.unit
        now = self._clock.monotonic_s()
        if not self.worked:
            self.worked = True
            self._health.port(self._name, up=True, at=at_ms)
        self._silences.pop(unit.number, None)
        before, came_back = unit.state, unit.probe_only
        unit.answered(now)
        if came_back:
            self._schedule.read_again(unit, now)
        if before is UnitState.DEGRADED:
            self._publish_state(unit, at_ms)
        if not device.up:
            for one in self._on(unit):
                one.came_up(at_ms, now)

    def missed(self, unit: Unit, error: DriverError) -> bool:
        """Record that a unit gave no good answer; returns whether it goes offline by it."""
        now, at_ms, before = self._clock.monotonic_s(), self._clock.now_ms(), unit.state
        silent = isinstance(error, DeviceTimeoutError)
        probe_only = unit.probe_only
        spare = self._schedule.load.has_spare_time(now)
        garbled = self._may_be_garbled(unit, now, silent=silent)
        if unit.failed(now, silent=silent, spare=spare, garbled=garbled):
            # Its silence is paid for: what it cost before the last probe, if that was one.
            self.charge(now, unit.take_lost_s())
            self._schedule.only_probe(unit)
            if all(scan.unit.offline for scan in self._schedule.classes):
                self._schedule.probing.forgive(now)
            for device in self._on(unit):
                device.went_down(at_ms, reason=error.reason, error=f"port {self._name}, {error}")
            return True
        if before is UnitState.ONLINE and unit.state is UnitState.DEGRADED:
            self._publish_state(unit, at_ms, error.reason)
        if probe_only and not unit.probe_only:
            self._schedule.read_again(unit, now)
        elif silent and not probe_only and not spare:
            self._recheck_together(unit, now)
        return False

    def _may_be_garbled(self, unit: Unit, now: float, *, silent: bool) -> bool:
        """Whether a late answer of another unit may have met its request or its answer."""
        others = {id(scan.unit): scan.unit for scan in self._schedule.classes}.values()
        return any(other.may_be_late(now, known=silent) for other in others if other is not unit)

    def _recheck_together(self, unit: Unit, now: float) -> None:
        """Several units silent at once: each is asked once more, shortly, where it delays none.

        The usual repetitions, each longer than the one before, would hold up those that answer for
        as many seconds as there are silent ones.
        """
        self._silences[unit.number] = now
        recent = {number for number, at in self._silences.items() if now - at < _TOGETHER_S}
        if len(recent) == 1:
            return
        silent = {id(s.unit): s.unit for s in self._schedule.classes if s.unit.number in recent}
        for one in silent.values():
            if one.failures and not one.probe_only:
                one.begin_recheck(now)
                self._schedule.only_probe(one)

    def charge(self, now: float, seconds: float) -> None:
        """Record port time that a unit's silence cost, apart from probes; spare time is free."""
        self._offline_s.inc(seconds)
        if not self._schedule.load.has_spare_time(now):
            self._schedule.probing.charge(now, seconds)

    def charge_probe(self, job: Job, seconds: float) -> None:
        """Record port time that a probe without an answer cost."""
        self._offline_s.inc(seconds)
        self._schedule.probing.charge_probe(job, self._clock.monotonic_s(), seconds)

    def on_late_response(self, unit: Unit, lateness_s: float) -> None:
        """Record that a unit answered when the wait for it was over; it is there, and slow.

        Args:
            unit: Whose answer it was.
            lateness_s: From its request to its answer, seconds.
        """
        if unit.on_late_response(self._clock.monotonic_s(), lateness_s):
            return
        if unit.number not in self._too_slow:
            self._too_slow.add(unit.number)
            structlog.get_logger().warning(
                "answers_too_late",
                port=self._name,
                unit=unit.number,
                after_s=round(lateness_s, 3),
                timeout_s=unit.longest_s,
            )

    def _publish_state(self, unit: Unit, at_ms: int, reason: str = "") -> None:
        for device in self._on(unit):
            device.publish_state(at_ms, reason)

    def _on(self, unit: Unit) -> list[PolledDevice]:
        return [device for device in self._devices.values() if device.unit is unit]
