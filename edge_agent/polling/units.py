"""How one unit behaves: its timeout, when it counts as dead, when to look again (pure)."""

from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

_FLOOR_S = 0.2  # shorter waits mistake a busy machine for a dead unit
_STABLE_S = 60.0
_EXPECTED_S = 600.0
_UNSTEADY_S = 600.0
_NEW = 4  # probes
_FAILURES = 3
_FAILURES_UNSTEADY = 5  # of a unit that misses some and answers most
_MAX_LEVEL = 5
_MAX_LEVEL_ALONE = 1
_MAX_BACKOFF = 5
_OUTSTANDING_TIMEOUTS = (
    3.0  # an answer that comes later than so many timeouts is not expected any more
)


_BUSY_PAUSE_S = 0.1
_MOST_BUSY = 5


def busy_pause_s(times: int) -> float:
    """How long a unit is left alone that said, for the time after so many, that it is busy."""
    return _BUSY_PAUSE_S * 2.0**times


def may_wait(times: int, now_s: float, deadline_s: float) -> bool:
    """Whether a busy unit is asked once more, before the deadline."""
    return times < _MOST_BUSY and now_s + busy_pause_s(times) < deadline_s


class UnitState(StrEnum):
    """What a unit is worth asking."""

    UNKNOWN = "unknown"
    ONLINE = "online"
    DEGRADED = "degraded"
    BACKED_OFF = "demoted"


@dataclass(slots=True)
class Usual:
    """Response time as it usually is, and how far it strays; TCP sets its own timeouts like this.

    Attributes:
        backoff: How often the wait was doubled since an answer was last measured. An answer to a
            repeated question ends no silence: it may be the one to the first asking.
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
        suspect: It fell silent together with others and is asked once more before it is demoted.
        probe_at: When a demoted or suspect unit is asked again, monotonic seconds.
        demoted_at: When it was demoted last, monotonic seconds.
        heard_at: When it last answered, whatever it said.
        full_at: When it was last waited for in full; the port takes turns.
        lost_s: Port time that its silence cost since it last answered, not yet charged.
        busy_until: It said that it is busy; when it may be asked again.
        alone: It has the port for itself: nobody waits while it is probed.
        missed_at: When it gave no good answer last, monotonic seconds.
        period_s: Shortest period of its classes, seconds.
        limit: Failures in a row by which it is demoted.
    """

    number: int
    longest_s: float
    rng: Random = field(default_factory=Random)
    state: UnitState = UnitState.UNKNOWN
    failures: int = 0
    suspect: bool = False
    probe_at: float = 0.0
    promoted_at: float = float("-inf")
    backed_off_at: float = float("-inf")
    heard_at: float = float("-inf")
    full_at: float = float("-inf")
    lost_s: float = 0.0
    busy_until: float = 0.0
    alone: bool = False
    missed_at: float = float("-inf")
    period_s: float = 1.0
    level: int = 0
    probes: int = 0
    limit: int = _FAILURES
    _usual: Usual | None = None
    _by_weight: dict[int, Usual] = field(default_factory=dict[int, Usual])
    _latest: tuple[float, float] = (0.0, float("-inf"))
    _wavered_at: float = float("-inf")
    _outstanding: int = 0
    _outstanding_until: float = float("-inf")

    @property
    def backed_off(self) -> bool:
        """Whether it counts as dead."""
        return self.state is UnitState.BACKED_OFF

    @property
    def heard(self) -> bool:
        """Whether it ever answered."""
        return self.heard_at > float("-inf")

    @property
    def held(self) -> bool:
        """Whether only probes are sent to it."""
        return self.suspect or self.backed_off

    @property
    def response_s(self) -> float | None:
        """Its usual response without the bytes' own time; None before the first was measured."""
        return None if self._usual is None else self._usual.response_s

    def patience_s(self, neighbours_s: float | None, weight: int | None = None) -> float:
        """How long to wait for its next answer, the bytes' own time on the wire not counted.

        Args:
            neighbours_s: The slowest usual response on the port, None if nobody answered yet; it
                stands in for a unit that was never heard.
            weight: Of the block that is asked: a long answer may take longer than a short one
                even beyond its known bytes, as behind a gateway whose line is not known.
        """
        usual = self._of(weight)
        if usual is None:
            if neighbours_s is None:
                return self.longest_s
            return min(self.longest_s, max(_FLOOR_S, 2 * neighbours_s))
        guess = max(_FLOOR_S, usual.expected_s)
        doubled = 0 if self.held else max(self.failures, usual.backoff)
        return min(self.longest_s, guess * 2**doubled)

    def shortest_patience_s(self, weight: int | None = None) -> float:
        """How long to wait at least for a unit that was heard: as long as it usually takes."""
        usual = self._of(weight)
        expected_s = 0.0 if usual is None else usual.expected_s
        return min(self.longest_s, max(_FLOOR_S, expected_s))

    def heard_lately(self, now_s: float) -> bool:
        """Whether it answered within the last minute: it lives, however much it misses."""
        return now_s - self.heard_at < _STABLE_S

    def expected_back(self, now_s: float) -> bool:
        """Whether it answered so recently, or is so new, that spare time is spent on it."""
        return now_s - self.heard_at < _EXPECTED_S or (not self.heard and self.probes <= _NEW)

    def unsteady(self, now_s: float) -> bool:
        """Whether it has missed answers lately; it is asked where that delays nobody."""
        return now_s - self.missed_at < _UNSTEADY_S

    def lateness_s(self, now_s: float) -> float:
        """How late its latest answer of the last ten minutes was, seconds; 0 if none was late."""
        latest_s, at_s = self._latest
        return latest_s if now_s - at_s < _UNSTEADY_S else 0.0

    def late_after_s(self, neighbours_s: float | None, weight: int | None = None) -> float:
        """When an answer is later than usual: from then on another may be asked instead."""
        usual = self._of(weight)
        if usual is not None:
            return min(self.longest_s, usual.expected_s)
        return self.longest_s if neighbours_s is None else min(self.longest_s, 2 * neighbours_s)

    def answered(self, now_s: float, response_s: float | None, weight: int | None = None) -> None:
        """Note an answer, refusals included; ``response_s`` None leaves the measure alone.

        While an answer to an earlier question may still come, this one may be it: its time means
        nothing and is not measured.
        """
        if response_s is not None and not self._is_outstanding(now_s):
            self._measure(max(0.0, response_s), weight)
        if self.backed_off:
            self.promoted_at = now_s
        elif now_s - self.promoted_at > _STABLE_S:
            self.level = 0
        self.state = UnitState.ONLINE
        if self.failures:
            self._wavered_at = now_s
        self.failures = 0
        self.suspect = False
        self.lost_s = 0.0
        self.heard_at = now_s

    def unanswered(self, now_s: float, weight: int | None = None) -> None:
        """Note that the wait for an answer was given up; it may still come."""
        self._outstanding += 1
        self._outstanding_until = now_s + _OUTSTANDING_TIMEOUTS * self.longest_s
        if self.held or weight is None or self._usual is None:
            return
        usual = self._by_weight.get(weight)
        if usual is None:
            usual = Usual(self._usual.response_s, self._usual.variation_s)
            self._by_weight[weight] = usual
        usual.backoff = min(_MAX_BACKOFF, usual.backoff + 1)

    def on_late_response(self, now_s: float, lateness_s: float) -> bool:
        """Note an answer that nobody waited for any more: it lives, and is slower than believed.

        Args:
            now_s: Monotonic seconds.
            lateness_s: From its question to its answer, seconds.

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
        if self.backed_off:
            self.look_soon(now_s)
        return True

    def may_be_late(self, now_s: float, *, known: bool) -> bool:
        """Whether an answer may come that nobody waits for; ``known``: it is known to be late."""
        comes_and_goes = self.lateness_s(now_s) > 0 or now_s - self._wavered_at < _UNSTEADY_S
        late = comes_and_goes if known else self.heard_lately(now_s)
        return late and self._is_outstanding(now_s)

    def failed(
        self, now_s: float, *, silent: bool = True, spare: bool = False, garbled: bool = False
    ) -> bool:
        """Note a missing or useless answer; returns whether the unit is now demoted by it.

        A unit that was never heard, came back a moment ago, or is suspect already gets no second
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
        again = (self.suspect or self.flapping(now_s)) and not spared
        fresh = silent and (self.state is UnitState.UNKNOWN or again)
        if self.backed_off:
            self.probes += 1
            self._back_off(now_s, spared=spared)
            return False
        if not silent or spared:
            self.suspect = False
        if fresh or self.failures >= self.limit:
            self.state = UnitState.BACKED_OFF
            self.suspect = False
            self.backed_off_at = now_s
            self.probes = 1
            for usual in self._by_weight.values():
                usual.backoff = 0
            self._back_off(now_s, spared=spared)
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

    def _of(self, weight: int | None) -> Usual | None:
        return self._usual if weight is None else self._by_weight.get(weight, self._usual)

    def _is_outstanding(self, now_s: float) -> bool:
        if now_s >= self._outstanding_until:
            self._outstanding = 0
        return self._outstanding > 0

    def _back_off(self, now_s: float, *, spared: bool) -> None:
        pause_s = 2.0**self.level * self.rng.uniform(0.75, 1.25)
        self.probe_at = now_s + (min(self.period_s, pause_s) if spared else pause_s)
        self.level = min(self.level + 1, _MAX_LEVEL_ALONE if self.alone else _MAX_LEVEL)

    def _measure(self, response_s: float, weight: int | None) -> None:
        if self._usual is None:
            self._usual = Usual(response_s, response_s / 2)
        else:
            self._usual.add(response_s)
        if weight is None:
            return
        usual = self._by_weight.get(weight)
        if usual is None or (usual.backoff and response_s > usual.response_s):
            # The first true measure of a kind of answer, or the first since it became slower.
            self._by_weight[weight] = Usual(response_s, response_s / 2)
        else:
            usual.add(response_s)
