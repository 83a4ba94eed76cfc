"""The history in InfluxDB: one measurement for each equipment class, as docs/history.md says."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry

from config.history import InfluxBackend
from server.core.clock import Clock
from server.core.errors import StoreAwayError
from server.history.base import Batch, Bucket, LastValue, Row
from server.history.influx_connection import InfluxConnection
from server.history.influx_rollups import InfluxRollups
from server.history.influx_start import check_bucket
from server.history.influxql import (
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
from server.history.parts import Part, Plan
from server.history.places import Instant, Placed, PlacedRow, Stored
from server.history.series_tags import Describe
from server.history.shared import ALL_FIGURES, SharedHistory, Span, stored_of, values_by_series
from server.history.silent import Kept
from server.history.slices import Slices


class InfluxHistory(SharedHistory):
    """Readings in a bucket of their own."""

    _name = "InfluxDB"

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
        super().__init__(retention_days=retention_days)
        self._connection = InfluxConnection(backend, token=token, clock=clock, metrics=metrics)
        self._lines = LineWriter(describe)
        self._rollups = InfluxRollups(self._connection, self._summaries)
        self._outstanding: list[str] = []
        """What a write that failed may have left in InfluxDB's memory only."""

    def check(self, *, lengthen: bool) -> str:
        """Return in words what the bucket is like."""
        return check_bucket(
            self._connection, retention_days=self._retention_days, lengthen=lengthen
        )

    def close(self) -> None:
        """Let go of the connection."""
        self._rollups.stop()
        self._connection.close()

    def maintain(self, now_ms: int) -> None:
        """Keep last values, roll up what is over."""
        super().maintain(now_ms)
        self._rollups.roll_up(now_ms, self._oldest_ms)

    def _write(self, batch: Batch, placed: Sequence[Placed]) -> None:
        # InfluxDB shows what it had no room for on its disk, until it ends. Found there, it would
        # not be written again.
        series, taken_at = batch.series, batch.taken_at
        with self._rollups.writing({(series[row], taken_at[row]) for row, _ in placed}) as late:
            made = [*self._outstanding, *late, *self._lines.lines(batch, placed)]
            lines = list(dict.fromkeys(made))
            self._outstanding = []
            try:
                self._connection.write(lines)
            except StoreAwayError:
                self._outstanding = lines
                raise

    def _write_copies(self, values: Sequence[LastValue], at_ms: int) -> None:
        self._connection.write(latest_lines(values, at_ms))

    def _rows(self, span: Span, limit: int) -> list[Row]:
        (answer,) = self._connection.ask([raw_statement(span, limit)])
        return [one.row for one in rows_of(answer, span.series_id)]

    def _stored(self, instants: set[Instant]) -> dict[Instant, list[Stored]]:
        return stored_of(self._rows_at(instants))

    def _summaries(
        self,
        span: Span,
        start_ms: int,
        width: int,
        figures: Sequence[str] = ALL_FIGURES,  # noqa: ARG002 (one statement says all of them)
    ) -> list[Bucket] | None:
        (answer,) = self._connection.ask([kinds_statement(span)])
        kinds = kinds_of(answer)
        statements = bucket_statements(span, width, start_ms=start_ms, kinds=kinds)
        answers = self._connection.ask(statements)
        return buckets_from(answers, start_ms=start_ms, width=width, kinds=kinds)

    def _from_parts(self, spans: Sequence[Span], slices: Slices) -> list[tuple[Plan, list[Part]]]:
        if not slices.unit_ms:
            return super()._from_parts(spans, slices)
        return self._rollups.answers(spans, slices)

    def _newest(self) -> tuple[dict[int, list[LastValue]], dict[int, Kept]]:
        newest, copies = self._connection.ask(last_statements())
        # One for each name and class that a series has had: the newest, which is the last, counts.
        rows = {one.series_id: one for one in rows_of(newest)}
        values = values_by_series(rows.values())
        several = {(one.series_id, one.row.taken_at) for one in rows.values() if one.place}
        if several:
            there = self._rows_at(several)
            values |= values_by_series(
                one for one in there if (one.series_id, one.row.taken_at) in several
            )
        return values, kept_of(copies)

    def _rows_at(self, instants: set[Instant]) -> list[PlacedRow]:
        answers = self._connection.ask(instant_statements(instants))
        return rows_of(answer for some in answers for answer in some)
