"""A line with one fire alarm panel, or one transmission device, and its session.

The line is a serial one or, behind a serial server, a TCP connection. GST panels need an address
bit: their link is an ``AddressBitLink``.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

from edge_agent.clock import Clock
from edge_agent.drivers.address_bit import AddressBitLink
from edge_agent.drivers.fire_delivery import Deliveries, Hearer, SiteTime
from edge_agent.drivers.link import Link
from edge_agent.errors import PortDownError
from protocols.fire.session import Moment, Output, PanelSession
from protocols.panels.session import AdapterSession

_TICK_S: Final = 0.1
_CHUNK: Final = 4096
_MOST_UNHEARD: Final = 1 << 20
"""Bytes that wait while events are kept: a minute and a half of the fastest line when a disk hangs.
What a network sends beyond is no panel's."""


class PanelLine:
    """Hears while ``serve`` runs; the session outlives the link.

    Args:
        name: Name of the port, for the log.
        source: Of the equipment, as its deliveries name it.
        open_link: Opens the line.
        most_unheard: Bytes that may wait while events are kept.
    """

    def __init__(
        self,
        name: str,
        *,
        source: str,
        open_link: Callable[[], Awaitable[Link]],
        session: PanelSession,
        hearer: Hearer,
        clock: Clock,
        time: SiteTime,
        most_unheard: int = _MOST_UNHEARD,
    ) -> None:
        self._name = name
        self._source = source
        self._open_link = open_link
        self._session = session
        self._hearer = hearer
        self._clock = clock
        self._time = time
        self._most_unheard = most_unheard
        self._is_open = False

    async def serve(self, opened: Callable[[], None]) -> NoReturn:
        """Hear for as long as the line is there.

        Raises:
            PortDownError: It cannot be opened, or is gone.
        """
        link = await self._open_link()
        arrived = asyncio.Event()
        ticking = asyncio.create_task(self._tick(arrived), name=f"{self._name}:tick")
        try:
            self._session.opened(self._time.now())
            self._is_open = True
            opened()
            await self._attend(link, arrived)
        finally:
            self._is_open = False
            ticking.cancel()
            link.close()
            await link.closed()

    def heard_now(self) -> set[str]:
        """Return the source when it has spoken and is not silent for too long."""
        is_heard = self._is_open and self._session.is_heard(self._time.now())
        return {self._source} if is_heard else set()

    async def _attend(self, link: Link, arrived: asyncio.Event) -> NoReturn:
        def changed() -> None:
            arrived.set()
            if len(link.received) > self._most_unheard:
                # What has come is heard to its end.
                link.close(f"more than {self._most_unheard} bytes at once are no panel's")

        link.on_change = changed
        deliveries = Deliveries(
            self._session, port=self._name, hearer=self._hearer, time=self._time, send=link.send
        )
        while not link.lost or link.received:
            if not link.received:
                await arrived.wait()
            arrived.clear()
            data = bytes(link.received[:_CHUNK])
            del link.received[:_CHUNK]
            out = _received(link, self._session, data, self._time.now())
            await deliveries.carry_out(out, source=self._source)
            out = self._session.tick(self._time.now())
            await deliveries.carry_out(out, source=self._source)
        raise PortDownError(link.lost)

    async def _tick(self, arrived: asyncio.Event) -> None:
        """Have the session look at the time although nothing arrives."""
        while True:
            await self._clock.sleep(_TICK_S)
            arrived.set()


def _received(link: Link, session: PanelSession, data: bytes, moment: Moment) -> Output:
    if isinstance(link, AddressBitLink) and isinstance(session, AdapterSession):
        return session.receive_marked(link.unmarked(data), moment)
    return session.receive(data, moment)
