"""A port that listens for transmission devices: one task owns it and everything on it.

What a device says is on disk before it is confirmed: first what is open, then the readings. An
agent that is killed between the two goes on from what is open; the device says it again, which
changes nothing.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import structlog

from config.interlock import Place as WatchedPlace
from config.listening import Gb26875TcpPort
from config.resolve import ResolvedDevice
from edge_agent.clock import Clock
from edge_agent.drivers.fire_server import ServerSettings, TransmissionServer
from edge_agent.errors import CommandError, PortDownError
from edge_agent.health import Health
from edge_agent.journal.base import Journal
from edge_agent.listening.panel import HeardPanel
from edge_agent.listening.snapshot_file import SnapshotFile
from edge_agent.polling.sink import ReadingSink
from edge_agent.polling.writes import FinalCheck, Written, no_check
from protocols.errors import FrameError
from protocols.fire.model import NO_STATE, Place, State
from protocols.fire.panel_state import FoldOptions, ResetScope
from protocols.fire.session import Delivery, Notice, NoticeKind
from protocols.gb26875.events import EventOptions
from protocols.gb26875.options import SessionOptions
from protocols.reading import Reading, Value

_TICK_S: Final = 0.5
_PAUSE_S: Final = 2.0
_COUNTED: Final = (NoticeKind.REJECTED, NoticeKind.REQUEST_FAILED, NoticeKind.SENTRY_MISSED)


class ListeningPort:
    """Listens for as long as ``run`` runs.

    Args:
        name: Of the port, as in the agent file.
        settings: The port's settings.
        devices: The devices on it, by id.
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
        settings: Gb26875TcpPort,
        devices: Mapping[str, ResolvedDevice],
        sink: ReadingSink,
        journal: Journal,
        health: Health,
        clock: Clock,
        path: Path,
    ) -> None:
        self.name = name
        self.load = 0.0
        self._settings = settings
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
        self._log = structlog.get_logger().bind(port=name)

    async def run(self) -> None:
        """Listen, and listen again whenever that failed; never returns."""
        await self._restore()
        while True:
            try:
                async with self._server() as server:
                    at = self._clock.now_ms()
                    self._health.port_opened(self.name, at=at)
                    self._health.port(self.name, up=True, at=at)
                    await self._watch(server)
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

    def _server(self) -> TransmissionServer:
        settings = self._settings
        sources = frozenset(int(source) for source in self._panels)
        return TransmissionServer(
            ServerSettings(
                self.name,
                settings.host,
                settings.port,
                zone=ZoneInfo(settings.time_zone),
                session=_session_options(settings, sources),
            ),
            keep=self._keep,
            on_notice=self._notice,
            open_places=self._open_places,
            clock=self._clock,
        )

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
            # connect again.
            if panel.state.open(State.FIRE):
                panel.came_up(at)
                panel.publish(at)

    async def _watch(self, server: TransmissionServer) -> None:
        """Have devices up that are heard, and their points reported often enough."""
        while True:
            async with self._keeping:
                at = self._clock.now_ms()
                heard = server.heard_now()
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
        if panel is not None and notice.kind is NoticeKind.LINK_LOST:
            error = f"port {self.name}, source {source}: {notice.detail}"
            panel.went_down(self._clock.now_ms(), reason="timeout", error=error)

    def _mark_down(self, error: PortDownError) -> None:
        at = self._clock.now_ms()
        self._health.port(self.name, up=False, at=at, reason=error.reason, error=str(error))
        for panel in self.devices.values():
            panel.went_down(at, reason=error.reason, error=str(error))


def _session_options(settings: Gb26875TcpPort, sources: frozenset[int]) -> SessionOptions:
    return SessionOptions(
        sources=sources,
        silence_s=settings.silence_s,
        reply_timeout_s=settings.reply_timeout_s,
        resends=settings.resends,
        sets_clock=settings.sets_clock,
        clock_every_s=settings.clock_every_s,
        clock_tolerance_s=settings.clock_tolerance_s,
        asks_states=settings.asks_states,
        confirms_user_commands=settings.confirms_user_commands,
        events=EventOptions(
            test_from_bit_0=settings.test_from_bit_0, words_are_events=settings.words_are_events
        ),
    )


def _fold_options(settings: Gb26875TcpPort) -> FoldOptions:
    return FoldOptions(
        reset_scope=ResetScope(settings.reset_scope),
        reset_clears=_states(settings.reset_clears),
        system_normal_ends_fires=settings.system_normal_ends_fires,
        transmitter_reset_resets=settings.transmitter_reset_resets,
    )


def _states(names: Sequence[str]) -> State:
    states = NO_STATE
    for name in names:
        states |= State[name.upper()]
    return states
