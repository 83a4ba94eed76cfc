"""What is remembered of one rule on one point, and how a judgement changes it.

Pure and in event time. A condition that differs from the announced state waits for its delay;
when the delay is over the change counts from the instant at which the condition began.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

from protocols.reading import Quality, Value
from server.alarms.evaluation.conditions import WindowState

_MOST_RUNS = 16


class Seen(NamedTuple):
    """A value that was judged, and when it was taken."""

    at: int
    value: Value = None
    quality: Quality = Quality.GOOD
    heard_at: int = 0
    """Server time at which it arrived; 0 when it is late or nobody noted it."""


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
    """Newest value looked at."""
    pending: Seen | None = None
    """The value that began what waits for its delay."""
    late: Seen | None = None
    """The late value that began a run of the past whose end is not known yet."""
    late_until: int | None = None
    """Earliest later instant that is known to be normal: the run ends there or before."""
    late_off: Seen | None = None
    """The late value that ends the run, unless it comes back within the off-delay."""
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
