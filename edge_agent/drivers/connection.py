"""The link of one port: opened, watched, and opened again where the other side drops it; over TCP.

Cheap serial servers and controllers close after each answer, close what was idle for a while, or
forget a connection without a word. None of that is a fault of a unit: where nothing was sent yet,
a new link is taken without an error. A link that has carried no response is not replaced here;
the owner of the port waits before it tries again.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from ipaddress import ip_address
from typing import Final, cast

from edge_agent.clock import Clock
from edge_agent.drivers.base import UnitAddress
from edge_agent.drivers.link import Link, ignore
from edge_agent.drivers.own_thread import OwnThread
from edge_agent.errors import PortDownError

_SILENT_LIMIT: Final = 3
_SILENT_LIMIT_HEARD: Final = 2  # for a unit that has answered on this link
_YOUNG_S: Final = 5.0  # some devices hear nothing in the first seconds of a connection
_IDLE_S: Final = 2.0  # a link idle for longer may have been forgotten by the other side
_TIMES_FORGOTTEN: Final = (
    2  # so often a link must have been forgotten before one is replaced beforehand
)
_REMEMBERED_S: Final = 3600.0
_FEW_ANSWERS: Final = 2  # a link that is closed after so few will be closed after so few again
# Who takes one connection at a time may need a moment to notice that the old one is gone.
_PAUSES_S: Final = (0.2, 0.5, 0.0)
_KEEP_ALIVE: Final = (
    (socket.TCP_KEEPIDLE, 20),  # seconds without a byte
    (socket.TCP_KEEPINTVL, 10),
    (socket.TCP_KEEPCNT, 3),
)


class Connection:
    """Keeps one link.

    Args:
        open_link: Opens a new one.
        delay_s: How long nothing is sent after it was opened; what comes meanwhile is dropped.
        renewable: Whether it may be opened again between two requests: TCP, not a serial line.
        clock: Time.
        on_change: Called after bytes arrived or the link was lost.

    Attributes:
        link: The open link; None while there is none.
        answers: How many answers the link has carried.
    """

    def __init__(
        self,
        open_link: Callable[[], Awaitable[Link]],
        *,
        delay_s: float,
        renewable: bool,
        clock: Clock,
        on_change: Callable[[], None],
    ) -> None:
        self.link: Link | None = None
        self.answers = 0
        self._open_link = open_link
        self._delay_s = delay_s
        self._renewable = renewable
        self._clock = clock
        self._on_change = on_change
        self._wanted = False
        self._opened_s = self._heard_s = 0.0
        self._heard: set[UnitAddress] = set()
        self._silent = 0
        self._few = False
        self._given_up = False
        self._suspected: tuple[UnitAddress, float] | None = None
        self._forgotten: list[tuple[float, float]] = []

    @property
    def replaceable(self) -> bool:
        """Whether a lost link may be replaced here: it was good for something."""
        return self._renewable and self.answers > 0

    async def open(self) -> None:
        """Open the link.

        Raises:
            PortDownError: It cannot be opened, or does not last for the delay.
        """
        self._wanted = True
        link = await self._open_link()
        try:
            if self._delay_s:
                await self._clock.sleep(self._delay_s)
        except asyncio.CancelledError:
            link.close()
            raise
        if link.lost:
            raise PortDownError(f"{link.lost}, {self._delay_s:g} s after it was opened")
        # A banner, or what a terminal server negotiates.
        link.received.clear()
        link.on_change = self._on_change
        self.link = link
        self._opened_s = self._heard_s = self._clock.monotonic_s()
        self.answers = self._silent = 0
        self._given_up = False
        self._heard = set()

    async def close(self) -> None:
        """Give the link back; never raises."""
        self._wanted = False
        await self._give_back()

    async def _give_back(self) -> None:
        link, self.link = self.link, None
        if link is not None:
            link.on_change = ignore
            link.close()
            await link.closed()

    async def ready(self, *, write: bool) -> Link:
        """Return a link that a request may be sent on, a new one where that is better.

        Args:
            write: The request must not be sent twice, so it goes out on no link that is about to
                be closed.

        Raises:
            PortDownError: There is none.
        """
        link = self.link
        if link is None and self._wanted:
            # Whoever was to replace it was interrupted by a command.
            link = await self.renewed()
        if link is None:
            raise PortDownError("not open")
        if self.replaceable and (link.lost or self._worn_out(write=write)):
            link = await self.renewed()
        if link.lost:
            raise PortDownError(link.lost)
        return link

    async def renewed(self) -> Link:
        """Replace the link.

        Raises:
            PortDownError: No new one can be had.
        """
        if self.link is not None and self.link.lost and not self._given_up:
            self._few = 0 < self.answers <= _FEW_ANSWERS
        await self._give_back()
        began_s = self._clock.monotonic_s()
        for pause_s in _PAUSES_S:
            try:
                await self.open()
                break
            except PortDownError:
                # Refused, not unreachable: that takes longer to tell.
                if not pause_s or self._clock.monotonic_s() - began_s > sum(_PAUSES_S):
                    raise
            await self._clock.sleep(pause_s)
        if self.link is None:
            raise PortDownError("not open")
        return self.link

    def arrived(self) -> None:
        """Count bytes of any unit as a sign that the link works."""
        self._silent = 0
        self._heard_s = self._clock.monotonic_s()

    def answered(self, unit: UnitAddress) -> None:
        """Count a response of a unit."""
        now = self._clock.monotonic_s()
        self.answers += 1
        self._silent = 0
        self._heard.add(unit)
        suspected, self._suspected = self._suspected, None
        if suspected is not None and suspected[0] == unit and self.answers == 1:
            # Silence before, an answer on a new link: it was the link, not the unit.
            self._forgotten = [*self._forgotten[1 - _TIMES_FORGOTTEN :], (suspected[1], now)]

    def unanswered(self, unit: UnitAddress, *, sent_s: float) -> None:
        """Count a timeout; close a link that the other side may have forgotten.

        A forgotten link looks exactly like silent units. Units that were heard on it before make
        that likely soon; for others it takes longer.
        """
        link = self.link
        self._silent += 1
        if link is None or not self._renewable:
            return
        now, idle_s = self._clock.monotonic_s(), sent_s - self._heard_s
        if unit in self._heard:
            limit = 1 if idle_s >= _IDLE_S else _SILENT_LIMIT_HEARD
            quiet = now - self._heard_s >= _IDLE_S
        else:
            limit, quiet = _SILENT_LIMIT, now - self._opened_s >= _YOUNG_S
        if quiet and self._silent >= limit:
            self._suspected = (unit, idle_s) if limit == 1 else None
            self._given_up = True
            link.close(f"{self._silent} requests in a row unanswered")

    def _worn_out(self, *, write: bool) -> bool:
        """Whether the other side is known to forget or to close such a link."""
        if write and self._few:
            return True
        if not self._forgotten:
            return False
        now = self._clock.monotonic_s()
        self._forgotten = [one for one in self._forgotten if now - one[1] < _REMEMBERED_S]
        if len(self._forgotten) < (1 if write else _TIMES_FORGOTTEN):
            return False
        return now - self._heard_s >= 0.9 * min(idle_s for idle_s, _ in self._forgotten)


class TcpLink(asyncio.Protocol):
    """A TCP connection."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.lost = ""
        self.on_change: Callable[[], None] = ignore
        self._transport: asyncio.Transport | None = None
        self._gone = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport (asyncio)."""
        self._transport = cast("asyncio.Transport", transport)
        _keep_alive(self._transport.get_extra_info("socket"))

    def data_received(self, data: bytes) -> None:
        """Take bytes (asyncio)."""
        self.received += data
        self.on_change()

    def connection_lost(self, exc: Exception | None) -> None:
        """Keep why the connection is gone (asyncio)."""
        self.lost = self.lost or (str(exc) if exc else "closed by the other side")
        self._gone.set()
        self.on_change()

    def send(self, data: bytes) -> None:
        """Hand bytes to the connection."""
        if self.lost or self._transport is None:
            raise PortDownError(self.lost or "not connected")
        self._transport.write(data)

    def close(self, why: str = "closed") -> None:
        """Abort: the response to what is still unsent is not waited for."""
        self.lost = self.lost or why
        if self._transport is not None:
            self._transport.abort()

    async def closed(self) -> None:
        """Wait for the loop, which closes an aborted connection on its next turn."""
        await self._gone.wait()


def _keep_alive(connected: socket.socket) -> None:
    """Find out between long periods that a gateway lost its power, which leaves no FIN.

    It also keeps the address translation of a router from forgetting the connection.
    """
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEP_ALIVE:
        with suppress(OSError):
            connected.setsockopt(socket.IPPROTO_TCP, option, value)


async def open_tcp(host: str, port: int, *, timeout_s: float, thread: OwnThread) -> TcpLink:
    """Connect; a name is looked up in the port's own thread.

    Raises:
        PortDownError: The connection is refused, the name is unknown, or it takes too long.
    """
    try:
        async with asyncio.timeout(timeout_s):
            addresses = await _addresses(host, timeout_s, thread)
            return await _connected(addresses, port, timeout_s / len(addresses))
    except TimeoutError as error:
        raise PortDownError(f"{host}:{port}: no connection within {timeout_s:g} s") from error
    except OSError as error:
        raise PortDownError(f"{host}:{port}: {error.strerror or error}") from error


async def _connected(addresses: Sequence[str], port: int, share_s: float) -> TcpLink:
    """Connect to the first address that takes it; raises OSError of the last one.

    An address that leads nowhere, as IPv6 on many sites, has only its share of the time.
    """
    loop = asyncio.get_running_loop()
    for address in addresses[:-1]:
        with suppress(OSError):
            async with asyncio.timeout(share_s):
                return (await loop.create_connection(TcpLink, address, port))[1]
    return (await loop.create_connection(TcpLink, addresses[-1], port))[1]


async def _addresses(host: str, timeout_s: float, thread: OwnThread) -> Sequence[str]:
    try:
        ip_address(host)
    except ValueError:
        found = await thread.run(
            lambda: socket.getaddrinfo(host, None, type=socket.SOCK_STREAM), timeout_s=timeout_s
        )
        return list(dict.fromkeys(str(place[0]) for *_, place in found))
    return [host]
