"""Questions in InfluxQL, the one language of InfluxDB 1, 2 and 3, and what is said in answer.

https://docs.influxdata.com/influxdb/v1/query_language/spec/
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from protocols.reading import Quality, Value
from server.core.errors import StoreError
from server.history.base import Bucket, LastValue, Row
from server.history.line_protocol import (
    BOOLEAN,
    INTEGER,
    LATEST,
    LATEST_SERIES,
    LITERAL,
    NUMBER,
    SERIES,
    TEXT,
    VALUE_FIELDS,
)
from server.history.places import PLACES, Instant, PlacedRow, windows
from server.history.shared import Span
from server.history.silent import Kept

_SERIES_AT_ONCE = 200
_EXACT_SUM = 2**63
_ROW = f"{', '.join(VALUE_FIELDS)}, quality, reason"
_WIDTH = len(VALUE_FIELDS) + 3
"""Columns of a row, its time included."""
_GOOD = f"quality = {int(Quality.GOOD)}"
_BAD = f"quality != {int(Quality.GOOD)}"
_ENDS = ("count", "first", "last")
_NUMERIC = (*_ENDS, "min", "max", "mean")
_FIGURES: Final = {
    NUMBER: _NUMERIC,
    INTEGER: _NUMERIC,
    LITERAL: _ENDS,
    BOOLEAN: _ENDS,
    TEXT: _ENDS,
}
_QUALITIES: Final = {one.value: one for one in Quality}


class Answer(NamedTuple):
    """One series of an answer: a measurement, or a point in one."""

    tags: dict[str, str]
    columns: Sequence[str]
    values: list[list[Any]]


def raw_statement(span: Span, limit: int) -> str:
    """Return what asks for the first rows of a range."""
    return f"SELECT {_ROW} FROM /.+/ WHERE {_where(span)} LIMIT {int(limit)}"  # noqa: S608


def last_statements() -> list[str]:
    """Return what asks for the newest row of every series, and for those kept longer."""
    return [
        (
            f"SELECT {_ROW} FROM /.+/ WHERE {SERIES} =~ /./ GROUP BY {SERIES} "  # noqa: S608
            "ORDER BY time DESC LIMIT 1"
        ),
        (
            f"SELECT {_ROW}, taken_at FROM {LATEST} "  # noqa: S608 (constants)
            f"WHERE {LATEST_SERIES} =~ /./ GROUP BY {LATEST_SERIES}"
        ),
    ]


def instant_statements(instants: Iterable[Instant]) -> list[str]:
    """Return what asks for the rows of these instants, and for some others beside them."""
    statements: list[str] = []
    for start, end, some in windows(instants):
        series = sorted({series for series, _ in some})
        for first in range(0, len(series), _SERIES_AT_ONCE):
            ids = series[first : first + _SERIES_AT_ONCE]
            any_of = " OR ".join(f"{SERIES} = '{one}'" for one in ids)
            statements.append(
                f"SELECT {_ROW} FROM /.+/ WHERE ({any_of}) AND {_between(start, end)} "  # noqa: S608
                f"GROUP BY {SERIES}"
            )
    return statements


def kinds_statement(span: Span) -> str:
    """Return what asks which kinds of values are in a range; InfluxDB need not read it for that."""
    firsts = ", ".join(f"first({kind}) AS {kind}" for kind in VALUE_FIELDS)
    return f"SELECT {firsts} FROM /.+/ WHERE {_where(span)}"  # noqa: S608 (constants)


def kinds_of(answers: Sequence[Answer]) -> list[str]:
    """Return the kinds of values in a range."""
    there = [
        dict(zip(answer.columns, row, strict=True)) for answer in answers for row in answer.values
    ]
    return [kind for kind in VALUE_FIELDS if any(row.get(kind) is not None for row in there)]


def bucket_statements(span: Span, width: int, *, start_ms: int, kinds: Sequence[str]) -> list[str]:
    """Return what asks for summaries of a range: of good values, of bad ones, of true ones.

    Args:
        width: Of a slice, ms.
        start_ms: Where a slice begins, UTC ms.
        kinds: Of the values in the range.
    """
    source = f"FROM /.+/ WHERE {_where(span)}"
    by = f"GROUP BY time({width}ms, {start_ms % width}ms) fill(none)"
    figures = [f"{what}({kind}) AS {kind}_{what}" for kind in kinds for what in _FIGURES[kind]]
    asked = ", ".join(["count(quality) AS good", *figures])
    statements = [
        f"SELECT {asked} {source} AND {_GOOD} {by}",
        f"SELECT count(quality) {source} AND {_BAD} {by}",
    ]
    if BOOLEAN in kinds:
        statements.append(f"SELECT count({BOOLEAN}) {source} AND {_GOOD} AND {BOOLEAN} = true {by}")
    return statements


def rows_of(answers: Iterable[Answer], series_id: int | None = None) -> list[PlacedRow]:
    """Return the rows of an answer, oldest first.

    Args:
        series_id: Of all rows; None: their tags say it.

    Raises:
        StoreError: It is an answer to something else.
    """
    found: list[PlacedRow] = []
    for answer in answers:
        if any(len(row) != _WIDTH for row in answer.values):
            raise StoreError(f"InfluxDB answered with other columns: {answer.columns}")
        of = int(answer.tags.get(SERIES) or 0) if series_id is None else series_id
        for time, *values, quality, reason in answer.values:
            if quality not in _QUALITIES:  # somebody else's
                continue
            at, place = divmod(time, PLACES)
            row = Row(at, value_of(*values), _QUALITIES[quality], reason or "")
            found.append(PlacedRow(of, place, row))
    found.sort(key=lambda one: (one.series_id, one.row.taken_at, one.place))
    return found


def kept_of(answers: Iterable[Answer]) -> dict[int, Kept]:
    """Return the last values that are kept for longer, by series: the newest that were."""
    found: dict[int, Kept] = {}
    for answer in answers:
        series_id = int(answer.tags[LATEST_SERIES])
        for time, *values, quality, reason, taken_at in answer.values:
            value = LastValue(
                series_id, value_of(*values), _QUALITIES[quality], taken_at, reason or ""
            )
            at = time // PLACES
            if series_id not in found or found[series_id].at_ms < at:
                found[series_id] = Kept(at, [])
            found[series_id].values.append(value)
    return found


def value_of(
    number: float | None,
    integer: int | None,
    literal: str | None,
    boolean: bool | None,  # noqa: FBT001 (a column)
    text: str | None,
) -> Value:
    """Return the one that is not None."""
    if number is not None:
        return float(number)
    if literal is not None:
        return int(literal) if literal.lstrip("-").isdigit() else float(literal)
    for value in (integer, boolean):
        if value is not None:
            return value
    return text


def buckets_from(
    answers: Sequence[Sequence[Answer]], *, start_ms: int, width: int, kinds: Sequence[str]
) -> list[Bucket] | None:
    """Return the buckets; None when only the rows say what they are.

    That is when a slice holds several kinds of values, or ones that InfluxDB cannot calculate
    with, or when the equipment's class has changed within the range.

    Args:
        answers: To ``bucket_statements``.
    """
    if any(len(answer) > 1 for answer in answers):
        return None
    summaries, bad, *trues = answers
    true_counts = _counts(trues[0]) if trues else {}
    found: dict[int, Bucket] = {}
    for answer in summaries:
        for row in answer.values:
            figures = dict(zip(answer.columns, row, strict=True))
            at = slice_start(figures["time"], start_ms, width)
            bucket = _bucket(at, width, figures, kinds, true_counts.get(figures["time"], 0))
            if bucket is None:
                return None
            found[at] = bucket
    for time, count in _counts(bad).items():
        at = slice_start(time, start_ms, width)
        empty = Bucket(at, at + width, None, None, None, None, None, count=0, bad_count=0)
        found[at] = found.get(at, empty)._replace(bad_count=count)
    return [found[at] for at in sorted(found)]


def _counts(answers: Sequence[Answer]) -> dict[int, int]:
    return {time: count for answer in answers for time, count in answer.values if count}


def slice_start(time: int, start_ms: int, width: int) -> int:
    """Return where the slice of an instant begins, UTC ms."""
    return start_ms + (time // PLACES - start_ms) // width * width


def _bucket(
    at: int, width: int, figures: Mapping[str, Any], kinds: Sequence[str], trues: int
) -> Bucket | None:
    count: int = figures["good"]
    there = [kind for kind in kinds if figures[f"{kind}_count"]]
    if len(there) != 1 or there[0] == LITERAL or figures[f"{there[0]}_count"] != count:
        return None
    of_kind: list[Any] = [
        figures.get(f"{there[0]}_{what}") for what in ("first", "last", "min", "max", "mean")
    ]
    first, last, low, high, average = of_kind
    match there[0]:
        case "number":
            first, last, low, high, average = map(float, of_kind)
        case "integer":
            if count * max(abs(low), abs(high)) >= _EXACT_SUM:
                return None
            average = float(average)
        case "boolean":
            low, average, high = int(trues == count), trues / count, int(trues > 0)
        case _:
            pass
    return Bucket(at, at + width, low, average, high, first, last, count=count, bad_count=0)


def _where(span: Span) -> str:
    return f"{SERIES} = '{span.series_id}' AND {_between(span.start_ms, span.end_ms)}"


def _between(start_ms: int, end_ms: int) -> str:
    return f"time >= {start_ms * PLACES} AND time < {end_ms * PLACES}"
