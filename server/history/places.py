"""Places of rows within their millisecond: what is written again is written to the same place.

A store that knows a point by series and time keeps a further value of the same millisecond some
nanoseconds later: the place is how many. The first value of an instant has place 0 (ADR-25).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from typing import NamedTuple

from protocols.reading import Value
from server.history.base import Batch, LastValue, Row

_GAP_MS = 60_000
"""Instants that lie further apart are looked for by questions of their own."""
PLACES = 1_000_000
"""Nanoseconds of a millisecond."""

Instant = tuple[int, int]
"""Series and taken_at, UTC ms."""
Said = tuple[type, Value, int, str]
"""Type, value, quality and reason; in Python True is 1 and 1 is 1.0."""


class Placed(NamedTuple):
    """A row that is to be written: its place in the batch and within its millisecond."""

    row: int
    place: int


class PlacedRow(NamedTuple):
    """A stored row and its place within its millisecond."""

    series_id: int
    place: int
    row: Row


Stored = tuple[int, Said | None]
"""A place, and what was said there; None: only a part of it was written."""
Find = Callable[[list[Instant]], Mapping[Instant, list[Stored]]]
"""Returns what is stored of these instants, in the order of the places."""


def said(value: Value, quality: int, reason: str) -> Said:
    """Return what identifies a row within its instant; NaN is the same as NaN."""
    known = repr(value + 0.0) if isinstance(value, float) else value  # -0.0 is 0.0
    return (type(value), known, int(quality), reason)


class Places:
    """Gives every row of a batch that is not stored yet its place.

    A row that is newer than all that was ever appended of its series needs no look into the store.
    What was appended counts even when the store failed: it may have taken it.
    """

    def __init__(self, newest: Mapping[int, int]) -> None:
        """Begin after a start.

        Args:
            newest: Newest stored instant of each series, UTC ms.
        """
        self._newest = dict(newest)

    def assign(self, batch: Batch, find: Find) -> list[Placed]:
        """Return the rows to write.

        Raises:
            StoreError: What ``find`` raises.
        """
        late = self._late_instants(batch)
        known: dict[Instant, list[Stored]] = {}
        if late:
            stored = find([instant for instant, first in late.items() if not first])
            known = {instant: list(stored.get(instant, ())) for instant in late}
        placed: list[Placed] = []
        for row, instant in enumerate(zip(batch.series, batch.taken_at, strict=True)):
            there = known.get(instant)
            if there is None:
                placed.append(Placed(row, 0))
                continue
            says = said(batch.values[row], batch.quality[row], batch.reason[row])
            if sum(one == says for _, one in there) <= batch.nth.get(row, 0):
                place = there[-1][0] + 1 if there else 0
                there.append((place, says))
                placed.append(Placed(row, place))
        return placed

    def _late_instants(self, batch: Batch) -> dict[Instant, bool]:
        """Move the newest instants on; return those of rows that are not newer than all before.

        True: its first row is in this batch, so nothing of it is stored.
        """
        newest, find = self._newest, self._newest.get
        late: dict[Instant, bool] = {}
        before: dict[int, int] = {}
        for series, taken_at in zip(batch.series, batch.taken_at, strict=True):
            known = find(series)
            if known is None or taken_at > known:
                before.setdefault(series, -1 if known is None else known)
                newest[series] = taken_at
            elif (series, taken_at) not in late:
                late[series, taken_at] = taken_at > before.get(series, taken_at)
        return late


def windows(instants: Iterable[Instant]) -> Iterator[tuple[int, int, list[Instant]]]:
    """Yield instants that lie close together, and from when until when, UTC ms, half open."""
    window: list[Instant] = []
    for at, some in groupby(sorted(instants, key=lambda one: one[1]), key=lambda one: one[1]):
        if window and at - window[-1][1] > _GAP_MS:
            yield window[0][1], window[-1][1] + 1, window
            window = []
        window += some
    if window:
        yield window[0][1], window[-1][1] + 1, window


def last_value(one: PlacedRow) -> LastValue:
    """Return a row as the last value of its series."""
    row = one.row
    return LastValue(one.series_id, row.value, row.quality, row.taken_at, row.reason)
