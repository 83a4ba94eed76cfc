"""Late readings: what began and ended in the past is written down and announces nothing.

Pure. Late values come in order but long after, so a run of the past stays open until a late value
says that it ended, until it meets what is known, or until no more late values come. What is still
on then announces itself, with its true start. The delays count as they do for values of now.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from server.alarms.evaluation.memory import (
    Delays,
    Memory,
    Run,
    Seen,
    StateChange,
    expire,
    judge,
    with_run,
)


class PastRun(NamedTuple):
    """The condition held from ``began.at`` to ``ended_at`` and nobody was told."""

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


class Present(NamedTuple):
    """The newest value, and whether the rule holds for it; None when that is not known."""

    seen: Seen
    condition: bool | None

    @property
    def normal_at(self) -> int | None:
        """When the newest value was taken, if it is normal."""
        return self.seen.at if self.condition is False else None


PresentOf = Callable[[], Present]
"""Of most late values nobody asks for it."""


def was_held(memory: Memory, at: int) -> bool:
    """Return whether the condition is known to have held just before an instant of the past."""
    if memory.active and at >= memory.changed_at:
        return True
    if _run_at(memory, at) is not None:
        return True
    if memory.pending is not None and not memory.active and at > memory.pending.at:
        return True
    return memory.late is not None and memory.late_off is None


def judge_late(
    memory: Memory, seen: Seen, *, condition: bool, present: PresentOf, delays: Delays
) -> tuple[Memory, list[LateFinding]]:
    """Return the memory after a late value, and what it adds to the record."""
    if memory.pending is not None and memory.pending.at < seen.at and condition == memory.active:
        memory, found = _interrupt(memory, memory.pending, seen, present=present, delays=delays)
        return memory, found
    if memory.active and seen.at >= memory.changed_at:
        # Inside what is announced as active: it proves that the run before met it.
        memory, found = _met(memory, delays=delays)
        if not condition and seen.at > memory.changed_at:
            return _split(memory, seen, found, present=present, delays=delays)
        return memory, found
    run = _run_at(memory, seen.at)
    if run is not None:
        return _inside(memory, run, seen, condition=condition)
    if condition:
        return _goes_on(memory, seen, present=present, delays=delays)
    return _is_normal(memory, seen, delays=delays)


def end_late_run(
    memory: Memory, *, present: Present, delays: Delays, now: int
) -> tuple[Memory, list[LateFinding], list[StateChange]]:
    """Decide about an open run, as no more late values come; values hold until the next one."""
    began = memory.late
    if began is None:
        return memory, [], []
    if memory.active:
        memory, found = _met(memory, delays=delays)
        return memory, found, []
    end = memory.late_until or _end(memory, began, present.normal_at)
    if memory.late_off is not None:
        end = memory.late_off.at
    if end is not None:
        memory, found = _ended(memory, began, at=end, delays=delays)
        return memory, found, []
    memory, changes = continue_late(memory, Seen(now), delays=delays)
    return memory, [], changes


def meet_late(
    memory: Memory, seen: Seen, *, condition: bool, delays: Delays
) -> tuple[Memory, list[LateFinding], list[StateChange]]:
    """Judge a value of now while a run of the past is open."""
    late, off = memory.late, memory.late_off
    found: list[LateFinding] = []
    if memory.active and late is not None and memory.late_until is None:
        # It may have met the run that is on; with what comes after that it has nothing to do.
        memory = replace(memory, late_until=memory.changed_at)
    if late is None or memory.active or seen.at <= late.at:
        return _with_nothing(*judge(memory, seen, condition=condition, delays=delays))
    if condition and off is not None and seen.at - off.at >= delays.off:
        memory, found = _ended(memory, late, at=off.at, delays=delays)
    elif condition and memory.late_until is None:
        return _with_nothing(*continue_late(memory, seen, delays=delays))
    elif not condition and memory.late_until is None:
        memory = replace(memory, late_until=seen.at)
    memory, changes = judge(memory, seen, condition=condition, delays=delays)
    return memory, found, changes


def end_unconfirmed(memory: Memory, began: Seen, seen: Seen) -> Memory:
    """A running on-delay may have ended unheard: it is a run of the past, over at ``seen``."""
    if memory.late is not None and memory.late.at < began.at:
        began = memory.late
    return replace(memory, pending=None, late=began, late_until=seen.at, late_off=None)


def continue_late(
    memory: Memory, seen: Seen, *, delays: Delays
) -> tuple[Memory, list[StateChange]]:
    """The open run lasts to ``seen``: announce it with its true start."""
    began = memory.late
    if began is None:
        return judge(memory, seen, condition=True, delays=delays)
    bare = replace(_without_late(memory), held=True, pending=None)
    memory, changes = judge(bare, began, condition=True, delays=delays)
    if memory.pending is not None and seen.at - began.at >= delays.on:
        memory, changes = expire(memory, since=began.at)
    return memory, changes


def _with_nothing(
    memory: Memory, changes: list[StateChange]
) -> tuple[Memory, list[LateFinding], list[StateChange]]:
    return memory, [], changes


def _interrupt(
    memory: Memory, began: Seen, seen: Seen, *, present: PresentOf, delays: Delays
) -> tuple[Memory, list[LateFinding]]:
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
) -> tuple[Memory, list[LateFinding]]:
    """A normal value inside the run that is on: it is on since later."""
    began, condition = present()
    if memory.pending is not None or not condition or began.at - seen.at <= delays.off:
        return memory, found
    memory = with_run(memory, Run(memory.changed_at, seen.at, memory.normal_before))
    memory = replace(memory, changed_at=began.at, normal_before=seen.at)
    return memory, [*found, Split(seen, began)]


def _run_at(memory: Memory, at: int) -> Run | None:
    return next((run for run in memory.runs if run.began <= at < run.ended), None)


def _inside(
    memory: Memory, run: Run, seen: Seen, *, condition: bool
) -> tuple[Memory, list[LateFinding]]:
    """A value inside a run that is over."""
    found: list[LateFinding] = []
    now = run
    if memory.late is not None and run.normal_before < memory.late.at < run.began:
        # The run before has met it.
        found.append(PastRun(memory.late, run.began))
        now = now._replace(began=memory.late.at)
    memory = _without_late(memory)
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


def _goes_on(
    memory: Memory, seen: Seen, *, present: PresentOf, delays: Delays
) -> tuple[Memory, list[LateFinding]]:
    began, off = memory.late, memory.late_off
    found: list[LateFinding] = []
    if began is not None and off is None:
        return memory, []
    if began is not None and off is not None:
        if seen.at - off.at < delays.off:
            return replace(memory, late_off=None), []
        memory, found = _ended(memory, began, at=off.at, delays=delays)
    return replace(memory, late=seen, late_until=_end(memory, seen, present().normal_at)), found


def _is_normal(memory: Memory, seen: Seen, *, delays: Delays) -> tuple[Memory, list[LateFinding]]:
    began, off = memory.late, memory.late_off
    if began is None or seen.at <= began.at:
        return memory, []
    if off is None and (seen.at - began.at < delays.on or not delays.off):
        return _ended(memory, began, at=seen.at, delays=delays)
    if off is None:
        return replace(memory, late_off=seen), []
    if seen.at - off.at < delays.off:
        return memory, []
    return _ended(memory, began, at=off.at, delays=delays)


def _end(memory: Memory, began: Seen, normal_at: int | None) -> int | None:
    """Return until when the run can have lasted: it is normal then, or meets another run."""
    known = [at for run in memory.runs for at in (run.normal_before, run.began)]
    known += [memory.normal_before if memory.active else memory.changed_at]
    known += [] if normal_at is None else [normal_at]
    return min((at for at in known if at > began.at), default=None)


def _met(memory: Memory, *, delays: Delays) -> tuple[Memory, list[LateFinding]]:
    began = memory.late
    if began is None:
        return memory, []
    if memory.late_until is not None and memory.late_until < memory.changed_at:
        return _ended(memory, began, at=memory.late_until, delays=delays)
    bare = _without_late(memory)
    if began.at >= memory.changed_at:
        return bare, []
    return replace(bare, changed_at=began.at), [EarlierOnset(began)]


def _ended(
    memory: Memory, began: Seen, *, at: int, delays: Delays
) -> tuple[Memory, list[LateFinding]]:
    memory = _without_late(memory)
    if at - began.at < delays.on:
        return memory, []
    met = next((run for run in memory.runs if run.began == at), None)
    run = Run(began.at, at) if met is None else Run(began.at, met.ended)
    return with_run(memory, run, instead=met), [PastRun(began, at)]


def _without_late(memory: Memory) -> Memory:
    return replace(memory, late=None, late_until=None, late_off=None)
