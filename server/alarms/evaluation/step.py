"""What an evaluation found. It counts only after it is committed to the records."""

from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from protocols.reading import Quality, Value
from server.alarms.evaluation.memory import LateRun, Memory, Seen, StateChange
from server.alarms.evaluation.reconcile import (
    EarlierOnset,
    EarlierReturn,
    LateFinding,
    PastRun,
    Split,
)
from server.alarms.evaluation.watches import RuleInstance
from server.alarms.rules import Rule
from server.assets.series import Sample, Series

DELAY = "alarm.delay"
"""Kind of the timers of on-delays and off-delays."""
LATE = "alarm.late"
"""Kind of the timers that end the wait for more late values."""
BACKLOG_QUIET_MS = 15_000
"""No late value of anything for so long means that the backlog is through."""


class Transition(NamedTuple):
    """Something that the records must hold.

    Attributes:
        at: Event time of the onset or the return, UTC ms.
        until: End of a run of the past; of one that was split, the end of its first part.
        comment: Why, when no value says so.
    """

    kind: Literal[
        "raised",
        "returned",
        "past_run",
        "earlier_onset",
        "earlier_return",
        "split",
        "enabled",
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
    memories: dict[RuleInstance, Memory] = field(default_factory=dict[RuleInstance, Memory])
    transitions: list[Transition] = field(default_factory=list[Transition])
    last_evaluated: dict[Series, Value] = field(default_factory=dict[Series, Value])
    """Good values of now, the newest of each series."""
    past: list[Sample] = field(default_factory=list[Sample])
    """Values of points with expressions, to be remembered."""
    decided: list[Series] = field(default_factory=list[Series])
    """Series of the values that were judged, one for each."""
    touched: set[int] = field(default_factory=set[int])
    """Series of the evaluated values; their bands are set again."""
    lost_withdrawn: bool = False
    """It takes back what was claimed of points that no rule watches any more."""
    rules_changed: bool = False
    """It follows from other rules, not from samples."""
    retimed: set[RuleInstance] = field(default_factory=set[RuleInstance])
    """Those whose delay has changed; a running one is started anew."""

    def memory_of(self, instance: RuleInstance) -> Memory:
        """Return the newest memory."""
        return self.memories.get(instance, instance.memory)

    def add_changes(self, instance: RuleInstance, changes: list[StateChange]) -> None:
        """Add the changes of announced states."""
        for change in changes:
            kind = "raised" if change.active else "returned"
            seen = change.seen
            self.transitions.append(
                Transition(
                    kind, instance.rule, instance.series, change.at, seen.value, seen.quality
                )
            )

    def enable(self, instance: RuleInstance) -> None:
        """A rule is not on trial any more: its open alarm is announced."""
        memory, series = instance.memory, instance.series
        if memory.active and instance.rule.settings.mode == "announce":
            at, value, quality = memory.changed_at, series.last_value, series.last_quality
            self.transitions.append(
                Transition("enabled", instance.rule, series, at, value, quality)
            )

    def withdraw(self, instance: RuleInstance) -> None:
        """Nothing is claimed any more of a rule that is gone; its open alarm returns."""
        memory, series = instance.memory, instance.series
        at = max(series.last_at, memory.changed_at)
        self.touched.add(series.id)
        self.memories[instance] = replace(
            memory,
            held=False,
            active=False,
            changed_at=at,
            pending=None,
            late=None,
            window=None,
        )
        if memory.active:
            value, quality = series.last_value, series.last_quality
            self.transitions.append(
                Transition(
                    "returned",
                    instance.rule,
                    series,
                    at,
                    value,
                    quality,
                    comment="no rule watches it any more",
                )
            )

    def add_late(self, instance: RuleInstance, found: list[LateFinding]) -> None:
        """Add what late values mean for the record."""
        for finding in found:
            match finding:
                case PastRun(seen, until):
                    kind = "past_run"
                case EarlierOnset(seen):
                    kind, until = "earlier_onset", None
                case EarlierReturn(seen):
                    kind, until = "earlier_return", None
                case Split(ended, seen):
                    kind, until = "split", ended.at
            rule, series = instance.rule, instance.series
            self.transitions.append(
                Transition(kind, rule, series, seen.at, seen.value, seen.quality, until)
            )

    def refuse(self, transition: Transition, *, over_at: int) -> None:
        """The records know that what was to be raised is over already: claim no more than they."""
        for instance, memory in self.memories.items():
            if instance.rule is transition.rule and instance.series is transition.series:
                self.memories[instance] = replace(
                    memory, held=False, active=False, changed_at=over_at, pending=None
                )

    def timers(self) -> list[TimerOrder]:
        """Return the timers to start and to stop."""
        orders: list[TimerOrder] = []
        for instance, memory in self.memories.items():
            if memory.pending != instance.memory.pending or (
                memory.pending and instance in self.retimed
            ):
                orders.append(self._delay_timer(instance, memory))
            if memory.late != instance.memory.late:
                orders.append(self._late_timer(instance, memory))
        return orders

    def _delay_timer(self, instance: RuleInstance, memory: Memory) -> TimerOrder:
        key = f"alarm-delay/{instance.rule.id}/{instance.series.id}"
        if memory.pending is None:
            return TimerOrder(key, DELAY, None, {})
        delay = instance.delays.off if memory.active else instance.delays.on
        # By arrival, so that no clock of a gateway shortens the delay. What is late has none; a
        # clock that is ahead must not prolong it.
        begin = memory.pending.heard_at or memory.pending.at
        due_at = min(begin, self.now) + delay
        return TimerOrder(key, DELAY, due_at, _payload(instance, memory.pending))

    def _late_timer(self, instance: RuleInstance, memory: Memory) -> TimerOrder:
        key = f"alarm-late/{instance.rule.id}/{instance.series.id}"
        if memory.late is None:
            return TimerOrder(key, LATE, None, {})
        due_at = self.now + BACKLOG_QUIET_MS
        return TimerOrder(key, LATE, due_at, _payload(instance, memory.late))


def _payload(instance: RuleInstance, what: Seen | LateRun) -> dict[str, object]:
    return {"rule": instance.rule.id, "point_id": instance.series.id, **what.payload()}
