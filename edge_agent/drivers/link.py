"""Bytes to and from the wire: a TCP connection, or a serial line (see serial_line)."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from ipaddress import ip_address
from typing import Final, NamedTuple, Protocol, cast

from edge_agent.drivers.own_thread import OwnThread
from edge_agent.errors import PortDownError

_KEEP_ALIVE: Final = (
    (socket.TCP_KEEPIDLE, 20),  # seconds without a byte
    (socket.TCP_KEEPINTVL, 10),
    (socket.TCP_KEEPCNT, 3),
)


class LineSetting(NamedTuple):
    """How bytes are sent on a line."""

    baud: int
    data_bits: int
    parity: str
    stop_bits: int


class Link(Protocol):
    """An open wire. What arrives is appended to ``received``, then ``on_change`` is called.

    Attributes:
        received: Bytes not yet taken; the driver removes what it has used.
        lost: Why the wire is gone; empty while it is there.
        on_change: Called after bytes arrived or the wire was lost.
    """

    received: bytearray
    lost: str
    on_change: Callable[[], None]

    def send(self, data: bytes) -> None:
        """Hand bytes to the wire; raises PortDownError when it is gone."""
        ...

    def close(self, why: str = "closed") -> None:
        """Give the wire back; never raises and never waits."""
        ...

    async def closed(self) -> None:
        """Wait until it is given back, a moment at most."""
        ...


def ignore() -> None:
    """Do nothing: the ``on_change`` of a link without a user."""


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
