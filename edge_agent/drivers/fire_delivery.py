"""From a session of fire alarm equipment to the agent and back: keep first, acknowledge then."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final, NoReturn, Protocol, TypeAlias

import structlog

from edge_agent.clock import Clock
from edge_agent.errors import JournalError, PortDownError
from protocols.fire.model import Place
from protocols.fire.session import Delivery, Moment, Notice, NoticeKind, Output, PanelSession

_LOG_EVERY_S: Final = 10.0

KeepEvents: TypeAlias = Callable[[Delivery], Awaitable[bool]]
"""Takes the events of a delivery in their order; True once they are on disk, False if they cannot
be kept now. Called one at a time for each connection. An event may come again after a crash: fold
it with ``protocols.fire.panel_state``, to which a repetition is no change. Each source has a state
of its own: places of two sources may have the same numbers."""

OnNotice: TypeAlias = Callable[[str, Notice], None]
"""Hears what a port has to say about the connection to a source."""


def _no_places(_: str) -> Sequence[Place]:
    return ()


@dataclass(frozen=True)
class Hearer:
    """Who hears what equipment says.

    Attributes:
        keep: Makes events durable; called from the event loop, one delivery at a time.
        on_notice: Hears of lost and restored links, refused frames, failed requests, the sentry.
        open_places: The components that are open at a source: a device is asked for their states
            when it connects, so that a restart neither loses nor keeps a fire wrongly.
    """

    keep: KeepEvents
    on_notice: OnNotice
    open_places: Callable[[str], Sequence[Place]] = _no_places


class Wire(Protocol):
    """Where equipment speaks first: a server, or a line."""

    async def serve(self, opened: Callable[[], None]) -> NoReturn:
        """Hear for as long as the wire is there; can be called again.

        Args:
            opened: Called once it is open.

        Raises:
            PortDownError: It cannot be opened, or is gone.
        """
        ...

    def heard_now(self) -> set[str]:
        """Return which sources have spoken and are not silent for too long."""
        ...


class SiteTime:
    """The time that sessions need: monotonic, and local for the clocks of panels."""

    def __init__(self, clock: Clock, zone: tzinfo) -> None:
        self._clock = clock
        self._zone = zone

    def now(self) -> Moment:
        """Return the present."""
        local = datetime.fromtimestamp(self._clock.now_ms() / 1000, self._zone)
        return Moment(self._clock.monotonic_s(), local.replace(tzinfo=None))


class Deliveries:
    """What a session wants, done.

    Args:
        port: Name of the port, for the log.
        send: Hands bytes to the wire.
    """

    def __init__(
        self,
        session: PanelSession,
        *,
        port: str,
        hearer: Hearer,
        time: SiteTime,
        send: Callable[[bytes], None],
    ) -> None:
        self._session = session
        self._hearer = hearer
        self._time = time
        self._send = send
        self._lost: PortDownError | None = None
        self._rejected = 0
        self._log_after_s = 0.0
        self._log = structlog.get_logger().bind(port=port)

    async def carry_out(self, out: Output, *, source: str) -> None:
        """Send, have events kept, acknowledge them.

        Raises:
            PortDownError: The wire is gone. What was handed out is kept all the same; what could
                not be acknowledged comes again.
        """
        for notice in out.notices:
            self._notice(notice, source)
        self._send_all(out.send)
        for at, delivery in enumerate(out.deliveries):
            if not await self._is_kept(delivery):
                # What follows may say that it is over: it must not overtake.
                for left in out.deliveries[at:]:
                    self._session.not_kept(left.number)
                break
            self._send_all(self._session.kept(delivery.number, self._time.now()))
        lost, self._lost = self._lost, None
        if lost is not None:
            raise lost

    def _send_all(self, frames: Sequence[bytes]) -> None:
        """Send unless the wire is gone."""
        try:
            for data in frames:
                self._send(data)
        except PortDownError as error:
            self._lost = error

    async def _is_kept(self, delivery: Delivery) -> bool:
        try:
            return await self._hearer.keep(delivery)
        except JournalError as error:
            self._log.error("fire_events_not_kept", source=delivery.source, error=str(error))
            return False

    def _notice(self, notice: Notice, source: str) -> None:
        if notice.kind is NoticeKind.REJECTED:
            self._log_rejection(notice.detail, source)
        self._hearer.on_notice(source, notice)

    def _log_rejection(self, why: str, source: str) -> None:
        """Log one in ten seconds, and how many there were: noise must not fill the log."""
        self._rejected += 1
        now_s = self._time.now().monotonic_s
        if now_s < self._log_after_s:
            return
        self._log.warning("fire_frame_rejected", source=source, why=why, number=self._rejected)
        self._rejected, self._log_after_s = 0, now_s + _LOG_EVERY_S
