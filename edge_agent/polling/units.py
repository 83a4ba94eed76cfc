"""How one unit behaves: how long to wait for it, when it is offline, when to probe it (pure).

What is known of a unit is changed here and nowhere else; others call its methods.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

from edge_agent.drivers.base import UnitAddress
from edge_agent.drivers.question import Question

_FLOOR_S = 0.2  # shorter waits mistake a busy machine for an offline unit
_STABLE_S = 60.0
_EXPECTED_S = 600.0
_UNSTEADY_S = 600.0
_NEW = 4  # probes
_FAILURES = 3
_FAILURES_UNSTEADY = 5  # of a unit that misses some and answers most
_MAX_LEVEL = 5
_MAX_LEVEL_ALONE = 1
_MAX_BACKOFF = 5
_OUTSTANDING_TIMEOUTS = 3.0  # an answer that comes later is not expected any more
_BUSY_PAUSE_S = 0.1
_MOST_BUSY = 5


class UnitState(StrEnum):
    """How a unit answers."""

    UNKNOWN = "unknown"
    ONLINE = "online"
    DEGRADED = "degraded"
    OFFLINE = "offline"


@dataclass(slots=True)
class Usual:
    """Response time as it usually is, and how far it strays; TCP sets its own timeouts like this.

    Attributes:
        backoff: How often the wait was doubled since an answer was last measured. An answer to a
            repeated request ends no silence: it may be the one to the first asking.
    """

    response_s: float
    variation_s: float
    backoff: int = 0

    @property
    def expected_s(self) -> float:
        """When an answer is late."""
        return 2 * self.response_s + 4 * self.variation_s

    def add(self, response_s: float) -> None:
        """Take one more measured answer."""
        error = response_s - self.response_s
        self.response_s += error / 8
        self.variation_s += (abs(error) - self.variation_s) / 4
        self.backoff = 0

    def raise_to(self, response_s: float) -> None:
        """An answer took at least that long; the wait for the next must not be shorter."""
        self.response_s = max(self.response_s, response_s)


@dataclass
class Unit:
    """One unit address on one port.

    Attributes:
        number: Its address.
        longest_s: The port's ``timeout_s``; no wait is longer.
        alone: It has the port for itself: no other unit waits while it is probed.
        period_s: Shortest period of its classes, seconds.
        recheck: It fell silent together with others: one more request before it is offline.
        probe_at: When a unit that is only probed is asked again, monotonic seconds.
        recovered_at: When it last answered while it was offline, monotonic seconds.
        offline_at: When it went offline last, monotonic seconds.
        heard_at: When it last answered, refusals included.
        full_at: When it was last waited for in full; the port takes turns.
        busy_until: When it may be asked again after it answered that it is busy.
        missed_at: When it gave no good answer last, monotonic seconds.
        level: How often the pause between its probes was doubled.
        probes: How often it was probed without an answer since it went offline.
        limit: Failures in a row by which it goes offline.
    """

    number: UnitAddress
    longest_s: float
    rng: Random = field(default_factory=Random)
    alone: bool = False
    period_s: float = 1.0
    state: UnitState = UnitState.UNKNOWN
    failures: int = 0
    recheck: bool = False
    probe_at: float = 0.0
    recovered_at: float = float("-inf")
    offline_at: float = float("-inf")
    heard_at: float = float("-inf")
    full_at: float = float("-inf")
    busy_until: float = 0.0
    missed_at: float = float("-inf")
    level: int = 0
    probes: int = 0
    limit: int = _FAILURES
    _lost_s: float = 0.0
    _usual: Usual | None = None
    _by_weight: dict[int, Usual] = field(default_factory=dict[int, Usual])
    _latest: tuple[float, float] = (0.0, float("-inf"))
    _wavered_at: float = float("-inf")
    _outstanding: int = 0
    _outstanding_until: float = float("-inf")

    @property
    def offline(self) -> bool:
        """Whether it does not answer any more, as far as the port is concerned."""
        return self.state is UnitState.OFFLINE

    @property
    def heard(self) -> bool:
        """Whether it ever answered."""
        return self.heard_at > float("-inf")

    @property
    def probe_only(self) -> bool:
        """Whether only probes are sent to it."""
        return self.recheck or self.offline

    @property
    def response_s(self) -> float | None:
        """Its usual response without the bytes' own time; None before the first was measured."""
        return None if self._usual is None else self._usual.response_s

    def patience_s(self, neighbours_s: float | None, block: Question | None = None) -> float:
        """How long to wait for its next answer, the bytes' own time on the wire not counted.

        Args:
            neighbours_s: The slowest usual response on the port, None if no unit answered yet; it
                stands in for a unit that was never heard.
            block: What is asked: a long answer may take longer than a short one even beyond its
                known bytes, as behind a gateway whose line is not known.
        """
        usual = self._of(block)
        if usual is None:
            if neighbours_s is None:
                return self.longest_s
            return min(self.longest_s, max(_FLOOR_S, 2 * neighbours_s))
        guess = max(_FLOOR_S, usual.expected_s)
        doubled = 0 if self.probe_only else max(self.failures, usual.backoff)
        return min(self.longest_s, guess * 2**doubled)

    def shortest_patience_s(self, block: Question | None = None) -> float:
        """How long to wait at least for a unit that was heard: as long as it usually takes."""
        usual = self._of(block)
        expected_s = 0.0 if usual is None else usual.expected_s
        return min(self.longest_s, max(_FLOOR_S, expected_s))

    def heard_lately(self, now_s: float) -> bool:
        """Whether it answered within the last minute, however much it misses."""
        return now_s - self.heard_at < _STABLE_S

    def expected_back(self, now_s: float) -> bool:
        """Whether it answered so recently, or is so new, that spare time is spent on it."""
        return now_s - self.heard_at < _EXPECTED_S or (not self.heard and self.probes <= _NEW)

    def unsteady(self, now_s: float) -> bool:
        """Whether it has missed answers lately; it is asked where that delays no other."""
        return now_s - self.missed_at < _UNSTEADY_S

    def lateness_s(self, now_s: float) -> float:
        """How late its latest answer of the last ten minutes was, seconds; 0 if none was late."""
        latest_s, at_s = self._latest
        return latest_s if now_s - at_s < _UNSTEADY_S else 0.0

    def late_after_s(self, neighbours_s: float | None, block: Question | None = None) -> float:
        """When an answer is later than usual: from then on another may be asked instead."""
        usual = self._of(block)
        if usual is not None:
            return min(self.longest_s, usual.expected_s)
        return self.longest_s if neighbours_s is None else min(self.longest_s, 2 * neighbours_s)

    def answered(self, now_s: float) -> None:
        """Record an answer, refusals included."""
        if self.offline:
            self.recovered_at = now_s
        elif now_s - self.recovered_at > _STABLE_S:
            self.level = 0
        self.state = UnitState.ONLINE
        if self.failures:
            self._wavered_at = now_s
        self.failures = 0
        self.recheck = False
        self._lost_s = 0.0
        self.heard_at = now_s

    def took(self, now_s: float, response_s: float, block: Question | None = None) -> None:
        """Measure how long an answer took.

        While an answer to an earlier request may still come, this one may be it: its time means
        nothing and is not measured.

        Args:
            now_s: Monotonic seconds.
            response_s: The bytes' own time on the wire not counted, seconds.
            block: What was asked.
        """
        if self._is_outstanding(now_s):
            return
        response_s = max(0.0, response_s)
        if self._usual is None:
            self._usual = Usual(response_s, response_s / 2)
        else:
            self._usual.add(response_s)
        if block is None:
            return
        weight = block.weight
        usual = self._by_weight.get(weight)
        if usual is None or (usual.backoff and response_s > usual.response_s):
            # The first true measure of a kind of answer, or the first since it became slower.
            self._by_weight[weight] = Usual(response_s, response_s / 2)
        else:
            usual.add(response_s)

    def unanswered(
        self, now_s: float, block: Question | None = None, *, lost_s: float = 0.0
    ) -> None:
        """Record that the wait for an answer was given up; it may still come.

        Args:
            now_s: Monotonic seconds.
            block: What was asked; None when its silence is no measure of its response time.
            lost_s: Port time that it cost and that was not charged, seconds.
        """
        self._lost_s += lost_s
        self._outstanding += 1
        self._outstanding_until = now_s + _OUTSTANDING_TIMEOUTS * self.longest_s
        if self.probe_only or block is None or self._usual is None:
            return
        weight = block.weight
        usual = self._by_weight.get(weight)
        if usual is None:
            usual = Usual(self._usual.response_s, self._usual.variation_s)
            self._by_weight[weight] = usual
        usual.backoff = min(_MAX_BACKOFF, usual.backoff + 1)

    def on_late_response(self, now_s: float, lateness_s: float) -> bool:
        """Record an answer that came after the wait for it: the unit is slower than measured.

        Args:
            now_s: Monotonic seconds.
            lateness_s: From its request to its answer, seconds.

        Returns:
            Whether waiting longer can help; False: it is slower than the port's ``timeout_s``.
        """
        self._outstanding = max(0, self._outstanding - 1)
        self._latest = max(lateness_s, self.lateness_s(now_s)), now_s
        if lateness_s >= self.longest_s:
            return False
        if self._usual is None:
            self._usual = Usual(lateness_s, 0.0)
        for usual in (self._usual, *self._by_weight.values()):
            usual.raise_to(lateness_s)
        if self.offline:
            self.probe_soon(now_s)
        return True

    def may_be_late(self, now_s: float, *, known: bool) -> bool:
        """Whether an answer may come after the wait for it; ``known``: it is known to be late."""
        comes_and_goes = self.lateness_s(now_s) > 0 or now_s - self._wavered_at < _UNSTEADY_S
        late = comes_and_goes if known else self.heard_lately(now_s)
        return late and self._is_outstanding(now_s)

    def failed(
        self, now_s: float, *, silent: bool = True, spare: bool = False, garbled: bool = False
    ) -> bool:
        """Record a missing or useless answer; returns whether the unit goes offline by it.

        A unit that was never heard, came back a moment ago, or is asked once more gets no second
        chance, unless it was not silent: a damaged answer speaks of the line. On a port with
        spare time one that was heard lately keeps its chances, and is probed every period.

        Args:
            now_s: Monotonic seconds.
            silent: Nothing came.
            spare: The port has spare time.
            garbled: Another unit may have talked at the same time: it counts as no missed answer.
        """
        self.failures += 1
        spared = spare and self.heard_lately(now_s)
        steady = self.failures == 1 and not self.unsteady(now_s)
        if self.failures == 1:
            self.limit = _FAILURES if steady or not spared else _FAILURES_UNSTEADY
        if not garbled:
            self.missed_at = now_s
        again = (self.recheck or self.flapping(now_s)) and not spared
        fresh = silent and (self.state is UnitState.UNKNOWN or again)
        if self.offline:
            self.probes += 1
            self._back_off(now_s, spared=spared)
            return False
        if not silent or spared:
            self.recheck = False
        if fresh or self.failures >= self.limit:
            self.state = UnitState.OFFLINE
            self.recheck = False
            self.offline_at = now_s
            self.probes = 1
            for usual in self._by_weight.values():
                usual.backoff = 0
            self._back_off(now_s, spared=spared)
            return True
        self.state = UnitState.DEGRADED
        return False

    def flapping(self, now_s: float) -> bool:
        """Whether it came back so recently that it is offline at its first silence."""
        return now_s - self.recovered_at < _STABLE_S

    def probe_soon(self, now_s: float) -> None:
        """Probe it without delay if it is offline: something on the port changed."""
        self.probe_at = min(self.probe_at, now_s)
        self.level = 0

    def port_opened(self, now_s: float) -> None:
        """Begin anew: it may have been powered on or replaced while the port was away."""
        self.recheck = False
        self.probe_soon(now_s)

    def begin_recheck(self, now_s: float) -> None:
        """Have it asked once more, where that delays no other, before it counts as offline."""
        self.recheck = True
        self.probe_at = now_s

    def take_lost_s(self) -> float:
        """Return, once, the port time that its silence cost since it last answered, seconds."""
        lost_s, self._lost_s = self._lost_s, 0.0
        return lost_s

    def waited_in_full(self, now_s: float) -> None:
        """Record that a probe waited for the whole timeout; others of its port come first now."""
        self.full_at = now_s

    def wait_for_busy(self, times: int, now_s: float, deadline_s: float = float("inf")) -> bool:
        """Leave it alone for a moment, because it is busy, each time a little longer.

        Args:
            times: How often it was busy for this request before.
            now_s: Monotonic seconds.
            deadline_s: When the request must be over.

        Returns:
            Whether to ask again after ``busy_until``; False: it was busy too often.
        """
        again_s = now_s + _BUSY_PAUSE_S * 2.0**times
        if times >= _MOST_BUSY or again_s >= deadline_s:
            return False
        self.busy_until = again_s
        return True

    def _of(self, block: Question | None) -> Usual | None:
        return self._usual if block is None else self._by_weight.get(block.weight, self._usual)

    def _is_outstanding(self, now_s: float) -> bool:
        if now_s >= self._outstanding_until:
            self._outstanding = 0
        return self._outstanding > 0

    def _back_off(self, now_s: float, *, spared: bool) -> None:
        pause_s = 2.0**self.level * self.rng.uniform(0.75, 1.25)
        self.probe_at = now_s + (min(self.period_s, pause_s) if spared else pause_s)
        self.level = min(self.level + 1, _MAX_LEVEL_ALONE if self.alone else _MAX_LEVEL)
