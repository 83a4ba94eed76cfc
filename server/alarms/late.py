"""Late readings: what began and ended in the past is written down and announces nothing.

Pure. Late values come in order but long after; a run of the past stays open until a late value
says that it ended, until it meets what is known, or until no more late values come.
"""

from dataclasses import replace
from typing import NamedTuple

from server.alarms.memory import Memory, Seen


class PastRun(NamedTuple):
    """The condition held from ``began.at`` to ``ended_at`` and nobody was told."""

    began: Seen
    ended_at: int


class EarlierOnset(NamedTuple):
    """The active alarm began earlier than was known."""

    began: Seen


LateFinding = PastRun | EarlierOnset


def judge_late(
    memory: Memory, seen: Seen, *, condition: bool, on_ms: int
) -> tuple[Memory, LateFinding | None]:
    """Return the memory after a value older than what is known, and what it adds to the record."""
    if memory.active and seen.at >= memory.changed_at:
        # Inside what is announced as active: it only proves that the run before met it.
        return settle_late(memory, newest_normal_at=None, on_ms=on_ms)
    if condition:
        if memory.late is not None or (not memory.active and memory.pending == seen):
            return memory, None
        return replace(memory, late=seen), None
    if memory.late is None or seen.at <= memory.late.at:
        return memory, None
    return _ended(memory, memory.late, at=seen.at, on_ms=on_ms)


def settle_late(
    memory: Memory, *, newest_normal_at: int | None, on_ms: int
) -> tuple[Memory, LateFinding | None]:
    """Decide about an open run of the past; the value held until the next one that is known."""
    began = memory.late
    if began is None:
        return memory, None
    if memory.active and began.at < memory.changed_at:
        corrected = replace(memory, late=None, changed_at=began.at)
        return corrected, EarlierOnset(began)
    end = memory.changed_at if memory.changed_at > began.at else newest_normal_at
    if end is None or end <= began.at:
        return replace(memory, late=None), None
    return _ended(memory, began, at=end, on_ms=on_ms)


def _ended(
    memory: Memory, began: Seen, *, at: int, on_ms: int
) -> tuple[Memory, LateFinding | None]:
    closed = replace(memory, late=None)
    lasted = at - began.at >= on_ms
    return closed, PastRun(began, at) if lasted else None
