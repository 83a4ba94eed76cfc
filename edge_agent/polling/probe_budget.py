"""What units that do not answer may cost a port (pure)."""

from dataclasses import dataclass

_MOST_DEBT_S = 3.0


@dataclass
class ProbeBudget:
    """A share of a port's time, saved up, and never overdrawn by a probe.

    A probe is sent only when it fits, whether it will be answered or not. The silence of a unit
    that dies can overdraw it, for it is not known beforehand; probes wait until that is paid back.

    Attributes:
        share: Of the port's time.
        most_s: What is saved at most.
        credit_s: What is saved now; negative: owed.
    """

    # With the share of the waits in full (see probing) under the promised 3 %: late timers and the
    # first silence of a flapping unit come on top.
    share: float = 0.022
    most_s: float = 0.9
    credit_s: float = 0.0
    _at: float | None = None

    def allows(self, now_s: float, cost_s: float) -> bool:
        """Whether a probe that may cost this much may be sent now."""
        self.most_s = max(self.most_s, cost_s)
        return self._filled(now_s) >= cost_s

    def spend(self, now_s: float, seconds: float) -> None:
        """Note time lost on a unit that did not answer."""
        self.credit_s = max(-_MOST_DEBT_S, self._filled(now_s) - seconds)

    def forgive(self, now_s: float) -> None:
        """Drop what is owed: there is nobody on the port who could be delayed."""
        self.credit_s = max(0.0, self._filled(now_s))

    def free_at(self, now_s: float, cost_s: float) -> float:
        """When a probe that may cost this much is allowed."""
        return now_s + max(0.0, cost_s - self._filled(now_s)) / self.share

    def _filled(self, now_s: float) -> float:
        before = now_s if self._at is None else self._at
        self.credit_s = min(self.most_s, self.credit_s + self.share * (now_s - before))
        self._at = now_s
        return self.credit_s
