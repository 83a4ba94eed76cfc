"""The loop of one port: one task owns it and everything on it, writes included."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from random import Random
from typing import Any

from config.gateway import ResolvedDevice
from config.interlock import Place
from config.ports import Port
from edge_agent.clock import Clock
from edge_agent.drivers.base import OpenDriver, UnitAddress
from edge_agent.drivers.question import Question
from edge_agent.errors import CommandError, PortDownError
from edge_agent.health import Health
from edge_agent.planners import announcements_of, planner_of
from edge_agent.polling.announcements import Announcer
from edge_agent.polling.availability_store import AvailabilityStore
from edge_agent.polling.device import PolledDevice
from edge_agent.polling.port_time import PortLoad
from edge_agent.polling.requests import RequestRunner
from edge_agent.polling.schedule import Schedule
from edge_agent.polling.sink import ReadingSink
from edge_agent.polling.unit_health import UnitHealth
from edge_agent.polling.units import Unit
from edge_agent.polling.write_lane import WriteLane
from edge_agent.polling.writes import FinalCheck, WriteOrder, Written, no_check
from protocols.reading import Reading, Value

_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 2.0
_SHORTEST_SLEEP_S = 0.0005


class PortOwner:
    """Polls the devices of one port for as long as ``run`` runs.

    Args:
        name: Of the port, as in the agent file.
        settings: The port's settings.
        devices: The devices on it, by id.
        open_driver: Makes its connection; the port opens and closes it.
        sink: Takes the readings.
        availability: Remembers what devices do not give.
        phase_s: Shifts the grid, so that many ports do not ask in the same millisecond.

    Attributes:
        load: Predicted share of its time that reading takes; above 1 cycles are left out.
    """

    def __init__(
        self,
        name: str,
        *,
        settings: Port,
        devices: Mapping[str, ResolvedDevice],
        open_driver: OpenDriver,
        sink: ReadingSink,
        health: Health,
        availability: AvailabilityStore,
        clock: Clock,
        phase_s: float = 0.0,
        rng: Random | None = None,
    ) -> None:
        self.name = name
        self._health = health
        self._clock = clock
        self._rng = rng or Random()  # noqa: S311 (jitter, not a secret)
        origin_s = clock.monotonic_s() + phase_s
        self._driver = driver = open_driver(self.on_late_response)
        self._units: dict[UnitAddress, Unit] = {}
        self.devices: dict[str, PolledDevice] = {}
        periods_s = _periods_s(devices)
        for device in devices.values():
            unit = self._units.setdefault(
                device.unit,
                Unit(
                    device.unit,
                    settings.timeout_s,
                    rng=self._rng,
                    alone=len(periods_s) == 1,
                    period_s=periods_s[device.unit],
                ),
            )
            self.devices[device.id] = PolledDevice(
                device,
                unit=unit,
                planner=planner_of(device, settings),
                origin_s=origin_s,
                sink=sink,
                health=health,
                availability=availability,
            )
        classes = [scan for device in self.devices.values() for scan in device.classes]
        self.load = sum(
            device.planner.expected_s(block) / scan.period_s
            for device in self.devices.values()
            for scan in device.classes
            for block in scan.blocks
        )
        planners = [device.planner for device in self.devices.values()]
        self.schedule = Schedule(
            classes,
            wire_s=_by_kind({one.asks: one.wire_s for one in planners}),
            takes_s=_by_kind({one.asks: one.expected_s for one in planners}),
            load=PortLoad(self.load),
        )
        self._unit_health = UnitHealth(
            name, devices=self.devices, schedule=self.schedule, health=health, clock=clock
        )
        self._runner = RequestRunner(
            name,
            numbered=settings.numbered,
            quiet_s=max(settings.quiet_s, *(one.gap_s for one in planners)),
            driver=driver,
            devices=self.devices,
            schedule=self.schedule,
            unit_health=self._unit_health,
            health=health,
            clock=clock,
        )
        self._lane = WriteLane(
            driver=driver,
            devices=self.devices,
            exchange=self._runner.exchange,
            shapes=self._runner.shapes,
            clock=clock,
        )
        told = announcements_of(settings)
        self._announcer = (
            None
            if told is None
            else Announcer(name, announcements=told, driver=driver, clock=clock)
        )
        self._task: asyncio.Task[object] | None = None
        self._sleeper: asyncio.Task[object] | None = None
        self._skipped = health.skipped.labels(name)
        self._open = False
        self._fresh = True
        self._broken = 0

    async def run(self) -> None:
        """Open the port, poll, and open it again whenever it was lost; never returns."""
        self._task = asyncio.current_task()
        try:
            while True:
                await self._one_connection()
        finally:
            # Cancelled: no command is carried out any more, so none may be waited for.
            self._open = False
            self._lane.refuse_all(PortDownError(f"port {self.name} was closed"))

    async def _one_connection(self) -> None:
        opened = False
        try:
            async with self._driver:
                opened = True
                self._health.port_opened(self.name, at=self._clock.now_ms())
                await self._poll()
        except PortDownError as error:
            self._open = False
            self._lane.refuse_all(error)
            await self._after_loss(error, opened=opened)

    def answers(self, device: str) -> bool:
        """Whether the device is not offline; a command for one that is, is refused at once."""
        return self._open and not self.devices[device].unit.offline

    def latest(self, device: str, point: str) -> Reading | None:
        """Return the last reading of a point, reported or not; None before the first."""
        return self.devices[device].latest.get(point)

    async def write(
        self,
        device: str,
        point: str,
        value: Value,
        *,
        expires_at: int | None = None,
        watched: Collection[Place] = (),
        final_check: FinalCheck = no_check,
    ) -> Written:
        """Carry out a command in front of all reads; the caller has checked its rules.

        Args:
            device: Id of a device of this port.
            point: Its point.
            value: In the point's unit, or the word of a state.
            expires_at: UTC ms after which it must not go out; None: never.
            watched: What ``final_check`` depends on; what is on this port is read right before it.
            final_check: Called right before the write goes out.

        Raises:
            CommandError: It was not carried out; the message has the reason.
            DriverError: It went out, and it is unknown whether the device did it.
        """
        polled = self.devices[device]
        if not self._open:
            raise CommandError(f"port {self.name} is down")
        if polled.unit.offline:
            raise CommandError(f"unit {polled.unit.number} does not answer")
        result: asyncio.Future[Written] = asyncio.get_running_loop().create_future()
        mine = [place for place in watched if place.device in self.devices]
        self._lane.add(WriteOrder(polled, point, value, expires_at, result, mine, final_check))
        if not self._wake():
            await self._make_way(result)
        return await result

    def on_late_response(self, unit: UnitAddress, lateness_s: float) -> None:
        """Record that a unit answered when the wait for it was over.

        Args:
            unit: Its number.
            lateness_s: From its request to its answer, seconds.
        """
        if unit in self._units:
            self._unit_health.on_late_response(self._units[unit], lateness_s)
            # What waited for it may be asked.
            self._wake()

    def _wake(self) -> bool:
        """End the sleep until something is due; returns whether the port slept."""
        sleeper, self._sleeper = self._sleeper, None
        if sleeper is not None:
            sleeper.cancel()
        return sleeper is not None

    async def _make_way(self, result: "asyncio.Future[Written]") -> None:
        """End the wait for a unit that does not answer, as soon as that is safe."""
        underway = self._runner.underway
        if underway is None:
            return
        wait_s = self._runner.gives_way_at(underway) - self._clock.monotonic_s()
        if wait_s > 0:
            pause = asyncio.create_task(self._clock.sleep(wait_s))
            try:
                await asyncio.wait({pause, result}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                pause.cancel()
        if self._runner.underway is underway:
            underway.give_up()

    async def _after_loss(self, error: PortDownError, *, opened: bool) -> None:
        if opened and self._unit_health.worked:
            # A peer that drops idle connections: open it again and report nothing.
            self._unit_health.worked = False
            self._broken = 0
            return
        self._broken += 1
        if not opened or self._broken > 1:
            self._mark_down(error)
        pause_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** min(self._broken, 6))
        await self._clock.sleep(pause_s * self._rng.uniform(0.75, 1.0))

    def _mark_down(self, error: PortDownError) -> None:
        at = self._clock.now_ms()
        self._health.port(self.name, up=False, at=at, reason=error.reason, error=str(error))
        for device in self.devices.values():
            device.went_down(at, reason=error.reason, error=str(error))
        self._fresh = True

    async def _poll(self) -> None:
        """Ask what is due, writes first, until the port is lost."""
        self._open = True
        if self._fresh:
            self._fresh = False
            now = self._clock.monotonic_s()
            for unit in self._units.values():
                unit.port_opened(now)
            self.schedule.start(now)
        while True:
            now = self._clock.monotonic_s()
            order = self._lane.next(now)
            if order is not None:
                await self._lane.carry_out(order)
                continue
            if self._announcer is not None:
                await self._announcer.tell_if_due()
            job = self.schedule.next(now, self._runner.clear_at)
            self._runner.end_empty_cycles()
            if job is not None:
                await self._runner.ask(job, self._task)
            else:
                self._runner.end_withheld()
                wake_at = self.schedule.wake_at(now, self._runner.clear_at)
                if self._announcer is not None:
                    wake_at = min(wake_at, self._announcer.wake_at(now))
                await self._sleep(min(wake_at, self._lane.wake_at()) - now)

    async def _sleep(self, seconds: float) -> None:
        """Sleep until something is due or a command arrives."""
        self._skipped.inc(self.schedule.take_skipped())
        self._sleeper = sleeper = self._task
        try:
            await self._clock.sleep(max(seconds, _SHORTEST_SLEEP_S))
        except asyncio.CancelledError:
            # A command cancels the sleep, as asyncio.timeout does; a task per sleep costs more.
            if self._sleeper is not None or sleeper is None or sleeper.uncancel():
                raise
        finally:
            self._sleeper = None


def _periods_s(devices: Mapping[str, ResolvedDevice]) -> dict[UnitAddress, float]:
    """Return the shortest period of each unit's points, seconds."""
    found: dict[UnitAddress, float] = {}
    for device in devices.values():
        for point in device.points.values():
            period_s = point.period_s or 1.0
            found[device.unit] = min(period_s, found.get(device.unit, period_s))
    return found


def _by_kind(
    seconds: Mapping[type[Any], Callable[[Any], float]],
) -> Callable[[Question], float]:
    """Return what says how long a question takes, by the class that a planner asks."""
    if len(seconds) == 1:
        return next(iter(seconds.values()))
    return lambda question: seconds[type(question)](question)
