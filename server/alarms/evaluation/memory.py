"""What is remembered of one rule on one point, and how a judgement changes it.

Pure and in event time. A condition that differs from the announced state waits for its delay;
when the delay is over the change counts from the instant at which the condition began.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from protocols.reading import Quality, Value
from server.alarms.evaluation.conditions import WindowState

_MOST_RUNS = 16


class Seen(NamedTuple):
    """A value that was judged, and when it was taken."""

    at: int
    value: Value = None
    quality: Quality = Quality.GOOD
    heard_at: int = 0
    """Server time at which it arrived; 0 when it is late or that is not known."""

    def payload(self) -> dict[str, Any]:
        """Return it as timers keep it."""
        return {
            "at": self.at,
            "value": self.value,
            "quality": int(self.quality),
            "heard_at": self.heard_at,
        }

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> "Seen":
        """Return what ``payload`` wrote."""
        quality = Quality(payload["quality"])
        return cls(payload["at"], payload["value"], quality, payload.get("heard_at", 0))


class LateRun(NamedTuple):
    """A run of the past that late values began and whose end is not known yet."""

    began: Seen
    until: int | None = None
    """Earliest later instant that is known to be normal: it ends there or before."""
    off: Seen | None = None
    """The late value that ends it, unless the condition comes back within the off-delay."""

    def payload(self) -> dict[str, Any]:
        """Return what a start must know to end it where it ended."""
        off = {} if self.off is None else {"off": self.off.payload()}
        return {**self.began.payload(), "until": self.until, **off}

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> "LateRun":
        """Return what ``payload`` wrote."""
        off = payload.get("off")
        until = payload.get("until")
        return cls(Seen.of(payload), until, None if off is None else Seen.of(off))


class Run(NamedTuple):
    """The condition held from ``began`` to ``ended``, as far as it is known."""

    began: int
    ended: int
    normal_before: int = 0
    """Known to be normal just before it."""
    active_before: int = 0
    """Known to hold just before its end."""


class StateChange(NamedTuple):
    """The announced state changed at this event time."""

    active: bool
    at: int
    seen: Seen
    """The value that began it."""


@dataclass(frozen=True, slots=True)
class Memory:
    """One rule on one point; times are event times, UTC ms."""

    held: bool = False
    """The bare condition at the last good value, deadband included."""
    active: bool = False
    changed_at: int = 0
    """Onset or return that was announced last; nothing older changes what is true now."""
    normal_before: int = 0
    """The value before the one that began what is on or waits; it was normal."""
    active_before: int = 0
    """The value before the one that ended what was on or waits to; it was not normal."""
    runs: tuple[Run, ...] = ()
    """What was on and is over, the newest last; a backlog may correct it."""
    seen_at: int = 0
    """Event time of the newest evaluated value."""
    pending: Seen | None = None
    """The value that began what waits for its delay."""
    late: LateRun | None = None
    """What late values have begun (server/alarms/evaluation/reconcile.py)."""
    bad_since: int | None = None
    """Server time since which the quality is not good; for rules of silence."""
    window: WindowState = None
    """What a condition over several values remembers; built anew from the history at a start."""
    late_window: WindowState = None
    """The same of the late values."""


class Delays(NamedTuple):
    """How long a condition must last or be gone, ms."""

    on: int
    off: int


def judge(
    memory: Memory, seen: Seen, *, condition: bool, delays: Delays
) -> tuple[Memory, list[StateChange]]:
    """Return the memory after a newer value, and the changes that it proves."""
    memory, changes = _lapse(memory, until=seen.at, delays=delays)
    if condition == memory.active:
        return (memory if memory.pending is None else replace(memory, pending=None)), changes
    if memory.pending is not None:
        return memory, changes
    if delays.off if memory.active else delays.on:
        return replace(memory, pending=seen), changes
    memory, change = _change_state(memory, seen)
    return memory, [*changes, change]


def expire(memory: Memory, *, since: int) -> tuple[Memory, list[StateChange]]:
    """The delay of what began at ``since`` is over and no value said otherwise."""
    if memory.pending is None or memory.pending.at != since:
        return memory, []
    memory, change = _change_state(memory, memory.pending)
    return memory, [change]


def _lapse(memory: Memory, *, until: int, delays: Delays) -> tuple[Memory, list[StateChange]]:
    """Count a delay that was over before ``until``, though its timer has not run yet."""
    if memory.pending is None:
        return memory, []
    delay = delays.off if memory.active else delays.on
    if until - memory.pending.at < delay:
        return memory, []
    memory, change = _change_state(memory, memory.pending)
    return memory, [change]


def _change_state(memory: Memory, seen: Seen) -> tuple[Memory, StateChange]:
    change = StateChange(active=not memory.active, at=seen.at, seen=seen)
    changed = replace(memory, active=change.active, changed_at=seen.at, pending=None)
    if change.active:
        return changed, change
    return with_run(
        changed, Run(memory.changed_at, seen.at, memory.normal_before, memory.active_before)
    ), change


def with_run(memory: Memory, run: Run, *, instead: Run | None = None) -> Memory:
    """Return the memory with a run that is over; those before the last few are forgotten."""
    runs = [known for known in memory.runs if known not in (run, instead)]
    return replace(memory, runs=(*runs, run)[-_MOST_RUNS:])
