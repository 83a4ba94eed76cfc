"""How often the events tell of one piece of equipment: a gateway born in a loop must not fill them.

The rows of the equipment always say what is so. What has no event of its own is counted, and the
next event of the equipment carries the count.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from threading import Lock
from typing import Any, Generic, TypeVar

BURST = 20
"""Events of one piece of equipment that may follow each other."""
EVERY_MS = 120_000
"""After that there is one in so long."""
OMITTED = "omitted"
"""Key in an event's payload: how many changes before it have no event of their own."""

K = TypeVar("K", bound=Hashable)


@dataclass(slots=True)
class _Written:
    paid_at: int = 0
    """When all events that were written are paid for, UTC ms."""
    omitted: int = 0


class EventRate(Generic[K]):
    """Knows the events written of each key; from any thread."""

    def __init__(self, *, burst: int = BURST, every_ms: int = EVERY_MS) -> None:
        self._burst_ms = burst * every_ms
        self._every_ms = every_ms
        self._written: dict[K, _Written] = {}
        self._incomplete: dict[K, None] = {}
        """Of which something was omitted, longest ago first."""
        self._lock = Lock()

    def allowed(self, keys: Iterable[K], now: int) -> dict[K, int]:
        """Return of which an event may be written now, and how many were omitted before it.

        Args:
            keys: What the events are about.
            now: UTC ms.
        """
        with self._lock:
            entries = ((key, self._written.get(key)) for key in keys)
            return {
                key: 0 if one is None else one.omitted
                for key, one in entries
                if one is None or self._is_allowed(one, now)
            }

    def note(self, keys: Iterable[K], written: Mapping[K, int], now: int) -> None:
        """Record for which of the keys an event was written; of the others one was omitted."""
        with self._lock:
            for key in keys:
                one = self._written.setdefault(key, _Written())
                if key in written:
                    one.paid_at = max(one.paid_at, now) + self._every_ms
                    one.omitted = 0
                    self._incomplete.pop(key, None)
                else:
                    one.omitted += 1
                    self._incomplete[key] = None

    def take(self, key: K, now: int) -> int | None:
        """Record one change; return how many were omitted before it, None when omitted too."""
        allowed = self.allowed([key], now)
        self.note([key], allowed, now)
        return allowed.get(key)

    def due(self, now: int, *, limit: int) -> dict[K, int]:
        """Return the keys whose omitted changes may have an event now, and how many they are."""
        with self._lock:
            ready = (key for key in self._incomplete if self._is_allowed(self._written[key], now))
            return {key: self._written[key].omitted for key in islice(ready, limit)}

    def _is_allowed(self, entries: _Written, now: int) -> bool:
        ahead_ms = entries.paid_at - now
        # A clock that was turned back holds nothing up for longer than that.
        return ahead_ms <= self._burst_ms - self._every_ms or ahead_ms > self._burst_ms


def words_of(omitted: int) -> dict[str, Any]:
    """Return what an event's payload says of the changes before it."""
    return {OMITTED: omitted} if omitted else {}
