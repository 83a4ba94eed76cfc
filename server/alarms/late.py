"""Late readings: what began and ended in the past is written down and announces nothing.

Pure. Late values come in order but long after, so a run of the past stays open until a late value
says that it ended, until it meets what is known, or until no more late values come. What is still
on then announces itself, with its true start.
"""

from dataclasses import replace
from typing import NamedTuple

from server.alarms.memory import Delays, Flip, Memory, Seen, expire, judge


class PastRun(NamedTuple):
    """The condition held from ``began.at`` to ``ended_at`` and nobody was told."""

    began: Seen
    ended_at: int


class EarlierOnset(NamedTuple):
    """The active alarm began earlier than was known."""

    began: Seen


LateFinding = PastRun | EarlierOnset


def judge_late(
    memory: Memory, seen: Seen, *, condition: bool, normal_at: int | None, delays: Delays
) -> tuple[Memory, LateFinding | None]:
    """Return the memory after a late value, and what it adds to the record.

    Attributes:
        normal_at: When the newest value was taken, if it is normal.
    """
    if memory.active and seen.at >= memory.changed_at:
        # Inside what is announced as active: it only proves that the run before met it.
        return _met(memory)
    if condition:
        if memory.late is not None:
            return memory, None
        return replace(memory, late=seen, late_until=_end(memory, seen, normal_at)), None
    if memory.late is None or seen.at <= memory.late.at:
        return memory, None
    return _ended(memory, memory.late, at=seen.at, delays=delays)


def settle_late(
    memory: Memory, *, normal_at: int | None, delays: Delays, now: int
) -> tuple[Memory, LateFinding | None, list[Flip]]:
    """Decide about an open run, as no more late values come; values hold until the next one."""
    began = memory.late
    if began is None:
        return memory, None, []
    if memory.active:
        return *_met(memory), []
    end = memory.late_until or _end(memory, began, normal_at)
    if end is not None:
        return *_ended(memory, began, at=end, delays=delays), []
    memory, flips = continue_late(memory, Seen(now), delays=delays)
    return memory, None, flips


def continue_late(memory: Memory, seen: Seen, *, delays: Delays) -> tuple[Memory, list[Flip]]:
    """The open run lasts to ``seen``: announce it with its true start."""
    began = memory.late
    if began is None:
        return judge(memory, seen, condition=True, delays=delays)
    bare = replace(memory, held=True, pending=None, late=None, late_until=None)
    memory, flips = judge(bare, began, condition=True, delays=delays)
    if memory.pending is not None and seen.at - began.at >= delays.on:
        memory, flips = expire(memory, since=began.at)
    return memory, flips


def _end(memory: Memory, began: Seen, normal_at: int | None) -> int | None:
    """Return the earliest instant after the beginning that is known to be normal."""
    known = [normal_at, None if memory.active else memory.changed_at]
    return min((at for at in known if at is not None and at > began.at), default=None)


def _met(memory: Memory) -> tuple[Memory, LateFinding | None]:
    began = memory.late
    if began is None:
        return memory, None
    bare = replace(memory, late=None, late_until=None)
    if began.at >= memory.changed_at:
        return bare, None
    return replace(bare, changed_at=began.at), EarlierOnset(began)


def _ended(
    memory: Memory, began: Seen, *, at: int, delays: Delays
) -> tuple[Memory, LateFinding | None]:
    bare = replace(memory, late=None, late_until=None)
    return bare, PastRun(began, at) if at - began.at >= delays.on else None
