"""How much of its time a port needs for reading, and whether it has time to spare (pure)."""

from dataclasses import dataclass
from math import exp
from typing import Final

_WINDOW_S: Final = 20.0
_REQUESTS: Final = 16
_FULL: Final = 0.7  # above this share nothing is spared; waits for silent units do not count


@dataclass
class PortLoad:
    """Share of the last time that was spent on requests which were answered.

    Attributes:
        share: 0 to 1 and above; begins with what is planned.
        mean_s: What an answered request takes on average, seconds.
    """

    share: float = 0.0
    mean_s: float = 0.0
    _at: float | None = None

    def add(self, now_s: float, seconds: float) -> None:
        """Note an answered request that has just ended."""
        self.share = self._decayed(now_s) + seconds / _WINDOW_S
        self.mean_s += (seconds - self.mean_s) / _REQUESTS

    def has_spare_time(self, now_s: float) -> bool:
        """Whether waits that delay nobody may be had for nothing."""
        self.share = self._decayed(now_s)
        return self.share < _FULL

    def _decayed(self, now_s: float) -> float:
        passed_s = 0.0 if self._at is None else now_s - self._at
        self._at = now_s
        return self.share * exp(-passed_s / _WINDOW_S) if passed_s else self.share
