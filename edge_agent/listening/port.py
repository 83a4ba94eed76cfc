"""A port on which the equipment speaks first: one task owns it and everything on it.

What the equipment says is on disk before it is confirmed: first what is open, then the readings. An
agent that is killed between the two goes on from what is open; what is said again changes nothing.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeAlias

import structlog

from config.gateway import ResolvedDevice
from config.interlock import Place as WatchedPlace
from config.listening import Gb26875Options
from config.ports import HearingPort
from edge_agent.clock import Clock
from edge_agent.drivers.fire_delivery import Hearer, Wire
from edge_agent.errors import CommandError, PortDownError
from edge_agent.health import Health
from edge_agent.journal.base import Journal
from edge_agent.listening.panel import HeardPanel
from edge_agent.listening.snapshot_file import SnapshotFile
from edge_agent.polling.sink import ReadingSink
from edge_agent.polling.writes import FinalCheck, Written, no_check
from protocols.errors import FrameError
from protocols.fire.model import Place, State, states_of
from protocols.fire.panel_state import FoldOptions, ResetScope
from protocols.fire.session import Delivery, Notice, NoticeKind
from protocols.reading import Reading, Value

_TICK_S: Final = 0.5
_PAUSE_S: Final = 2.0
_COUNTED: Final = (NoticeKind.REJECTED, NoticeKind.REQUEST_FAILED, NoticeKind.SENTRY_MISSED)

BuildWire: TypeAlias = Callable[[Hearer], Wire]
"""Makes what the equipment speaks on; it is opened by ``serve``."""


class ListeningPort:
    """Listens for as long as ``run`` runs.

    Args:
        name: Of the port, as in the agent file.
        settings: The port's settings.
        devices: The devices on it, by id.
        build_wire: Makes the server or line of the port.
        sink: Takes the readings.
        journal: Where they are on disk.
        path: File for what is open.

    Attributes:
        load: A port that listens spends no time on asking.
        devices: Device id to its panel.
    """

    def __init__(
        self,
        name: str,
        *,
        settings: HearingPort,
        devices: Mapping[str, ResolvedDevice],
        build_wire: BuildWire,
        sink: ReadingSink,
        journal: Journal,
        health: Health,
        clock: Clock,
        path: Path,
    ) -> None:
        self.name = name
        self.load = 0.0
        self._journal = journal
        self._health = health
        self._clock = clock
        self._file = SnapshotFile(path)
        self._unsaved = False
        self._keeping = asyncio.Lock()
        options = _fold_options(settings)
        self.devices = {
            device.id: HeardPanel(
                device, options=options, language=settings.language, sink=sink, health=health
            )
            for device in devices.values()
        }
        self._panels = {str(panel.device.unit): panel for panel in self.devices.values()}
        self._wire = build_wire(Hearer(self._keep, self._notice, self._open_places))
        self._log = structlog.get_logger().bind(port=name)

    async def run(self) -> None:
        """Hear, and open the wire again whenever it is gone; never returns."""
        await self._restore()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._report(), name=f"{self.name}:report")
            while True:
                try:
                    await self._wire.serve(self._mark_up)
                except PortDownError as error:
                    self._mark_down(error)
                    await self._clock.sleep(_PAUSE_S)

    def answers(self, device: str) -> bool:
        """Whether the device is heard."""
        return self.devices[device].up is True

    def latest(self, device: str, point: str) -> Reading | None:
        """Return the last reading of a point; None before the first."""
        return self.devices[device].latest.get(point)

    async def write(
        self,
        device: str,
        point: str,
        value: Value,
        *,
        expires_at: int | None = None,
        watched: Collection[WatchedPlace] = (),
        final_check: FinalCheck = no_check,
    ) -> Written:
        """Refuse a command: what is heard only is not commanded.

        Raises:
            CommandError: Always.
        """
        del value, expires_at, watched, final_check
        raise CommandError(f"{device}.{point} cannot be commanded: port {self.name} only listens")

    async def _restore(self) -> None:
        """Go on from what was open when the agent ended."""
        try:
            found = await asyncio.to_thread(self._file.read)
            for source, panel in self._panels.items():
                if source in found:
                    panel.restore(found[source])
        except (FrameError, OSError) as error:
            self._log.error("fire_snapshot_unreadable", error=str(error))
        at = self._clock.now_ms()
        for panel in self._panels.values():
            # A fire that was kept and not yet published must not wait for the device: it may never
            # speak again.
            if fires := panel.state.open(State.FIRE):
                self._log.warning(
                    "fire_open_since_before", device=panel.device.id, fires=len(fires)
                )
                panel.came_up(at)
                panel.publish(at)

    async def _report(self) -> None:
        """Have devices up that are heard, and their points reported often enough."""
        while True:
            async with self._keeping:
                at = self._clock.now_ms()
                heard = self._wire.heard_now()
                for source, panel in self._panels.items():
                    if source in heard:
                        panel.came_up(at)
                    if panel.up:
                        panel.publish(at)
            await self._clock.sleep(_TICK_S)

    async def _keep(self, delivery: Delivery) -> bool:
        """Have events on disk; False when the disk refuses."""
        panel = self._panels.get(delivery.source)
        if panel is None:
            return False
        async with self._keeping:
            self._unsaved |= panel.fold(delivery.events)
            if self._unsaved:
                self._unsaved = not await self._saved()
            at = self._clock.now_ms()
            panel.came_up(at)
            panel.publish(at)
            await self._journal.commit()
            return self._journal.stats().writable and not self._unsaved

    async def _saved(self) -> bool:
        panels = {source: panel.snapshot() for source, panel in self._panels.items()}
        try:
            await asyncio.to_thread(self._file.write, panels)
        except OSError as error:
            self._log.error("fire_snapshot_not_kept", path=str(self._file.path), error=str(error))
            return False
        return True

    def _open_places(self, source: str) -> Sequence[Place]:
        panel = self._panels.get(source)
        return [] if panel is None else [one.place for one in panel.state.open()]

    def _notice(self, source: str, notice: Notice) -> None:
        if notice.kind in _COUNTED:
            self._health.request_errors.labels(self.name, str(notice.kind)).inc()
        panel = self._panels.get(source)
        if panel is None:
            return
        match notice.kind:
            case NoticeKind.LINK_LOST:
                error = f"port {self.name}, {panel.device.addressed}: {notice.detail}"
                panel.went_down(self._clock.now_ms(), reason="timeout", error=error)
            case NoticeKind.SENTRY_ANSWERED:
                self._log.info("sentry_answered", device=panel.device.id, by=notice.detail)
                panel.sentry_missed = False
            case NoticeKind.SENTRY_MISSED:
                self._log.warning("sentry_missed", device=panel.device.id)
                panel.sentry_missed = True
            case _:
                pass

    def _mark_up(self) -> None:
        at = self._clock.now_ms()
        self._health.port_opened(self.name, at=at)
        self._health.port(self.name, up=True, at=at)

    def _mark_down(self, error: PortDownError) -> None:
        at = self._clock.now_ms()
        self._health.port(self.name, up=False, at=at, reason=error.reason, error=str(error))
        for panel in self.devices.values():
            panel.went_down(at, reason=error.reason, error=str(error))


def _fold_options(settings: HearingPort) -> FoldOptions:
    options = FoldOptions(
        reset_scope=ResetScope(settings.reset_scope), reset_clears=states_of(settings.reset_clears)
    )
    if not isinstance(settings, Gb26875Options):
        return options
    return replace(
        options,
        system_normal_ends_fires=settings.system_normal_ends_fires,
        transmitter_reset_resets=settings.transmitter_reset_resets,
    )
