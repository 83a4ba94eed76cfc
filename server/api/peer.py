"""The address of a client, behind trusted proxies as well."""

import ipaddress
from collections.abc import Sequence
from functools import cache

from starlette.datastructures import Headers
from starlette.types import Scope

UNKNOWN = "unknown"
_MAX_HOPS = 20

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def client_address(scope: Scope, trusted_proxies: tuple[str, ...]) -> str:
    """Return the address of the connection, or the one that trusted proxies saw.

    ``X-Forwarded-For`` is read from its end, where the nearest proxy writes, and only as long as
    each word was written by a trusted proxy: what a client puts into it itself is never believed.
    """
    client = scope.get("client")
    peer = _address(client[0]) if client else None
    if peer is None:
        return client[0] if client else UNKNOWN
    lines = Headers(scope=scope).getlist("x-forwarded-for")
    hops = ",".join(lines).split(",") if lines else []
    networks = _networks(trusted_proxies)
    for hop in reversed(hops[-_MAX_HOPS:]):
        if not _is_in(peer, networks):
            break
        before = _address(hop.strip())
        if before is None:
            break
        peer = before
    return str(peer)


@cache
def _networks(texts: tuple[str, ...]) -> tuple[_Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


def _is_in(address: _Address, networks: Sequence[_Network]) -> bool:
    return any(address in network for network in networks)


def _address(text: str) -> _Address | None:
    """Read an address; proxies may write a port behind it."""
    text = text.strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found
