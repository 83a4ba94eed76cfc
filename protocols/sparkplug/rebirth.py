"""How often a host may ask for a rebirth: births are heavy, and a broken node earns many."""

from typing import Final

_MILLI: Final = 1000


class RebirthBudget:
    """Token bucket shared by all nodes, so a restart of the server is no storm."""

    def __init__(self, *, per_s: float = 20.0, burst: int = 50) -> None:
        self._per_ms = per_s / _MILLI
        self._burst = burst
        self._tokens = float(burst)
        self._at = 0

    def set_back(self, by_ms: int) -> None:
        """Follow a clock that was set back."""
        self._at -= by_ms

    def take(self, now_ms: int) -> bool:
        """Return whether one request may go out now."""
        elapsed = max(0, now_ms - self._at)
        self._tokens = min(self._burst, self._tokens + elapsed * self._per_ms)
        self._at = max(self._at, now_ms)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class RebirthLimit:
    """The wish of one node's session for a rebirth, and how often it may be uttered.

    The first request goes out at once; each further one that was not answered waits twice as
    long, up to ``longest_ms``. A birth that answers, or a pause of ``longest_ms``, forgives.
    Between two requests there is always ``interval_ms``.
    """

    def __init__(
        self, *, interval_ms: int, longest_ms: int = 600_000, budget: RebirthBudget | None = None
    ) -> None:
        self.reason: str | None = None
        """Why a rebirth is wanted; None when it is not."""
        self._interval_ms = interval_ms
        self._longest_ms = longest_ms
        self._budget = budget
        self._asked = 0
        self._last: int | None = None
        self._not_before: int | None = None

    def want(self, reason: str, now_ms: int) -> bool:
        """Ask for a rebirth; return whether the request goes out now."""
        self.reason = reason
        if self._not_before is not None and now_ms < self._not_before:
            return False
        if self._budget is not None and not self._budget.take(now_ms):
            self._not_before = now_ms + _MILLI
            return False
        if self._last is not None and now_ms - self._last > self._longest_ms:
            self._asked = 0
        self._not_before = now_ms + min(self._interval_ms << self._asked, self._longest_ms)
        self._asked = min(self._asked + 1, 16)
        self._last = now_ms
        return True

    def granted(self) -> None:
        """Count a birth: the node answers, so the next wish waits no longer than the first."""
        self.reason = None
        self._asked = 0
        if self._last is not None:
            self._not_before = self._last + self._interval_ms

    def set_back(self, by_ms: int) -> None:
        """Follow a clock that was set back: a request waits no longer than before."""
        self._last = _earlier(self._last, by_ms)
        self._not_before = _earlier(self._not_before, by_ms)

    def dropped(self) -> None:
        """Count a death, which makes asking useless."""
        self.reason = None

    def due_at(self) -> int | None:
        """Return when the open wish may be uttered again, None when there is none."""
        return None if self.reason is None else self._not_before


def _earlier(at: int | None, by_ms: int) -> int | None:
    return None if at is None else at - by_ms
