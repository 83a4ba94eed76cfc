"""How one unit behaves: its timeout, when it counts as dead, when to look again (pure)."""

from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

_FLOOR_S = 0.2  # shorter waits mistake a busy machine for a dead unit
_FULL_PROBE_EVERY = 4
_FULL_PROBE_EVERY_HEARD = 8
_STABLE_S = 60.0
_FAILURES = 3
_MAX_LEVEL = 5


class UnitState(StrEnum):
    """What a unit is worth asking."""

    UNKNOWN = "unknown"
    ONLINE = "online"
    DEGRADED = "degraded"
    DEMOTED = "demoted"


@dataclass
class Unit:
    """One unit address on one port.

    Attributes:
        number: Its address.
        longest_s: The port's ``timeout_s``; no wait is longer.
        probe_at: When a demoted unit is asked again, monotonic seconds.
    """

    number: int
    longest_s: float
    rng: Random = field(default_factory=Random)
    state: UnitState = UnitState.UNKNOWN
    failures: int = 0
    probe_at: float = 0.0
    promoted_at: float = float("-inf")
    response_s: float | None = None
    variation_s: float = 0.0
    level: int = 0
    probes: int = 0

    @property
    def demoted(self) -> bool:
        """Whether only probes are sent to it."""
        return self.state is UnitState.DEMOTED

    def patience_s(self, neighbours_s: float | None) -> float:
        """How long to wait for its next answer, the bytes' own time on the wire not counted.

        ``neighbours_s`` is the slowest usual response on the port, None if nobody answered yet; it
        stands in for a dead unit that was never heard.
        """
        usual = self.response_s
        if usual is None and self.demoted:
            usual = neighbours_s
        if usual is None:
            return self.longest_s
        guess = max(_FLOOR_S, 2 * usual + 4 * self.variation_s)
        return min(self.longest_s, guess * (1 if self.demoted else 2**self.failures))

    def probe_s(self, neighbours_s: float | None) -> float:
        """How long a probe should wait: now and then in full, the unit may have become slow."""
        every = _FULL_PROBE_EVERY if self.response_s is None else _FULL_PROBE_EVERY_HEARD
        full = self.probes % every == 0
        return self.longest_s if full else self.patience_s(neighbours_s)

    def answered(self, now_s: float, response_s: float | None) -> None:
        """Note an answer, refusals included; ``response_s`` None leaves the measure alone."""
        if response_s is not None:
            self._measure(max(0.0, response_s))
        if self.demoted:
            self.promoted_at = now_s
        elif now_s - self.promoted_at > _STABLE_S:
            self.level = 0
        self.state = UnitState.ONLINE
        self.failures = 0

    def failed(self, now_s: float, *, silent: bool = True) -> bool:
        """Note a missing or useless answer; returns whether the unit is now demoted by it.

        A unit that was never heard, or came back a moment ago, gets no second chance, unless it
        was not silent: a damaged answer speaks of the line.
        """
        self.failures += 1
        fresh = silent and (self.state is UnitState.UNKNOWN or self.flapping(now_s))
        if self.demoted:
            self.probes += 1
            self._back_off(now_s)
            return False
        if fresh or self.failures >= _FAILURES:
            self.state = UnitState.DEMOTED
            self.probes = 1
            self._back_off(now_s)
            return True
        self.state = UnitState.DEGRADED
        return False

    def flapping(self, now_s: float) -> bool:
        """Whether it came back so recently that its failures count as a dead unit's."""
        return now_s - self.promoted_at < _STABLE_S

    def look_soon(self, now_s: float) -> None:
        """Ask a demoted unit without delay, because something on the port changed."""
        self.probe_at = min(self.probe_at, now_s)
        self.level = 0

    def _back_off(self, now_s: float) -> None:
        self.probe_at = now_s + 2.0**self.level * self.rng.uniform(0.75, 1.25)
        self.level = min(self.level + 1, _MAX_LEVEL)

    def _measure(self, response_s: float) -> None:
        # Jacobson's estimator, as TCP uses it for its own timeouts.
        if self.response_s is None:
            self.response_s, self.variation_s = response_s, response_s / 2
            return
        error = response_s - self.response_s
        self.response_s += error / 8
        self.variation_s += (abs(error) - self.variation_s) / 4


@dataclass
class DeadBudget:
    """The share of a port's time that units which do not answer may cost.

    Credit is saved up and never overdrawn by a probe: one is sent only when it fits, whether it
    will be answered or not. A flapping unit's silence can overdraw it; probes pay that back.
    """

    # Under the promised 3 %: late timers and the first silence of a flapping unit come on top.
    share: float = 0.027
    most_s: float = 1.0
    credit_s: float = 0.0
    _at: float | None = None

    def allows(self, now_s: float, cost_s: float) -> bool:
        """Whether a probe that may cost this much may be sent now."""
        self.most_s = max(self.most_s, cost_s)
        return self._filled(now_s) >= cost_s

    def spend(self, now_s: float, seconds: float) -> None:
        """Note time lost on a unit that did not answer."""
        self.credit_s = self._filled(now_s) - seconds

    def free_at(self, now_s: float, cost_s: float) -> float:
        """When a probe that may cost this much is allowed."""
        return now_s + max(0.0, cost_s - self._filled(now_s)) / self.share

    def _filled(self, now_s: float) -> float:
        before = now_s if self._at is None else self._at
        self.credit_s = min(self.most_s, self.credit_s + self.share * (now_s - before))
        self._at = now_s
        return self.credit_s
