"""The history in InfluxDB: one measurement for each equipment class, as docs/history.md says."""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry

from config.history import InfluxBackend
from server.core.clock import Clock
from server.core.errors import StoreError
from server.history.base import Batch, Bucket, LastValue, Row, read_all, slice_width
from server.history.influx_connection import InfluxConnection
from server.history.influx_start import check_bucket
from server.history.influxql import (
    LONGEST_MS,
    Kept,
    PlacedRow,
    Range,
    bucket_statements,
    buckets_from,
    instant_statements,
    kept_of,
    kinds_of,
    kinds_statement,
    last_statements,
    raw_statement,
    rows_of,
)
from server.history.line_protocol import LineWriter, latest_lines
from server.history.packed import pack_buckets, pack_rows
from server.history.places import Instant, Places, Said, said
from server.history.series_tags import Describe
from server.history.summary import buckets_of

DAY_MS = 86_400_000
_PAGE = 100_000
"""Rows of one answer."""
_MOST_ROWS = 1_000_000
"""Of a range that is summarised here: ten seconds."""
_MARGIN_DAYS = 7
"""So long before its end a last value is kept elsewhere."""


class InfluxHistory:
    """Readings in a bucket of their own; InfluxDB deletes what is too old.

    A reading newer than all of its series is written without a look at what is there; the others
    are compared with what is stored of their instants. What is older than the retention is not
    given, deleted or not.
    """

    def __init__(
        self,
        backend: InfluxBackend,
        *,
        token: str,
        describe: Describe,
        clock: Clock,
        metrics: CollectorRegistry,
        retention_days: int,
    ) -> None:
        self._connection = InfluxConnection(backend, token=token, clock=clock, metrics=metrics)
        self._lines = LineWriter(describe)
        self._retention_days = retention_days
        self._oldest_ms = 0
        self._knowing = threading.Lock()
        self._places: Places | None = None

    def check(self, *, lengthen: bool) -> str:
        """Return in words what the bucket is like, as ``check_bucket`` does.

        Raises:
            StoreError: Nobody answers, there is no such bucket, or it forgets too early.
        """
        return check_bucket(
            self._connection, retention_days=self._retention_days, lengthen=lengthen
        )

    def append(self, batch: Batch) -> None:
        """Write the rows that are not stored yet."""
        if not len(batch):
            return
        placed = self._known().assign(batch, self._stored)
        self._connection.write(self._lines.lines(batch, placed))

    def buckets(self, series_id: int, start_ms: int, end_ms: int, buckets: int) -> list[Bucket]:
        """Summarise a range in equal slices."""
        width = slice_width(start_ms, end_ms, buckets)
        span = self._range(series_id, start_ms, end_ms)
        if span.is_empty:
            return []
        found = self._summaries(span, start_ms, width) if width < LONGEST_MS else None
        if found is None:
            rows = read_all(self, series_id, span.start_ms, end_ms, page=_PAGE)
            found = buckets_of(_not_too_many(rows), start_ms=start_ms, width=width)
        return found

    def packed_buckets(self, series_id: int, start_ms: int, end_ms: int, buckets: int) -> bytes:
        """Summarise a range in equal slices, for another process."""
        found = self.buckets(series_id, start_ms, end_ms, buckets)
        return pack_buckets(found, start_ms)

    def raw(self, series_id: int, start_ms: int, end_ms: int, limit: int) -> list[Row]:
        """Return the first rows of a range, oldest first."""
        span = self._range(series_id, start_ms, end_ms)
        if span.is_empty or limit <= 0:
            return []
        (answer,) = self._connection.ask([raw_statement(span, limit)])
        return [one.row for one in rows_of(answer, series_id)[:limit]]

    def packed_raw(self, series_id: int, start_ms: int, end_ms: int, limit: int) -> bytes:
        """Return the first rows of a range, for another process."""
        return pack_rows(self.raw(series_id, start_ms, end_ms, limit))

    def last_values(self) -> Iterable[LastValue]:
        """Return the newest row of every series."""
        return [value for some in self._last_values()[0].values() for value in some]

    def maintain(self, now_ms: int) -> None:
        """Keep the last values of points that have been silent for almost as long as the retention.

        InfluxDB deletes by itself what is too old, these copies too: they are renewed in time.
        """
        today = now_ms // DAY_MS
        self._oldest_ms = (today - self._retention_days) * DAY_MS
        silent_since = self._oldest_ms + min(_MARGIN_DAYS, self._retention_days // 4) * DAY_MS
        renew_before = (today - self._retention_days // 2) * DAY_MS
        newest, kept = self._last_values()
        due = [
            value
            for series, values in newest.items()
            if values[-1].taken_at < silent_since
            and not (
                series in kept
                and kept[series].at_ms >= renew_before
                and kept[series].values == values
            )
            for value in values
        ]
        self._connection.write(latest_lines(due, today * DAY_MS))

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def _known(self) -> Places:
        """Return the newest instants, read once.

        Raises:
            StoreError: They cannot be read now.
        """
        with self._knowing:
            if self._places is None:
                newest = {one.series_id: one.taken_at for one in self.last_values()}
                self._places = Places(newest)
            return self._places

    def _last_values(self) -> tuple[dict[int, list[LastValue]], dict[int, Kept]]:
        """Return the newest rows by series, and those of them that are kept for longer."""
        newest, copies = self._connection.ask(last_statements())
        found = {one.series_id: [one] for one in rows_of(newest)}
        several = [(one.series_id, one.row.taken_at) for (one,) in found.values() if one.place]
        for series_id, _ in several:
            found[series_id].clear()
        for one in self._rows_at(several):
            found[one.series_id].append(one)
        values = {series: [_last_value(one) for one in rows] for series, rows in found.items()}
        kept = kept_of(copies)
        for series, copy in kept.items():
            if series not in values or values[series][-1].taken_at < copy.values[-1].taken_at:
                values[series] = copy.values
        return values, kept

    def _summaries(self, span: Range, start_ms: int, width: int) -> list[Bucket] | None:
        """Return what InfluxDB calculates; None when it cannot."""
        (answer,) = self._connection.ask([kinds_statement(span)])
        kinds = kinds_of(answer)
        statements = bucket_statements(span, width, start_ms=start_ms, kinds=kinds)
        answers = self._connection.ask(statements)
        return buckets_from(answers, start_ms=start_ms, width=width, kinds=kinds)

    def _range(self, series_id: int, start_ms: int, end_ms: int) -> Range:
        return Range(series_id, max(start_ms, self._oldest_ms), end_ms)

    def _stored(self, instants: list[Instant]) -> Mapping[Instant, list[tuple[int, Said]]]:
        found: dict[Instant, list[tuple[int, Said]]] = {}
        for one in self._rows_at(instants):
            row = one.row
            there = found.setdefault((one.series_id, row.taken_at), [])
            there.append((one.place, said(row.value, row.quality, row.reason)))
        return found

    def _rows_at(self, instants: Sequence[Instant]) -> list[PlacedRow]:
        wanted = set(instants)
        answers = self._connection.ask(instant_statements(wanted)) if wanted else []
        rows = rows_of(answer for some in answers for answer in some)
        return [one for one in rows if (one.series_id, one.row.taken_at) in wanted]


def _not_too_many(rows: Iterable[Row]) -> Iterator[Row]:
    for number, row in enumerate(rows):
        if number == _MOST_ROWS:
            raise StoreError(
                f"InfluxDB cannot summarise these readings itself, and they are more than "
                f"{_MOST_ROWS:,}: ask for a shorter range"
            )
        yield row


def _last_value(one: PlacedRow) -> LastValue:
    row = one.row
    return LastValue(one.series_id, row.value, row.quality, row.taken_at, row.reason)
