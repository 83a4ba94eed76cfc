"""Where a webhook may go: the resolved address is checked, and that very address is used."""

import asyncio
import ipaddress
import socket

from server.core.errors import ServerError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

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
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UnreachableHostError(f"{host} does not resolve: {error}") from error
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    if not addresses:
        raise UnreachableHostError(f"{host} has no address")
    for address in addresses:
        if not allow_private and not is_public(address):
            raise PrivateAddressError(
                f"{host} is {address}, which is not a public address; "
                "set allow_private for this receiver if that is meant"
            )
    return str(addresses[0])


def is_public(address: Address) -> bool:
    """Return whether the address is on the public Internet, also when it is wrapped in IPv6."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast and not address.is_reserved
