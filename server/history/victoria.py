"""The history in VictoriaMetrics: metrics for each equipment class, as docs/history.md says."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, repeat

import structlog
from prometheus_client import CollectorRegistry, Counter

from config.history import VictoriaBackend
from server.core.clock import Clock
from server.core.errors import StoreError
from server.history.base import Batch, Bucket, LastValue, Row
from server.history.exact_parts import Part
from server.history.places import Instant, Placed, Stored, windows
from server.history.series_tags import Describe
from server.history.shared import DAY_MS, SharedHistory, Span, stored_of, values_by_series
from server.history.silent import Kept
from server.history.summary import buckets_of
from server.history.victoria_connection import Figures, VictoriaConnection
from server.history.victoria_layout import (
    BESIDE,
    LATEST_SERIES,
    SERIES,
    LineWriter,
    Samples,
    kept_of,
    latest_lines,
    rows_of,
)
from server.history.victoria_start import check_flags
from server.history.victoria_summary import (
    answers_by_series,
    bucket_question,
    buckets_from,
    of_series,
)

_HOUR_MS = 3_600_000
_SHIFT_MS = 400 * DAY_MS
_FLOOR_MS = _SHIFT_MS + 366 * DAY_MS
"""It answers nothing of questions that reach to 1970, shifted ones too; no reading is so old."""
_LATEST_DAYS = 2
"""So far ahead of its clock VictoriaMetrics takes readings."""
_LOOK_BACK = (_HOUR_MS, DAY_MS, 7 * DAY_MS, 31 * DAY_MS, 366 * DAY_MS)
_SERIES_AT_ONCE, _SUMMARISED_AT_ONCE = 500, 25
_MOST_SLICES = 1000
_MOST_POINTS = 30_000
"""Of an answer: ``-search.maxPointsPerTimeseries``."""
_SETTLED_MS = 60_000
"""Figures of the last seconds are replaced by older ones (``-search.latencyOffset``)."""
_COUNTED = "|".join(
    f".*_{part}" for part in (Part.NUMBER, Part.WIDE, Part.DOUBLE_LOW, Part.LARGE_LOW, Part.MORE)
)
_log = structlog.get_logger()


class VictoriaHistory(SharedHistory):
    """Readings in a VictoriaMetrics.

    It says that it has taken readings while they are in its memory, so every batch ends with a
    snapshot, which makes all of it durable (ADR-45).
    """

    _name = "VictoriaMetrics"

    def __init__(
        self,
        backend: VictoriaBackend,
        *,
        token: str,
        describe: Describe,
        clock: Clock,
        metrics: CollectorRegistry,
        retention_days: int,
    ) -> None:
        super().__init__(retention_days=retention_days)
        self._connection = VictoriaConnection(backend, token=token, clock=clock)
        self._lines = LineWriter(describe)
        self._clock = clock
        self._interval_s = backend.snapshot_interval_s
        self._settled_at_s = clock.monotonic_s() - self._interval_s
        self._unsettled = True
        self._keeps_ms = retention_days * DAY_MS
        self._unchecked = True  # so that it is known how long the server keeps readings
        self._closed = threading.Event()
        self._expired = Counter(
            "plantroom_history_expired_readings",
            "Readings that were let go because they are older than what VictoriaMetrics keeps.",
            registry=metrics,
        )

    def check(self, *, lengthen: bool) -> str:  # noqa: ARG002 (nothing can be set from here)
        """Return in words what the server is like."""
        about, self._keeps_ms = check_flags(self._connection, retention_days=self._retention_days)
        return about

    def close(self) -> None:
        """Let go of the connection."""
        self._closed.set()
        self._connection.close()

    def _write(self, batch: Batch, placed: Sequence[Placed]) -> None:
        oldest_ms = max(self._clock.now_ms() - self._keeps_ms + _SETTLED_MS, _FLOOR_MS)
        latest_ms = self._latest_ms()
        there = [one for one in placed if batch.taken_at[one.row] >= oldest_ms]
        if any(batch.taken_at[one.row] > latest_ms for one in there):
            raise StoreError(
                f"VictoriaMetrics takes nothing of more than {_LATEST_DAYS} days ahead"
            )
        self._store(self._lines.lines(batch, there))
        if expired := len(placed) - len(there):
            self._expired.inc(expired)
            _log.warning("history_too_old", readings=expired)

    def _write_copies(self, values: Sequence[LastValue], at_ms: int) -> None:
        self._store(latest_lines(values, min(at_ms, self._clock.now_ms())))

    def _rows(self, span: Span, limit: int) -> list[Row]:
        found: list[Row] = []
        for start_ms, end_ms in self._pages(span, limit):
            found += self._said(span.series_id, start_ms, end_ms)
            if len(found) >= limit:
                break
        return found

    def _said(self, series_id: int, start_ms: int, end_ms: int) -> list[Row]:
        """Return the readings of a series; what is only beside their exact parts is left there."""
        exact = f'{{{SERIES}="{series_id}",__name__!~".*_({"|".join(sorted(BESIDE))})"}}'
        return [one.row for one in rows_of(self._connection.export(exact, start_ms, end_ms)).rows]

    def _stored(self, instants: set[Instant]) -> dict[Instant, list[Stored]]:
        self._show()
        found: dict[Instant, list[Stored]] = {}
        for start_ms, end_ms, some in windows(instants):
            for ids in _chunks(sorted({series for series, _ in some}), _SERIES_AT_ONCE):
                rows, halves = rows_of(self._connection.export(_of(ids), start_ms, end_ms))
                found |= stored_of(rows)
                for series_id, at_ms, place in halves:
                    found.setdefault((series_id, at_ms), []).append((place, None))
        for there in found.values():
            there.sort(key=lambda one: one[0])
        return found

    def _summaries(
        self, span: Span, start_ms: int, width: int, figures: Sequence[str]
    ) -> list[Bucket] | None:
        return next(self._summaries_of_all([span], start_ms, width, figures))

    def _summaries_of_all(
        self, spans: Sequence[Span], start_ms: int, width: int, figures: Sequence[str]
    ) -> Iterator[list[Bucket] | None]:
        """Points whose ranges are the same are asked for together."""
        for (first, end), some in groupby(map(_known_time, spans), key=lambda one: one[1:]):
            for ids in _chunks([span.series_id for span in some], _SUMMARISED_AT_ONCE):
                yield from self._summarised(ids, Span(0, first, end), start_ms, width, figures)

    def _summarised(
        self, ids: Sequence[int], span: Span, start_ms: int, width: int, figures: Sequence[str]
    ) -> Iterator[list[Bucket] | None]:
        """Whole slices are calculated by the server, the others from their readings."""
        skipped = -(-(span.start_ms - start_ms) // width)
        first_ms = start_ms + skipped * width
        number = (span.end_ms - first_ms) // width
        if not 0 < number <= _MOST_POINTS:
            yield from repeat(None, len(ids))
            return
        end_ms = first_ms + number * width
        offset_ms = _SHIFT_MS if end_ms > self._clock.now_ms() - _SETTLED_MS else 0
        answer = self._connection.ask_range(
            bucket_question(ids, width, offset_ms, figures),
            first_ms=first_ms + width - 1 - offset_ms,
            last_ms=end_ms - 1 - offset_ms,
            step_ms=width,
        )
        answers = answers_by_series(answer)
        for one in ids:
            found = buckets_from(answers.get(one, ()), width=width, offset_ms=offset_ms)
            if found is not None:
                for start, end in ((span.start_ms, first_ms), (end_ms, span.end_ms)):
                    if start < end:
                        rows = self._said(one, start, end)
                        found += buckets_of(rows, start_ms=start_ms, width=width)
                found.sort()
            yield found

    def _newest(self) -> tuple[dict[int, list[LastValue]], dict[int, Kept]]:
        self._show()
        end_ms = self._latest_ms()
        wanted = {int(one) for one in self._connection.label_values(SERIES, end_ms=end_ms) if one}
        values: dict[int, list[LastValue]] = {}
        for look_back_ms in (*_LOOK_BACK, self._keeps_ms):
            if wanted:
                window = min(look_back_ms + _LATEST_DAYS * DAY_MS, end_ms - _FLOOR_MS)
                values |= self._newest_within(sorted(wanted), window, end_ms)
                wanted -= values.keys()
        question = _last(f'{LATEST_SERIES}!=""', min(self._keeps_ms, end_ms - _FLOOR_MS))
        answer = self._connection.ask(question, at_ms=end_ms)
        return values, kept_of(_samples(answer))

    def _newest_within(
        self, ids: Sequence[int], window_ms: int, end_ms: int
    ) -> dict[int, list[LastValue]]:
        found: dict[int, list[LastValue]] = {}
        for some in _chunks(ids, _SERIES_AT_ONCE):
            question = _last(of_series(some), window_ms)
            newest: dict[str, list[Samples]] = {}
            for one in _samples(self._connection.ask(question, at_ms=end_ms)):
                there = newest.setdefault(one.labels[SERIES], [])
                if there and one.at_ms[0] > there[0].at_ms[0]:
                    there.clear()
                if not there or one.at_ms == there[0].at_ms:
                    there.append(one)
            for series, samples in newest.items():
                rows = rows_of(samples).rows
                before_ms = samples[0].at_ms[0] - 1
                found |= values_by_series(rows) or self._newest_within(
                    [int(series)], window_ms, before_ms
                )
        return found

    def _pages(self, span: Span, limit: int) -> Iterator[tuple[int, int]]:
        """Yield parts of a span, oldest first, that hold about as many rows as wanted."""
        span = _known_time(span)
        length = span.end_ms - span.start_ms
        if length <= DAY_MS:
            if length > 0:
                yield span.start_ms, span.end_ms
            return
        step_ms = -(-length // _MOST_SLICES)
        last_ms = span.start_ms + -(-length // step_ms) * step_ms - 1
        offset_ms = _SHIFT_MS if last_ms > self._clock.now_ms() - _SETTLED_MS else 0
        offset = f" offset -{offset_ms}ms" if offset_ms else ""
        metrics = f'{{{SERIES}="{span.series_id}",__name__!~"{_COUNTED}"}}'
        counts = self._connection.ask_range(
            f"sum(count_over_time({metrics}[{step_ms}ms]{offset}))",
            first_ms=span.start_ms + step_ms - 1 - offset_ms,
            last_ms=last_ms - offset_ms,
            step_ms=step_ms,
        )
        start_ms, rows = span.start_ms, 0
        for at_s, count in (value for one in counts for value in one.values):
            rows += int(float(count))
            end_ms = min(round(at_s * 1000) + offset_ms + 1, span.end_ms)
            if rows >= limit:
                yield start_ms, end_ms
                start_ms, rows = end_ms, 0
        if rows:
            yield start_ms, span.end_ms

    def _store(self, lines: Sequence[str]) -> None:
        """Write lines and have them made durable, and whatever was written before and failed."""
        if lines:
            self._unsettled = True
            self._connection.write(lines)
        if not self._unsettled:
            return
        rest_s = self._settled_at_s + self._interval_s - self._clock.monotonic_s()
        if rest_s > 0:
            self._closed.wait(rest_s)
        self._connection.settle()
        self._settled_at_s = self._clock.monotonic_s()
        self._unsettled = False

    def _show(self) -> None:
        """Let questions see what was written, also by a server before."""
        if self._unsettled:
            self._connection.show()

    def _latest_ms(self) -> int:
        return self._clock.now_ms() + _LATEST_DAYS * DAY_MS


def _known_time(span: Span) -> Span:
    return span._replace(start_ms=max(span.start_ms, _FLOOR_MS))


def _last(labels: str, window_ms: int) -> str:
    return (
        f'aggr_over_time(("last_over_time","tlast_over_time"), {{{labels}}}[{window_ms}ms]) '
        "keep_metric_names"
    )


def _samples(answer: Iterable[Figures]) -> list[Samples]:
    """Return the last sample of each metric."""
    found: dict[str, tuple[dict[str, str], dict[str, float]]] = {}
    for labels, ((_, value),) in answer:
        rollup = labels.pop("rollup", "")
        one = found.setdefault(repr(sorted(labels.items())), (labels, {}))
        one[1][rollup] = float(value)
    return [
        Samples(labels, [round(one["tlast_over_time"] * 1000)], [one["last_over_time"]])
        for labels, one in found.values()
    ]


def _of(ids: Sequence[int]) -> str:
    return f"{{{of_series(ids)}}}"


def _chunks(ids: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for first in range(0, len(ids), size):
        yield ids[first : first + size]
