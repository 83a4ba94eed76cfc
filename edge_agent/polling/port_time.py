"""What a port's time goes to: requests that are answered, and waits without an answer (pure)."""

from dataclasses import dataclass
from math import exp
from typing import Final

_MOST_DEBT_S: Final = 3.0
_WINDOW_S: Final = 20.0
_REQUESTS: Final = 16
_FULL: Final = 0.7  # above this share nothing is spared; waits for silent units do not count


@dataclass
class TimeBudget:
    """A share of a port's time for waits without an answer; no probe overdraws it.

    Probes of offline units have one (see probing), and each unit that misses answers now and then
    has one (see precedence). A wait is begun only when it fits, whether it will be answered or not.
    The silence of a unit that goes offline can overdraw the budget, for it is not known beforehand;
    probes wait until that is paid back.

    Attributes:
        share: Of the port's time.
        most_s: What is saved at most.
        credit_s: What is saved now; negative: overdrawn.
    """

    # With the share of the waits in full (see probing) under the promised 3 %: late timers and the
    # first silence of a flapping unit come on top.
    share: float = 0.022
    most_s: float = 0.9
    credit_s: float = 0.0
    _at: float | None = None

    def allows(self, now_s: float, cost_s: float) -> bool:
        """Whether a wait that may cost this much may begin now."""
        self.most_s = max(self.most_s, cost_s)
        return self._filled(now_s) >= cost_s

    def spend(self, now_s: float, seconds: float) -> None:
        """Record time lost on a unit that did not answer."""
        self.credit_s = max(-_MOST_DEBT_S, self._filled(now_s) - seconds)

    def forgive(self, now_s: float) -> None:
        """Drop the debt: no unit is left on the port that could be delayed."""
        self.credit_s = max(0.0, self._filled(now_s))

    def free_at(self, now_s: float, cost_s: float) -> float:
        """When a wait that may cost this much is allowed."""
        return now_s + max(0.0, cost_s - self._filled(now_s)) / self.share

    def start(self, now_s: float, *, most_s: float, credit_s: float) -> None:
        """Begin to save with this much.

        Args:
            now_s: Monotonic seconds.
            most_s: What is saved at most.
            credit_s: What is saved already.
        """
        self.most_s, self.credit_s = most_s, credit_s
        self._filled(now_s)

    def resize(self, share: float) -> None:
        """Have another share of the port's time from now on."""
        self.share = share

    def _filled(self, now_s: float) -> float:
        before = now_s if self._at is None else self._at
        self.credit_s = min(self.most_s, self.credit_s + self.share * (now_s - before))
        self._at = now_s
        return self.credit_s


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
        """Record an answered request that has just ended."""
        self.share = self._decayed(now_s) + seconds / _WINDOW_S
        self.mean_s += (seconds - self.mean_s) / _REQUESTS

    def has_spare_time(self, now_s: float) -> bool:
        """Whether a wait that ends before anything is due is free."""
        self.share = self._decayed(now_s)
        return self.share < _FULL

    def _decayed(self, now_s: float) -> float:
        passed_s = 0.0 if self._at is None else now_s - self._at
        self._at = now_s
        return self.share * exp(-passed_s / _WINDOW_S) if passed_s else self.share
