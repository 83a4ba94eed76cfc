"""A TCP server for user information transmission devices (GB/T 26875.3-2011).

A source is the address of a device as text. Devices that connect are asked for their states.
``ask`` sends a request or a command (``protocols.gb26875.requests``).

The server knows nothing of points, polling and configuration files.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from typing import Final, NoReturn

import structlog

from edge_agent.clock import Clock
from edge_agent.drivers.fire_delivery import Deliveries, Hearer, SiteTime
from edge_agent.errors import PortDownError
from protocols.fire.session import HeardSources, Notice, NoticeKind
from protocols.gb26875.options import SessionOptions
from protocols.gb26875.recent import RecentMessages
from protocols.gb26875.session import CentreSession
from protocols.gb26875.units import Unit

_CHUNK: Final = 4096
_TICK_S: Final = 0.5
_SENDING_S: Final = 10.0
_MOST_SOURCES: Final = 256
"""Devices that can be asked; a connection may carry several."""
_LINK_NOTICES: Final = (NoticeKind.LINK_LOST, NoticeKind.LINK_RESTORED)


@dataclass(frozen=True)
class ServerSettings:
    """Where the server listens and how it behaves.

    Attributes:
        name: Name of the port, for the log.
        host: Address to listen on.
        port: TCP port; 0 takes a free one.
        zone: Time zone of the site, for the clocks of the devices.
        most_connections: Connections at once; more are closed.
        session: How a session behaves.
    """

    name: str
    host: str = "0.0.0.0"  # noqa: S104 (devices come from the site's network)
    port: int = 0
    zone: tzinfo = UTC
    most_connections: int = 64
    session: SessionOptions = field(default_factory=SessionOptions)


class TransmissionServer:
    """Listens while ``serve`` runs.

    Attributes:
        port: TCP port; the chosen one once it is open.
    """

    def __init__(self, settings: ServerSettings, *, hearer: Hearer, clock: Clock) -> None:
        self.port = settings.port
        self._settings = settings
        self._hearer = hearer
        self._clock = clock
        self._time = SiteTime(clock, settings.zone)
        self._recent = RecentMessages()
        self._heard = HeardSources(
            map(str, sorted(settings.session.sources)),
            silence_s=settings.session.silence_s,
            now_s=clock.monotonic_s(),
        )
        self._sessions: dict[str, tuple[CentreSession, asyncio.StreamWriter]] = {}
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._log = structlog.get_logger().bind(port=settings.name)

    async def serve(self, opened: Callable[[], None]) -> NoReturn:
        """Listen until cancelled.

        Raises:
            PortDownError: The address cannot be listened on.
        """
        host, port = self._settings.host, self._settings.port
        try:
            server = await asyncio.start_server(self._accept, host, port, limit=_CHUNK)
        except OSError as error:
            raise PortDownError(f"{host}:{port}: {error.strerror or error}") from error
        try:
            self.port = server.sockets[0].getsockname()[1]
            opened()
            await self._watch()
        finally:
            server.close()
            for writer in self._connections.values():
                writer.transport.abort()
            # What is being kept is kept to its end: a write to the journal is not cut short.
            await asyncio.gather(*self._connections, return_exceptions=True)
            await server.wait_closed()

    def heard_now(self) -> set[str]:
        """Return the addresses of the devices that are connected and not silent for too long."""
        now = self._time.now()
        return {name for name, (one, _) in self._sessions.items() if one.is_heard(now)}

    def ask(self, source: str, unit: Unit) -> bool:
        """Ask or command a device; returns False when it is not connected.

        Raises:
            ValueRangeError: A value of it does not fit its field.
        """
        connected = self._sessions.get(source)
        if connected is None:
            return False
        session, writer = connected
        for data in session.ask(unit, self._time.now()):
            writer.write(data)
        return True

    async def _watch(self) -> NoReturn:
        """Tell once which device is silent for too long, connected or not."""
        while True:
            await self._clock.sleep(_TICK_S)
            for source in self._heard.silent(now_s=self._clock.monotonic_s()):
                self._hearer.on_notice(source, Notice(NoticeKind.LINK_LOST, "no frame from it"))

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        peer = str(writer.get_extra_info("peername"))
        if task is None or len(self._connections) >= self._settings.most_connections:
            self._log.warning("fire_connection_refused", peer=peer, why="too many connections")
            writer.close()
            return
        self._connections[task] = writer
        self._log.info("fire_device_connected", peer=peer)
        why = "closed by the other side"
        try:
            await self._serve(reader, writer)
        except (PortDownError, OSError) as error:
            why = str(error)
        finally:
            del self._connections[task]
            writer.transport.abort()
            self._log.info("fire_device_disconnected", peer=peer, why=why)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = CentreSession(
            self._settings.session,
            moment=self._time.now(),
            recent=self._recent,
            open_places=self._hearer.open_places,
        )
        deliveries = Deliveries(
            session,
            port=self._settings.name,
            hearer=replace(self._hearer, on_notice=self._tell),
            time=self._time,
            send=writer.write,
        )
        try:
            while (data := await _read(reader)) != b"":
                if data is not None:
                    out = session.receive(data, self._time.now())
                    self._hear(session, writer)
                    await deliveries.carry_out(out, source=_name(session))
                out = session.tick(self._time.now())
                await deliveries.carry_out(out, source=_name(session))
                if any(notice.kind is NoticeKind.LINK_LOST for notice in out.notices):
                    raise PortDownError("silent for too long")
                await _sent(writer)
        finally:
            session.abandon()
            mine = [name for name, (owner, _) in self._sessions.items() if owner is session]
            for name in mine:
                del self._sessions[name]

    def _hear(self, session: CentreSession, writer: asyncio.StreamWriter) -> None:
        source = _name(session)
        if not source:
            return
        if source in self._sessions or len(self._sessions) < _MOST_SOURCES:
            self._sessions[source] = (session, writer)
        if self._heard.heard(source, now_s=session.heard_s):
            self._hearer.on_notice(source, Notice(NoticeKind.LINK_RESTORED))

    def _tell(self, source: str, notice: Notice) -> None:
        """Pass a notice on; links are watched over all connections of a device."""
        if notice.kind not in _LINK_NOTICES:
            self._hearer.on_notice(source, notice)


def _name(session: CentreSession) -> str:
    """Return the address of the device as text; empty before it has spoken."""
    return "" if session.source is None else str(session.source)


async def _read(reader: asyncio.StreamReader) -> bytes | None:
    """Return what has arrived, None when nothing did for a while, no bytes at the end."""
    try:
        async with asyncio.timeout(_TICK_S):
            return await reader.read(_CHUNK)
    except TimeoutError:
        return None


async def _sent(writer: asyncio.StreamWriter) -> None:
    """Wait until the device has taken what was sent."""
    try:
        async with asyncio.timeout(_SENDING_S):
            await writer.drain()
    except TimeoutError as error:
        raise PortDownError("the device takes no bytes") from error
