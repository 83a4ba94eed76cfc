"""What histories in servers of their own have in common: places, copies of last values, summaries.

A subclass knows how one kind of server is written and asked.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from server.core.errors import StoreError
from server.history.base import Batch, Bucket, LastValue, Readings, Row, Trend, read_all
from server.history.packed import pack_buckets, pack_rows
from server.history.parts import Part, Plan, added_up, joined, nothing_of, part_of
from server.history.places import (
    PLACES,
    Instant,
    Placed,
    PlacedRow,
    Places,
    Stored,
    last_value,
    said,
)
from server.history.silent import Kept, copies_due
from server.history.slices import Slices, exact_slices
from server.history.summary import buckets_of
from server.history.trends import FIGURES, pack_readings, pack_trends, readings_of_all, trend_of

DAY_MS = 86_400_000
ALL_FIGURES = tuple(FIGURES)
LONGEST_MS = 2**63 // PLACES - 1
"""The end of the stores' time, UTC ms."""
_PAGE = 100_000
"""Rows of one answer."""
_MOST_ROWS = 1_000_000
"""Of a range that is summarised here: ten seconds."""


class Span(NamedTuple):
    """``start_ms <= taken_at < end_ms`` of a series, within the time that stores know."""

    series_id: int
    start_ms: int
    end_ms: int

    @property
    def is_empty(self) -> bool:
        """Whether nothing can be in it."""
        return self.end_ms <= self.start_ms

    def within(self, start_ms: int, end_ms: int) -> "Span":
        """Return what of it is in a range, UTC ms."""
        return Span(self.series_id, max(start_ms, self.start_ms), min(end_ms, self.end_ms))


class SharedHistory(ABC):
    """Readings in a place of their own on a server that people may ask as well.

    A reading newer than all of its series is written without a look at what is there; the others
    are compared with what is stored of their instants (ADR-36). The server is asked for what it
    holds when it is needed first, so it may be away before. It deletes what is too old; what is
    older than the retention is not given, deleted or not.
    """

    _name: str
    """Of the kind of server, for people."""

    def __init__(self, *, retention_days: int) -> None:
        self._retention_days = retention_days
        self._oldest_ms = 0
        self._knowing = threading.Lock()
        self._places: Places | None = None
        self._unchecked = False

    def check_later(self) -> None:
        """Let the server be checked before it is used, since it cannot be now."""
        self._unchecked = True

    @abstractmethod
    def check(self, *, lengthen: bool) -> str:
        """Return in words what the server is like.

        Args:
            lengthen: Set right what can be set from here, as a retention that is too short.

        Raises:
            StoreAwayError: Nobody answers now.
            StoreError: It is not made to keep the history; the message says what to set.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of the connection; may be repeated."""

    @abstractmethod
    def _write(self, batch: Batch, placed: Sequence[Placed]) -> None:
        """Make these rows durable; none: whatever was written before and failed."""

    @abstractmethod
    def _write_copies(self, values: Sequence[LastValue], at_ms: int) -> None:
        """Keep last values under an instant, UTC ms."""

    @abstractmethod
    def _rows(self, span: Span, limit: int) -> list[Row]:
        """Return at least the first ``limit`` rows of a span, oldest first."""

    @abstractmethod
    def _stored(self, instants: set[Instant]) -> dict[Instant, list[Stored]]:
        """Return what is stored of these instants, and maybe of others, in the order of places."""

    @abstractmethod
    def _summaries(
        self, span: Span, start_ms: int, width: int, figures: Sequence[str]
    ) -> list[Bucket] | None:
        """Return what the server calculates; None when it cannot.

        Args:
            span: Of which readings.
            start_ms: Where the first slice begins, UTC ms.
            width: Of a slice, ms.
            figures: Fields of a bucket that are wanted, besides its numbers of readings.
        """

    @abstractmethod
    def _newest(self) -> tuple[dict[int, list[LastValue]], dict[int, Kept]]:
        """Return the newest rows by series, and the newest copies that are kept for longer."""

    def append(self, batch: Batch) -> None:
        """Write the rows that are not stored yet."""
        if not len(batch):
            return
        self._write(batch, self._known().assign(batch, self._find))

    def buckets(self, series_id: int, start_ms: int, end_ms: int, buckets: int) -> list[Bucket]:
        """Summarise a range in equal slices."""
        slices = exact_slices(start_ms, end_ms, buckets)
        return self._slices_of([series_id], slices, ALL_FIGURES)[series_id]

    def packed_buckets(self, series_id: int, start_ms: int, end_ms: int, buckets: int) -> bytes:
        """Summarise a range in equal slices, for another process."""
        found = self.buckets(series_id, start_ms, end_ms, buckets)
        return pack_buckets(found, start_ms)

    def trends(
        self, series: Sequence[int], slices: Slices, figures: Sequence[str]
    ) -> dict[int, Trend]:
        """Summarise several series, those of no parts one after the other."""
        found = self._slices_of(sorted(series), slices, figures)
        return {one: trend_of(some, slices, figures) for one, some in found.items() if some}

    def packed_trends(self, series: Sequence[int], slices: Slices, figures: Sequence[str]) -> bytes:
        """Summarise several series, for another process."""
        return pack_trends(self.trends(series, slices, figures), figures)

    def readings(
        self, series: Sequence[int], start_ms: int, end_ms: int, limit: int
    ) -> dict[int, Readings]:
        """Return readings of several series, one after the other."""
        return readings_of_all(self.raw, series, start_ms, end_ms, limit)

    def packed_readings(
        self, series: Sequence[int], start_ms: int, end_ms: int, limit: int
    ) -> bytes:
        """Return readings of several series, for another process."""
        return pack_readings(self.readings(series, start_ms, end_ms, limit))

    def raw(self, series_id: int, start_ms: int, end_ms: int, limit: int) -> list[Row]:
        """Return the first rows of a range, oldest first."""
        span = self._span(series_id, start_ms, end_ms)
        return [] if span.is_empty or limit <= 0 else self._rows(span, limit)[:limit]

    def packed_raw(self, series_id: int, start_ms: int, end_ms: int, limit: int) -> bytes:
        """Return the first rows of a range, for another process."""
        return pack_rows(self.raw(series_id, start_ms, end_ms, limit))

    def last_values(self) -> Iterable[LastValue]:
        """Return the newest row of every series."""
        return [value for some in self._last_values()[0].values() for value in some]

    def maintain(self, now_ms: int) -> None:
        """Keep the last values of points that have been silent for almost as long as the retention.

        The server deletes by itself what is too old, these copies too: they are renewed in time.
        """
        today = now_ms // DAY_MS
        self._oldest_ms = (today - self._retention_days) * DAY_MS
        newest, kept = self._last_values()
        due = copies_due(newest, kept, today=today, retention_days=self._retention_days)
        self._write_copies(due, today * DAY_MS)

    def _known(self) -> Places:
        """Return the newest instants, read once; the server is looked at first.

        Raises:
            StoreError: They cannot be read now, or the server is not made to keep the history.
        """
        with self._knowing:
            if self._places is None:
                if self._unchecked:
                    self.check(lengthen=True)
                    self._unchecked = False
                newest = {one.series_id: one.taken_at for one in self.last_values()}
                self._places = Places(newest)
            return self._places

    def _last_values(self) -> tuple[dict[int, list[LastValue]], dict[int, Kept]]:
        """Return the newest rows by series, and the copies among them."""
        values, kept = self._newest()
        for series, copy in kept.items():
            if series not in values or values[series][-1].taken_at < copy.values[-1].taken_at:
                values[series] = copy.values
        return values, kept

    def _slices_of(
        self, series: Sequence[int], slices: Slices, figures: Sequence[str]
    ) -> dict[int, list[Bucket]]:
        spans = [self._span(one, slices.start_ms, slices.end_ms) for one in series]
        found: dict[int, list[Bucket]] = {one: [] for one in series}
        if all(span.is_empty for span in spans):
            return found
        if slices.width_ms >= LONGEST_MS:
            return {span.series_id: self._from_rows(span, slices) for span in spans}
        planned = list(zip(spans, self._from_parts(spans, slices), strict=True))
        within = [
            span.within(start, end) for span, (plan, _) in planned for start, end in plan.spans
        ]
        summaries = self._summaries_of_all(within, slices.first_ms, slices.width_ms, figures)
        for span, (plan, parts) in planned:
            found[span.series_id] = self._completed(span, slices, plan, parts, summaries)
        return found

    def _summaries_of_all(
        self, spans: Sequence[Span], start_ms: int, width: int, figures: Sequence[str]
    ) -> Iterator[list[Bucket] | None]:
        """Yield what the server calculates of each span, as ``_summaries`` does."""
        for span in spans:
            yield self._summaries(span, start_ms, width, figures)

    def _completed(
        self,
        span: Span,
        slices: Slices,
        plan: Plan,
        found: Sequence[Part],
        summaries: Iterator[list[Bucket] | None],
    ) -> list[Bucket]:
        """Take the summaries of what is in no part, and add them to the parts that there are."""
        parts = [(max(one.bucket.start, plan.inner[0]), one) for one in found]
        unsaid: list[tuple[int, int]] = []
        for start, end in plan.spans:
            some = next(summaries)
            if some is not None and not found and len(plan.spans) == 1:
                return some
            if some is None:
                unsaid.append(slices.around(start, end))
            else:
                parts += [(max(one.start, start), part_of(one)) for one in some]
        if unsaid:
            parts = [one for one in parts if not _is_within(one[1].bucket, unsaid)]
        buckets = added_up(part for _, part in sorted(parts, key=lambda one: one[0]))
        for start, end in joined(unsaid):
            buckets += self._from_rows(span.within(start, end), slices)
        return sorted(buckets, key=lambda one: one.start)

    def _from_parts(
        self,
        spans: Sequence[Span],
        slices: Slices,  # noqa: ARG002 (nothing is summed up here)
    ) -> list[tuple[Plan, list[Part]]]:
        """Return how each range is answered, and what there is of it summed up already."""
        return [(nothing_of(span.start_ms, span.end_ms), []) for span in spans]

    def _from_rows(self, span: Span, slices: Slices) -> list[Bucket]:
        rows = read_all(self, span.series_id, span.start_ms, span.end_ms, page=_PAGE)
        return buckets_of(self._not_too_many(rows), start_ms=slices.first_ms, width=slices.width_ms)

    def _span(self, series_id: int, start_ms: int, end_ms: int) -> Span:
        return Span(series_id, max(start_ms, self._oldest_ms, 0), min(end_ms, LONGEST_MS))

    def _find(self, instants: list[Instant]) -> dict[Instant, list[Stored]]:
        return self._stored(set(instants)) if instants else {}

    def _not_too_many(self, rows: Iterable[Row]) -> Iterator[Row]:
        for number, row in enumerate(rows):
            if number == _MOST_ROWS:
                raise StoreError(
                    f"{self._name} cannot summarise these readings itself, and they are more than "
                    f"{_MOST_ROWS:,}: ask for a shorter range"
                )
            yield row


def values_by_series(rows: Iterable[PlacedRow]) -> dict[int, list[LastValue]]:
    """Return rows as last values, those of a series in their order."""
    found: dict[int, list[LastValue]] = {}
    for one in rows:
        found.setdefault(one.series_id, []).append(last_value(one))
    return found


def stored_of(rows: Iterable[PlacedRow]) -> dict[Instant, list[Stored]]:
    """Return rows, in the order of their places, by instants."""
    found: dict[Instant, list[Stored]] = {}
    for series_id, place, row in rows:
        there = found.setdefault((series_id, row.taken_at), [])
        there.append((place, said(row.value, row.quality, row.reason)))
    return found


def _is_within(bucket: Bucket, ranges: Iterable[tuple[int, int]]) -> bool:
    return any(start <= bucket.start < end for start, end in ranges)
