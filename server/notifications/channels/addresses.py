"""Where a webhook may go: the resolved address is checked, and that very address is used."""

import asyncio
import ipaddress
import socket
from contextlib import suppress
from functools import partial
from threading import BoundedSemaphore, Thread

from server.core.errors import ServerError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_LOOK_UPS = BoundedSemaphore(64)
"""At once; each waits in a thread of its own for a name service that may never answer."""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class UnreachableHostError(ServerError):
    """The name does not resolve now."""


class PrivateAddressError(ServerError):
    """The name leads into the operator's own network."""


async def resolve(host: str, port: int, *, allow_private: bool) -> str:
    """Return the address to connect to.

    All addresses of the name must be public, otherwise the next answer could be the other one.

    Raises:
        UnreachableHostError: It does not resolve.
        PrivateAddressError: Loopback, private, link-local or otherwise not public.
    """
    addresses = _literal(host) or await _look_up(host, port)
    if not addresses:
        raise UnreachableHostError(f"{host} has no address")
    for address in addresses:
        if not allow_private and not is_public(address):
            raise PrivateAddressError(
                f"{host} is {address}, which is not a public address; "
                "name it in messages.allow_hosts, or set allow_private, if that is meant"
            )
    return str(addresses[0])


def _literal(host: str) -> list[Address]:
    """Return the address that the name is already, without asking anybody."""
    with suppress(ValueError):
        return [_address(host)]
    return []


async def _look_up(host: str, port: int) -> list[Address]:
    """Ask the name service, in a thread that nothing else waits for.

    The pools of asyncio would be full of look-ups when the name service is away, and everything
    that runs in them would stand; a thread that waits for it must not hold up the end either.
    """
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[Address]] = loop.create_future()
    if not _LOOK_UPS.acquire(blocking=False):
        raise UnreachableHostError(f"{host} does not resolve: the name service does not answer")

    def look_up() -> None:
        try:
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            addresses = [_address(str(entry[4][0])) for entry in entries]
            answer = partial(_answer, found, addresses)
        except (OSError, ValueError) as error:
            answer = partial(_refuse, found, f"{host} does not resolve: {error}")
        finally:
            _LOOK_UPS.release()
        # Whoever asked may be gone, and the loop with it.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(answer)

    Thread(target=look_up, name=f"look-up:{host}", daemon=True).start()
    return await found


def _answer(found: asyncio.Future[list[Address]], addresses: list[Address]) -> None:
    if not found.done():
        found.set_result(addresses)


def _refuse(found: asyncio.Future[list[Address]], error: str) -> None:
    if not found.done():
        found.set_exception(UnreachableHostError(error))


def _address(text: str) -> Address:
    return ipaddress.ip_address(text.partition("%")[0])


def is_public(address: Address) -> bool:
    """Return whether the address is on the public Internet, also when it is wrapped in IPv6."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast and not address.is_reserved
