"""A line with one fire alarm panel, or a transmission device on a serial line.

Interface for the agent::

    line = PanelLine(name, open_link=..., new_session=..., keep=..., on_notice=..., time=...)
    await line.run()            # a task; ends only by being cancelled

- ``open_link() -> Link`` opens the wire: ``open_serial`` or, behind a serial server, ``open_tcp``.
- ``new_session(moment)`` makes the session: ``AdapterSession(ADAPTERS[...](...))`` for a panel,
  ``CentreSession`` for GB/T 26875.3 on a serial line.
- ``keep`` and ``on_notice`` as in ``fire_server``; the source is the name of the line.

A wire that is lost is opened again after 1 s, 2 s and so on up to 30 s; the loss is told as a lost
link at once, its return as a restored one.

GST panels need an address bit: ``open_link`` then returns an ``AddressBitLink`` around the link.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from edge_agent.clock import Clock
from edge_agent.drivers.address_bit import AddressBitLink
from edge_agent.drivers.fire_delivery import Deliveries, KeepEvents, OnNotice, SiteTime
from edge_agent.drivers.link import Link
from edge_agent.errors import PortDownError
from protocols.fire.session import Moment, Notice, NoticeKind, Output, PanelSession
from protocols.panels.session import AdapterSession

_TICK_S: Final = 0.1
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0
_CHUNK: Final = 4096


class PanelLine:
    """Keeps the line open and its session going."""

    def __init__(
        self,
        name: str,
        *,
        open_link: Callable[[], Awaitable[Link]],
        new_session: Callable[[Moment], PanelSession],
        keep: KeepEvents,
        on_notice: OnNotice,
        clock: Clock,
        time: SiteTime,
    ) -> None:
        self._name = name
        self._open_link = open_link
        self._new_session = new_session
        self._keep = keep
        self._on_notice = on_notice
        self._clock = clock
        self._time = time
        self._log = structlog.get_logger().bind(port=name)
        self._down = False

    async def run(self) -> None:
        """Serve the line until cancelled."""
        session = self._new_session(self._time.now())
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                link = await self._open_link()
                pause_s = _FIRST_PAUSE_S
                await self._serve(link, session)
            except PortDownError as error:
                self._tell_down(str(error))
            await self._clock.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _serve(self, link: Link, session: PanelSession) -> None:
        """Raises PortDownError when the wire is lost."""
        arrived = asyncio.Event()
        link.on_change = arrived.set
        if self._down:
            self._down = False
            self._on_notice(self._name, Notice(NoticeKind.LINK_RESTORED))
        deliveries = Deliveries(
            session,
            port=self._name,
            keep=self._keep,
            on_notice=self._on_notice,
            time=self._time,
            send=link.send,
        )
        try:
            while not link.lost or link.received:
                await _wait(arrived, until_now=bool(link.received))
                data = bytes(link.received[:_CHUNK])
                del link.received[:_CHUNK]
                out = _received(link, session, data, self._time.now())
                await deliveries.carry_out(out, source=self._name)
                await deliveries.carry_out(session.tick(self._time.now()), source=self._name)
            raise PortDownError(link.lost)
        finally:
            link.close()
            await link.closed()

    def _tell_down(self, why: str) -> None:
        self._log.warning("fire_line_down", why=why, again=self._down)
        if not self._down:
            self._down = True
            self._on_notice(self._name, Notice(NoticeKind.LINK_LOST, why))


def _received(link: Link, session: PanelSession, data: bytes, moment: Moment) -> Output:
    if isinstance(link, AddressBitLink) and isinstance(session, AdapterSession):
        return session.receive_marked(link.unmarked(data), moment)
    return session.receive(data, moment)


async def _wait(arrived: asyncio.Event, *, until_now: bool) -> None:
    """Wait for bytes or for the next tick."""
    if not until_now:
        try:
            async with asyncio.timeout(_TICK_S):
                await arrived.wait()
        except TimeoutError:
            return
    arrived.clear()
