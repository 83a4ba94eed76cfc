"""A clock for waiting: the wall clock's milliseconds, but never backwards."""

import threading

_LONGEST_MS = 90_000_000
"""25 hours, more than a date that is set a day too early. A stored instant further ahead of the
clock than this says nothing about the clock."""


class SteadyTime:
    """Follows the wall clock; when that is turned back, goes on from where it was.

    What waits for an instant would otherwise wait for an hour when the clock is turned back by
    one, and what gateways with a right clock send would be refused as from the future.
    """

    def __init__(self) -> None:
        self.ahead_ms = 0
        """How much the wall clock was turned back since the start."""
        self._last = 0
        self._lock = threading.Lock()

    def start(self, now_ms: int, newest_ms: int) -> None:
        """Begin; what was stored before, up to ``newest_ms``, was not from the future."""
        if now_ms < newest_ms <= now_ms + _LONGEST_MS:
            self.ahead_ms = newest_ms - now_ms
        self._last = now_ms + self.ahead_ms

    def of(self, wall_ms: int) -> int:
        """Return the steady time of what the wall clock says just now; from any thread."""
        with self._lock:
            steady = wall_ms + self.ahead_ms
            if steady < self._last:
                self.ahead_ms += self._last - steady
            self._last = max(steady, self._last)
            return self._last

    def wall(self, steady_ms: int) -> int:
        """Return what the wall clock says at an instant of the steady time."""
        return steady_ms - self.ahead_ms
