"""Writes readings of many points to a file, a month of a point at a time."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from server.exchange.points import ExchangePoint
from server.exchange.sinks import Sink
from server.history.base import Row, after_page

_SPAN_MS = 31 * 86_400_000
"""The longest range that is asked at once: what comes after a page of it is looked at again."""
_PAGE = 50_000


class RowReader(Protocol):
    """Where readings are looked up; a history is one."""

    def raw(self, series_id: int, start_ms: int, end_ms: int, limit: int) -> list[Row]:
        """Return the first readings of a range, as ``HistoryReader.raw``."""
        ...


def export(
    history: RowReader,
    points: Sequence[ExchangePoint],
    sink: Sink,
    *,
    start_ms: int,
    end_ms: int,
    progress: Callable[[int], None],
) -> int:
    """Write all readings of ``start_ms <= taken_at < end_ms``; return how many.

    Args:
        history: Where they are.
        points: Whose; in this order.
        sink: Where they go.
        start_ms: UTC ms.
        end_ms: UTC ms.
        progress: Hears how much further in a point's time it is, ms.

    Raises:
        StoreError: The history cannot be read, or the file not be written.
    """
    written = 0
    for point in points:
        at = start_ms
        for start, end in _spans(history, point, start_ms, end_ms):
            written += _export_span(history, point, sink, start, end)
            progress(end - at)
            at = end
        progress(end_ms - at)
    return written


def _spans(
    history: RowReader, point: ExchangePoint, start_ms: int, end_ms: int
) -> Iterator[tuple[int, int]]:
    """Yield the ranges that a point's readings are in; they begin with a reading."""
    at = start_ms
    while at < end_ms and (first := history.raw(point.id, at, end_ms, 1)):
        at, start = min(first[0].taken_at + _SPAN_MS, end_ms), first[0].taken_at
        yield start, at


def _export_span(
    history: RowReader, point: ExchangePoint, sink: Sink, start_ms: int, end_ms: int
) -> int:
    written = passed = 0
    while True:
        rows: list[Row] = history.raw(point.id, start_ms, end_ms, _PAGE + passed)
        if rows[passed:]:
            sink.write(point, rows[passed:])
            written += len(rows) - passed
        if len(rows) < _PAGE + passed:
            return written
        start_ms, passed = after_page(rows)
