"""Late readings: what began and ended in the past is written down and announces nothing.

Pure. Late values come in order but long after, so a run of the past stays open until a late value
says that it ended, until it meets what is known, or until no more late values come. What is still
on then announces itself, with its true start. The delays count as they do for values of now.

``on_late_value`` takes each of them; while a run is open, ``on_live_value`` takes the values of
now, and ``on_backlog_end`` ends it.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from server.alarms.evaluation.memory import (
    Delays,
    LateRun,
    Memory,
    Run,
    Seen,
    StateChange,
    expire,
    judge,
    with_run,
)


class PastRun(NamedTuple):
    """The condition held from ``began.at`` to ``ended_at`` and was not announced."""

    began: Seen
    ended_at: int


class EarlierOnset(NamedTuple):
    """The active alarm began earlier than was known."""

    began: Seen


class EarlierReturn(NamedTuple):
    """The alarm that returned last had returned earlier than was known."""

    ended: Seen


class Split(NamedTuple):
    """The active alarm had returned at ``ended`` and is on again since ``began``."""

    ended: Seen
    began: Seen


LateFinding = PastRun | EarlierOnset | EarlierReturn | Split
Outcome = tuple[Memory, list[LateFinding]]


class Present(NamedTuple):
    """The newest value, and whether the rule holds for it; None when that is not known."""

    seen: Seen
    condition: bool | None

    @property
    def normal_at(self) -> int | None:
        """When the newest value was taken, if it is normal."""
        return self.seen.at if self.condition is False else None


PresentOf = Callable[[], Present]
"""Few late values need it."""


def was_held(memory: Memory, at: int) -> bool:
    """Return whether the condition is known to have held just before an instant of the past."""
    if memory.active and at >= memory.changed_at:
        return True
    if _run_at(memory, at) is not None:
        return True
    if memory.pending is not None and not memory.active and at > memory.pending.at:
        return True
    return memory.late is not None and memory.late.off is None


def on_late_value(
    memory: Memory, seen: Seen, *, condition: bool, present: PresentOf, delays: Delays
) -> Outcome:
    """Return the memory after a late value, and what it adds to the record."""
    pending = memory.pending
    if pending is not None and pending.at < seen.at and condition == memory.active:
        return _interrupt(memory, pending, seen, present=present, delays=delays)
    if memory.active and seen.at >= memory.changed_at:
        # Inside what is announced as active: it proves that the run before met it.
        memory, found = _meet_active(memory, delays=delays)
        if not condition and seen.at > memory.changed_at:
            return _split(memory, seen, found, present=present, delays=delays)
        return memory, found
    run = _run_at(memory, seen.at)
    if run is not None:
        return _inside(memory, run, seen, condition=condition)
    if condition:
        return _begin_or_go_on(memory, seen, present=present, delays=delays)
    return _normal(memory, seen, delays=delays)


def on_live_value(
    memory: Memory, late: LateRun, seen: Seen, *, condition: bool, delays: Delays
) -> tuple[Memory, list[LateFinding], list[StateChange]]:
    """Judge a value of now while ``late``, the memory's run of the past, is open."""
    found: list[LateFinding] = []
    is_open = late.until is None
    if memory.active:
        if is_open:
            # It may have met the run that is on; with what comes after that it has nothing to do.
            memory = replace(memory, late=late._replace(until=memory.changed_at))
    elif seen.at > late.began.at:
        if condition and late.off is not None and seen.at - late.off.at >= delays.off:
            memory, found = _end(memory, late, at=late.off.at, delays=delays)
        elif condition and is_open:
            memory, changes = _announce(memory, late, until=seen.at, delays=delays)
            return memory, found, changes
        elif is_open and not condition:
            memory = replace(memory, late=late._replace(until=seen.at))
    memory, changes = judge(memory, seen, condition=condition, delays=delays)
    return memory, found, changes


def on_backlog_end(
    memory: Memory, *, present: Present, delays: Delays, now: int
) -> tuple[Memory, list[LateFinding], list[StateChange]]:
    """Decide about an open run, as no more late values come; values hold until the next one."""
    late = memory.late
    if late is None:
        return memory, [], []
    if memory.active:
        memory, found = _meet_active(memory, delays=delays)
        return memory, found, []
    end = late.until or _known_end(memory, late.began, present.normal_at)
    if late.off is not None:
        end = late.off.at
    if end is not None:
        memory, found = _end(memory, late, at=end, delays=delays)
        return memory, found, []
    memory, changes = _announce(memory, late, until=now, delays=delays)
    return memory, [], changes


def end_unconfirmed(memory: Memory, began: Seen, seen: Seen) -> Memory:
    """A running on-delay may have ended unheard: it is a run of the past, over at ``seen``."""
    if memory.late is not None and memory.late.began.at < began.at:
        began = memory.late.began
    return replace(memory, pending=None, late=LateRun(began, until=seen.at))


def _announce(
    memory: Memory, late: LateRun, *, until: int, delays: Delays
) -> tuple[Memory, list[StateChange]]:
    """The open run lasts to ``until``: announce it with its true start."""
    bare = replace(memory, late=None, held=True, pending=None)
    memory, changes = judge(bare, late.began, condition=True, delays=delays)
    if memory.pending is not None and until - late.began.at >= delays.on:
        memory, changes = expire(memory, since=late.began.at)
    return memory, changes


def _interrupt(
    memory: Memory, began: Seen, seen: Seen, *, present: PresentOf, delays: Delays
) -> Outcome:
    """What waits for its delay was interrupted; the newest value may have begun it anew."""
    lasted = not memory.active and seen.at - began.at >= delays.on
    found: list[LateFinding] = [PastRun(began, seen.at)] if lasted else []
    now = present()
    anew = now.condition is (not memory.active) and now.seen.at > seen.at
    return replace(memory, pending=now.seen if anew else None), found


def _split(
    memory: Memory,
    seen: Seen,
    found: list[LateFinding],
    *,
    present: PresentOf,
    delays: Delays,
) -> Outcome:
    """A normal value inside the run that is on: it is on since later."""
    began, condition = present()
    if memory.pending is not None or not condition or began.at - seen.at <= delays.off:
        return memory, found
    memory = with_run(memory, Run(memory.changed_at, seen.at, memory.normal_before))
    memory = replace(memory, changed_at=began.at, normal_before=seen.at)
    return memory, [*found, Split(seen, began)]


def _run_at(memory: Memory, at: int) -> Run | None:
    return next((run for run in memory.runs if run.began <= at < run.ended), None)


def _inside(memory: Memory, run: Run, seen: Seen, *, condition: bool) -> Outcome:
    """A value inside a run that is over."""
    found: list[LateFinding] = []
    now, late = run, memory.late
    if late is not None and run.normal_before < late.began.at < run.began:
        # The run before has met it.
        found.append(PastRun(late.began, run.began))
        now = now._replace(began=late.began.at)
    memory = replace(memory, late=None)
    if condition or seen.at == run.began:
        return (memory if now == run else with_run(memory, now, instead=run)), found
    found.append(EarlierReturn(seen))
    memory = with_run(memory, now._replace(ended=seen.at, active_before=0), instead=run)
    if run.active_before > seen.at:
        # It came again before the end that was known.
        rest = Run(run.active_before, run.ended, seen.at, run.active_before)
        found.append(PastRun(Seen(rest.began), rest.ended))
        memory = with_run(memory, rest)
    return memory, found


def _begin_or_go_on(memory: Memory, seen: Seen, *, present: PresentOf, delays: Delays) -> Outcome:
    late = memory.late
    found: list[LateFinding] = []
    if late is not None:
        if late.off is None:
            return memory, []
        if seen.at - late.off.at < delays.off:
            return replace(memory, late=late._replace(off=None)), []
        memory, found = _end(memory, late, at=late.off.at, delays=delays)
    until = _known_end(memory, seen, present().normal_at)
    return replace(memory, late=LateRun(seen, until)), found


def _normal(memory: Memory, seen: Seen, *, delays: Delays) -> Outcome:
    late = memory.late
    if late is None or seen.at <= late.began.at:
        return memory, []
    if late.off is None:
        if seen.at - late.began.at < delays.on or not delays.off:
            return _end(memory, late, at=seen.at, delays=delays)
        return replace(memory, late=late._replace(off=seen)), []
    if seen.at - late.off.at < delays.off:
        return memory, []
    return _end(memory, late, at=late.off.at, delays=delays)


def _known_end(memory: Memory, began: Seen, normal_at: int | None) -> int | None:
    """Return until when the run can have lasted: it is normal then, or meets another run."""
    known = [at for run in memory.runs for at in (run.normal_before, run.began)]
    known += [memory.normal_before if memory.active else memory.changed_at]
    known += [] if normal_at is None else [normal_at]
    return min((at for at in known if at > began.at), default=None)


def _meet_active(memory: Memory, *, delays: Delays) -> Outcome:
    """The open run reaches the alarm that is on, or ended before it."""
    late = memory.late
    if late is None:
        return memory, []
    if late.until is not None and late.until < memory.changed_at:
        return _end(memory, late, at=late.until, delays=delays)
    memory = replace(memory, late=None)
    if late.began.at >= memory.changed_at:
        return memory, []
    return replace(memory, changed_at=late.began.at), [EarlierOnset(late.began)]


def _end(memory: Memory, late: LateRun, *, at: int, delays: Delays) -> Outcome:
    began = late.began
    memory = replace(memory, late=None)
    if at - began.at < delays.on:
        return memory, []
    met = next((run for run in memory.runs if run.began == at), None)
    run = Run(began.at, at) if met is None else Run(began.at, met.ended)
    return with_run(memory, run, instead=met), [PastRun(began, at)]
