"""How often strangers may try something: tries are rows, so that all processes count the same.

A password's try is counted before the comparison, so that many at once do not slip through, and
given back after a success. Whoever has none left costs a look and no write.
"""

import ipaddress
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from server.access.model import Tries
from server.core.errors import ServerError
from server.core.upsert import replace_all

_ADDRESS = (20, 3_000)
_PAIR = (5, 12_000)
_NAME = (100, 60_000)
"""So many tries at once, then one each so many ms."""
_BEGUN = (20, 3_000)
_HOST_BITS_6 = 64
"""Whoever has an IPv6 address has all of its /64."""


class TooOftenError(ServerError):
    """There is no try now."""

    def __init__(self, wait_ms: int) -> None:
        super().__init__(f"too often; again in {wait_ms} ms")
        self.wait_ms = wait_ms


class Budget(NamedTuple):
    """Tries of one kind."""

    key: str
    burst: int
    forgive_ms: int


def budgets_of(address: str, name: str, *, browser: str | None = None) -> list[Budget]:
    """Return what a try is counted against.

    Guessing is slow: 5 tries per person and address, 20 per address, then one each 12 s, 3 s. For
    one person from all addresses together 100, then one each minute. A browser in which the person
    has logged in before is counted by itself: whoever guesses shuts it out neither from the same
    address nor from many.
    """
    if browser is not None:
        return [Budget(f"browser {browser}", *_PAIR)]
    network = network_of(address)
    return [
        Budget(f"address {network}", *_ADDRESS),
        Budget(f"pair {network} {name}", *_PAIR),
        Budget(f"name {name}", *_NAME),
    ]


def budgets_of_beginning(address: str) -> list[Budget]:
    """Return what a step of a login by the company's provider is counted against."""
    return [Budget(f"begun {network_of(address)}", *_BEGUN)]


def network_of(address: str) -> str:
    """Return what an address is counted as: itself, or the /64 of an IPv6 address."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found), _HOST_BITS_6), strict=False))


def wait_ms(session: Session, budgets: Sequence[Budget], now: int) -> int:
    """Return how long there is no try, ms from ``now`` (UTC ms)."""
    free_at = _free_at(session, budgets)
    return max(_wait(one, free_at.get(one.key, now), now) for one in budgets)


def take_try(session: Session, budgets: Sequence[Budget], now: int) -> int:
    """Take one try of each and return 0, or return as ``wait_ms``; forgets what is over."""
    free_at = _free_at(session, budgets)
    wait = max(_wait(one, free_at.get(one.key, now), now) for one in budgets)
    if wait > 0:
        return wait
    session.execute(delete(Tries).where(Tries.free_at <= now))
    rows = [
        {"key": one.key, "free_at": max(free_at.get(one.key, now), now) + one.forgive_ms}
        for one in budgets
    ]
    replace_all(session, Tries, rows, key="key")
    return 0


def refuse_too_often(wait: int) -> None:
    """Go on when there is nothing to wait for.

    Raises:
        TooOftenError: There is, ms.
    """
    if wait > 0:
        raise TooOftenError(wait)


def give_back_try(session: Session, budgets: Sequence[Budget]) -> None:
    """The try was good, or nothing was compared: it does not count."""
    for one in budgets:
        session.execute(
            update(Tries).where(Tries.key == one.key).values(free_at=Tries.free_at - one.forgive_ms)
        )


def _free_at(session: Session, budgets: Sequence[Budget]) -> dict[str, int]:
    keys = [one.key for one in budgets]
    query = select(Tries.key, Tries.free_at).where(Tries.key.in_(keys))
    return {row.key: row.free_at for row in session.execute(query)}


def _wait(budget: Budget, free_at: int, now: int) -> int:
    return max(0, max(free_at, now) - now - (budget.burst - 1) * budget.forgive_ms)
