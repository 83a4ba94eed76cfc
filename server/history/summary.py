"""Buckets out of rows: for stores that cannot summarise what they hold."""

from collections.abc import Iterable
from itertools import groupby
from statistics import fmean

from protocols.reading import Quality, Value
from server.history.base import Bucket, Row


def buckets_of(rows: Iterable[Row], *, start_ms: int, width: int) -> list[Bucket]:
    """Summarise rows, oldest first, in slices of equal width.

    Args:
        start_ms: Where the first slice begins, UTC ms.
        width: Of a slice, ms.
    """
    slices = groupby(rows, lambda row: (row.taken_at - start_ms) // width)
    return [_bucket(start_ms + index * width, width, list(some)) for index, some in slices]


def _bucket(start: int, width: int, rows: list[Row]) -> Bucket:
    good: list[Value] = [row.value for row in rows if row.quality is Quality.GOOD]
    numbers = [
        int(value) if isinstance(value, bool) else value
        for value in good
        if isinstance(value, bool | int | float)
    ]
    return Bucket(
        start=start,
        end=start + width,
        minimum=min(numbers, default=None),
        average=fmean(numbers) if numbers else None,
        maximum=max(numbers, default=None),
        first=good[0] if good else None,
        last=good[-1] if good else None,
        count=len(good),
        bad_count=len(rows) - len(good),
    )
