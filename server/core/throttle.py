"""How fast passwords may be guessed, and how much of the machine that may cost."""

import asyncio
import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

T = TypeVar("T")

_HOST_BITS_6 = 64
"""Whoever has an IPv6 address has all of its /64."""


class BusyError(Exception):
    """Too many passwords wait to be compared."""


class Throttle:
    """Refuses a try after too many failures; memory only and bounded.

    A key may try ``burst`` times; one try is given back each ``forgive_s`` seconds, and at once
    after a success. Tries are counted before the password is compared, so that many at once do not
    slip through.
    """

    def __init__(self, *, burst: int, forgive_s: float, max_keys: int = 10_000) -> None:
        self._burst = burst
        self._forgive_s = forgive_s
        self._max_keys = max_keys
        self._free_at: OrderedDict[str, float] = OrderedDict()
        self._lock = Lock()

    def take(self, key: str, now_s: float) -> float:
        """Take one try and return 0, or return the seconds until there is one."""
        with self._lock:
            free_at = max(self._free_at.get(key, now_s), now_s)
            wait = free_at - now_s - (self._burst - 1) * self._forgive_s
            if wait > 0:
                return wait
            self._free_at[key] = free_at + self._forgive_s
            self._free_at.move_to_end(key)
            if len(self._free_at) > self._max_keys:
                self._free_at.popitem(last=False)
            return 0.0

    def give_back(self, key: str) -> None:
        """The try was good and does not count."""
        with self._lock:
            if key in self._free_at:
                self._free_at[key] -= self._forgive_s


class LoginThrottle:
    """Guessing is slow: 5 tries per person and address, 20 per address, then one each 12 s, 3 s.

    A browser in which the person has logged in before is counted by itself: whoever guesses at the
    same address does not shut it out.
    """

    def __init__(self) -> None:
        self._pair = Throttle(burst=5, forgive_s=12)
        self._address = Throttle(burst=20, forgive_s=3)

    def take(self, address: str, name: str, now_s: float, *, browser: str | None = None) -> float:
        """Take one try and return 0, or return the seconds until there is one."""
        if browser is not None:
            return self._pair.take(f"browser {browser}", now_s)
        wait = self._address.take(network_of(address), now_s)
        return wait or self._pair.take(f"{network_of(address)} {name}", now_s)

    def give_back(self, address: str, name: str, *, browser: str | None = None) -> None:
        """A good login does not count."""
        if browser is not None:
            self._pair.give_back(f"browser {browser}")
            return
        self._address.give_back(network_of(address))
        self._pair.give_back(f"{network_of(address)} {name}")


class PasswordLane:
    """Compares and hashes passwords one after the other, in a thread of its own.

    One hash takes some 20 ms of a core and 19 MiB, so a flood of logins must not have them all at
    once. Beyond ``waiting`` the next ones are refused; known browsers may wait beyond that.
    """

    def __init__(self, *, waiting: int = 16, known: int = 32) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="passwords")
        self._limits = (waiting, known)
        self._waiting = 0

    async def run(self, work: Callable[[], T], *, known: bool = False) -> T:
        """Run ``work`` when its turn comes.

        Raises:
            BusyError: Too many wait already.
        """
        if self._waiting >= self._limits[known]:
            raise BusyError
        self._waiting += 1
        future = self._thread.submit(work)
        future.add_done_callback(self._count_down(asyncio.get_running_loop()))
        return await asyncio.wrap_future(future)

    def _count_down(self, loop: asyncio.AbstractEventLoop) -> Callable[[object], None]:
        def done() -> None:
            self._waiting -= 1

        def tell(_future: object) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(done)

        return tell


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
