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
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(one)
    for one in (
        # Of IPv4: what the standard library calls global, in part or in some of its versions.
        "0.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "192.0.0.0/24",  # IETF protocol assignments, also those that are said to be global
        "192.0.2.0/24",
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",  # multicast, reserved, broadcast
        # Of IPv6: everything that is not 2000::/3, and what leads elsewhere inside of it.
        "::/3",
        "4000::/2",
        "8000::/1",
        "2001::/23",  # IETF protocol assignments: Teredo, ORCHID, benchmarks, AMT
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
_NAT64 = tuple(ipaddress.IPv6Network(one) for one in ("64:ff9b::/96",))
"""Lead to the IPv4 address in their last 32 bits."""


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
    """Return whether the address is on the public Internet, also when it is wrapped in IPv6.

    A translated one (NAT64, IPv4-mapped) is what is inside. Tunnels (6to4, Teredo) and addresses of
    special purpose are not public, whatever is inside.
    """
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped
        if any(address in network for network in _NAT64):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(inner)
    if any(address in network for network in _NOT_PUBLIC if network.version == address.version):
        return False
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_link_local
    )
