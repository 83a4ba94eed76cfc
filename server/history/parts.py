"""Parts: some readings summed up, each reading in one part, so that they add up exactly.

Stores in servers of their own keep one for each hour of a series, and for each minute of series
that speak often (ADR-60).
"""

from collections.abc import Iterable
from typing import NamedTuple

from server.history.base import Bucket
from server.history.slices import HOUR_MS, Slices


class Part(NamedTuple):
    """Some readings of one slice."""

    bucket: Bucket
    numbers: int
    """So many of the good ones are in the average."""


class Rolled(NamedTuple):
    """From when until when a series is rolled up, UTC ms; its minutes from ``minutes`` on."""

    since: int
    until: int
    minutes: int

    def of_unit(self, unit_ms: int) -> tuple[int, int]:
        """Return the range of hours, or of minutes."""
        return (self.since if unit_ms == HOUR_MS else self.minutes), self.until


class Plan(NamedTuple):
    """How the slices of a range are answered."""

    inner: tuple[int, int]
    """From parts; empty: none of it."""
    spans: list[tuple[int, int]]
    """From readings."""
    spoiled: frozenset[int]
    """Starts of slices whose parts are not used, since something came late."""


def part_of(bucket: Bucket) -> Part:
    """Return a summary of readings of one kind as a part."""
    return Part(bucket, 0 if bucket.average is None else bucket.count)


def nothing_of(start_ms: int, end_ms: int) -> Plan:
    """Return the plan that reads all of a range from readings."""
    return Plan((start_ms, start_ms), [(start_ms, end_ms)], frozenset())


def planned(
    slices: Slices, start_ms: int, end_ms: int, rolled: Rolled, late: Iterable[int]
) -> Plan:
    """Return what of a range is read from parts.

    Args:
        slices: Whole hours or minutes; how they are cut.
        start_ms: Of the range, UTC ms.
        end_ms: Of the range, UTC ms.
        rolled: What there is of the series.
        late: Hours in which something came after they were rolled up, UTC ms.
    """
    unit = slices.unit_ms
    since, until = rolled.of_unit(unit)
    inner = max(since, -(-start_ms // unit) * unit), min(until, end_ms // unit * unit)
    if inner[0] >= inner[1]:
        return nothing_of(start_ms, end_ms)
    spoiled: set[int] = set()
    for hour in late:
        first, last = max(hour, inner[0]), min(hour + HOUR_MS, inner[1])
        at = slices.first_ms + (first - slices.first_ms) // slices.width_ms * slices.width_ms
        while at < last:
            spoiled.add(at)
            at += slices.width_ms
    spans = [(start_ms, inner[0]), (inner[1], end_ms)]
    spans += [(max(at, inner[0]), min(at + slices.width_ms, inner[1])) for at in spoiled]
    return Plan(inner, joined(spans), frozenset(spoiled))


def added_up(parts: Iterable[Part]) -> list[Bucket]:
    """Return one bucket for each slice of disjoint parts, oldest first.

    Those of one slice are in the order of their time.
    """
    found: dict[int, Part] = {}
    for one in parts:
        before = found.get(one.bucket.start)
        found[one.bucket.start] = one if before is None else _added(before, one)
    return [found[at].bucket for at in sorted(found)]


def joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return ranges, those that touch as one, without the empty ones."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if start >= end:
            continue
        if found and found[-1][1] >= start:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _added(one: Part, other: Part) -> Part:
    before, after = one.bucket, other.bucket
    numbers = one.numbers + other.numbers
    total = (before.average or 0.0) * one.numbers + (after.average or 0.0) * other.numbers
    lowest = [low for low in (before.minimum, after.minimum) if low is not None]
    highest = [high for high in (before.maximum, after.maximum) if high is not None]
    return Part(
        before._replace(
            minimum=min(lowest, default=None),
            average=total / numbers if numbers else None,
            maximum=max(highest, default=None),
            first=before.first if before.count else after.first,
            last=after.last if after.count else before.last,
            count=before.count + after.count,
            bad_count=before.bad_count + after.bad_count,
        ),
        numbers,
    )
