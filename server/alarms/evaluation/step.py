"""What an evaluation found. It counts only after it is committed to the records."""

from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from protocols.reading import Quality, Value
from server.alarms.evaluation.memory import Flip, Memory, Seen
from server.alarms.evaluation.reconcile import (
    EarlierOnset,
    EarlierReturn,
    LateFinding,
    Parted,
    PastRun,
)
from server.alarms.evaluation.rule_instance import Watch
from server.alarms.rules import Rule
from server.assets.series import Sample, Series

DELAY = "alarm.delay"
"""Kind of the timers of on-delays and off-delays."""
LATE = "alarm.late"
"""Kind of the timers that end the wait for more late values."""
LATE_SETTLE_MS = 15_000
"""No late value of anything for so long means that the backlog is through."""


class Transition(NamedTuple):
    """Something that the records must hold.

    Attributes:
        at: Event time of the onset or the return, UTC ms.
        until: End of a run of the past; of one that parted, the end of its first part.
        comment: Why, when no value says so.
    """

    kind: Literal[
        "raised",
        "returned",
        "past_run",
        "earlier_onset",
        "earlier_return",
        "parted",
        "promoted",
    ]
    rule: Rule
    series: Series
    at: int
    value: Value
    quality: Quality
    until: int | None = None
    comment: str | None = None


class TimerOrder(NamedTuple):
    """A timer to start, or to stop when ``due_at`` is None."""

    key: str
    kind: str
    due_at: int | None
    payload: dict[str, object]


@dataclass(slots=True)
class Step:
    """New memories beside the old ones, and what follows from the difference."""

    now: int
    memories: dict[Watch, Memory] = field(default_factory=dict[Watch, Memory])
    transitions: list[Transition] = field(default_factory=list[Transition])
    looked: dict[Series, Value] = field(default_factory=dict[Series, Value])
    """Good values of now, the newest of each series."""
    past: list[Sample] = field(default_factory=list[Sample])
    """Values of points with expressions, to be remembered."""
    decided: list[Series] = field(default_factory=list[Series])
    """Series of the values that were judged, one for each."""
    touched: set[int] = field(default_factory=set[int])
    """Series that were looked at; their bands are set again."""
    lost_withdrawn: bool = False
    """It takes back what was claimed of points that nobody watches any more."""
    rules_changed: bool = False
    """It follows from other rules, not from samples."""
    retimed: set[Watch] = field(default_factory=set[Watch])
    """Those whose delay has changed; a running one is started anew."""

    def memory_of(self, watch: Watch) -> Memory:
        """Return the newest memory."""
        return self.memories.get(watch, watch.memory)

    def add_flips(self, watch: Watch, flips: list[Flip]) -> None:
        """Note announced changes."""
        for flip in flips:
            kind = "raised" if flip.active else "returned"
            seen = flip.seen
            self.transitions.append(
                Transition(kind, watch.rule, watch.series, flip.at, seen.value, seen.quality)
            )

    def promote(self, watch: Watch) -> None:
        """A rule is not on trial any more: its open alarm is announced."""
        memory, series = watch.memory, watch.series
        if memory.active and watch.rule.settings.mode == "announce":
            at, value, quality = memory.changed_at, series.last_value, series.last_quality
            self.transitions.append(Transition("promoted", watch.rule, series, at, value, quality))

    def withdraw(self, watch: Watch) -> None:
        """Nothing is claimed any more of a rule that is gone; its open alarm returns."""
        memory, series = watch.memory, watch.series
        at = max(series.last_at, memory.changed_at)
        self.touched.add(series.id)
        self.memories[watch] = replace(
            memory,
            held=False,
            active=False,
            changed_at=at,
            pending=None,
            late=None,
            trace=None,
        )
        if memory.active:
            value, quality = series.last_value, series.last_quality
            self.transitions.append(
                Transition(
                    "returned",
                    watch.rule,
                    series,
                    at,
                    value,
                    quality,
                    comment="no rule watches it any more",
                )
            )

    def add_late(self, watch: Watch, found: list[LateFinding]) -> None:
        """Note what late values add to the record."""
        for finding in found:
            match finding:
                case PastRun(seen, until):
                    kind = "past_run"
                case EarlierOnset(seen):
                    kind, until = "earlier_onset", None
                case EarlierReturn(seen):
                    kind, until = "earlier_return", None
                case Parted(ended, seen):
                    kind, until = "parted", ended.at
            rule, series = watch.rule, watch.series
            self.transitions.append(
                Transition(kind, rule, series, seen.at, seen.value, seen.quality, until)
            )

    def refuse(self, transition: Transition, *, over_at: int) -> None:
        """The records know that what was to be raised is over already: claim no more than they."""
        for watch, memory in self.memories.items():
            if watch.rule is transition.rule and watch.series is transition.series:
                self.memories[watch] = replace(
                    memory, held=False, active=False, changed_at=over_at, pending=None
                )

    def timers(self) -> list[TimerOrder]:
        """Return the timers to start and to stop."""
        orders: list[TimerOrder] = []
        for watch, memory in self.memories.items():
            if memory.pending != watch.memory.pending or (memory.pending and watch in self.retimed):
                orders.append(self._delay_timer(watch, memory))
            if _past_of(memory) != _past_of(watch.memory):
                orders.append(self._late_timer(watch, memory))
        return orders

    def _delay_timer(self, watch: Watch, memory: Memory) -> TimerOrder:
        key = f"alarm-delay/{watch.rule.id}/{watch.series.id}"
        if memory.pending is None:
            return TimerOrder(key, DELAY, None, {})
        delay = watch.delays.off if memory.active else watch.delays.on
        # By arrival, so that no clock of a gateway shortens the delay. What is late has none; a
        # clock that is ahead must not prolong it.
        begin = memory.pending.heard_at or memory.pending.at
        due_at = min(begin, self.now) + delay
        return TimerOrder(key, DELAY, due_at, _payload(watch, memory.pending))

    def _late_timer(self, watch: Watch, memory: Memory) -> TimerOrder:
        key = f"alarm-late/{watch.rule.id}/{watch.series.id}"
        if memory.late is None:
            return TimerOrder(key, LATE, None, {})
        # All that a start must know to end the run where it ended.
        payload = _payload(watch, memory.late) | {"until": memory.late_until}
        if memory.late_off is not None:
            payload["off"] = _payload(watch, memory.late_off)
        return TimerOrder(key, LATE, self.now + LATE_SETTLE_MS, payload)


def _past_of(memory: Memory) -> tuple[Seen | None, int | None, Seen | None]:
    return memory.late, memory.late_until, memory.late_off


def _payload(watch: Watch, seen: Seen) -> dict[str, object]:
    return {
        "rule": watch.rule.id,
        "point_id": watch.series.id,
        "at": seen.at,
        "value": seen.value,
        "quality": int(seen.quality),
        "heard_at": seen.heard_at,
    }
