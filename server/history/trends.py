"""Summaries of several series at once, in columns, and how they pass to another process."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from protocols.reading import Value
from server.history.base import Batch, Bucket, Readings, Row, Trend
from server.history.columns import VALUE_COLUMNS, arrow_table, value_of
from server.history.packed import VALUES, WHOLE, apart, pack, struct_of, table_of
from server.history.slices import Slices

# pyarrow carries no types.
_pa: Any = pa
_pc: Any = pc

FIGURES: Final = {
    "minimum": ("low", "low_whole"),
    "average": ("average",),
    "maximum": ("high", "high_whole"),
    "first": ("first",),
    "last": ("last",),
    "count": ("good",),
    "bad_count": ("bad",),
}
"""What may be asked, named as in a bucket, and the columns that it travels in."""


def trend_of(buckets: Sequence[Bucket], slices: Slices, figures: Iterable[str]) -> Trend:
    """Return the buckets of a series in columns."""
    return Trend(
        [(one.start - slices.first_ms) // slices.width_ms for one in buckets],
        {name: [getattr(one, name) for one in buckets] for name in figures},
    )


def buckets_of_trend(trend: Trend, slices: Slices) -> list[Bucket]:
    """Return a trend with all figures as buckets."""
    starts = [slices.first_ms + number * slices.width_ms for number in trend.slices]
    columns: list[list[Any]] = [trend.figures[name] for name in FIGURES]
    return [
        Bucket(start, start + slices.width_ms, *row)
        for start, row in zip(starts, zip(*columns, strict=True), strict=True)
    ]


def columns_of(figures: Iterable[str]) -> list[str]:
    """Return the columns in which figures travel, after series and slice."""
    return ["series", "slice", *(column for name in figures for column in FIGURES[name])]


def pack_trends(trends: Mapping[int, Trend], figures: Iterable[str]) -> bytes:
    """Return trends of a store that does not answer in Arrow."""
    columns: dict[str, list[Any]] = {name: [] for name in columns_of(figures)}
    for series, trend in trends.items():
        columns["series"] += [series] * len(trend.slices)
        columns["slice"] += trend.slices
        for name, values in trend.figures.items():
            match FIGURES[name]:
                case (number, whole) if int not in set(map(type, values)):
                    columns[number] += values
                    columns[whole] += [None] * len(values)
                case (number, whole):
                    both = [apart(value) for value in values]  # pyright: ignore[reportArgumentType]
                    columns[number] += [one for one, _ in both]
                    columns[whole] += [one for _, one in both]
                case ("first" | "last" as end,):
                    columns[end] += [None if one is None else struct_of(one) for one in values]
                case (column,):
                    columns[column] += values
                case _:
                    raise AssertionError(name)
    fields = {name: _TYPES[name] for name in columns}
    arrays = [_pa.array(columns[name], kind) for name, kind in fields.items()]
    return pack(_pa.Table.from_arrays(arrays, schema=_pa.schema(fields)))


def unpack_trends(packed: bytes, figures: Sequence[str]) -> dict[int, Trend]:
    """Return trends of series that have any."""
    table = table_of(packed).sort_by([("series", "ascending"), ("slice", "ascending")])
    return {
        series: Trend(some["slice"].to_pylist(), {name: figure_of(some, name) for name in figures})
        for series, some in by_series(table)
    }


def readings_of_all(
    raw: Callable[[int, int, int, int], Sequence[Row]],
    series: Sequence[int],
    start_ms: int,
    end_ms: int,
    limit: int,
) -> dict[int, Readings]:
    """Return the readings of several series, of a store that is asked for one after the other."""
    found: dict[int, Readings] = {}
    for one in sorted(series):
        rows = raw(one, start_ms, end_ms, limit)
        limit -= len(rows)
        if rows:
            taken_at, values, qualities, reasons = zip(*rows, strict=True)
            found[one] = Readings(
                list(taken_at), list(values), list(map(int, qualities)), list(reasons)
            )
    return found


def pack_readings(readings: Mapping[int, Readings]) -> bytes:
    """Return readings of a store that does not answer in Arrow."""
    batch = Batch()
    for series, some in readings.items():
        of_series = [series] * len(some.taken_at)
        batch.extend(Batch(of_series, some.taken_at, some.values, some.qualities, some.reasons))
    return pack(arrow_table(batch))


def unpack_readings(packed: bytes) -> dict[int, Readings]:
    """Return readings of series that have any; their rows are in the order of series and time."""
    return {
        series: Readings(
            some["taken_at"].to_pylist(),
            values_of([some[name] for name in VALUE_COLUMNS.split(", ")]),
            some["quality"].to_pylist(),
            reasons_of(some),
        )
        for series, some in by_series(table_of(packed))
    }


def by_series(table: Any) -> Iterator[tuple[int, Any]]:  # noqa: ANN401 (pyarrow is untyped)
    """Yield each series and its rows, of a table in the order of series."""
    start = 0
    for entry in _pc.value_counts(table["series"]).to_pylist():
        yield entry["values"], table.slice(start, entry["counts"])
        start += entry["counts"]


def figure_of(table: Any, name: str) -> list[Value]:  # noqa: ANN401 (pyarrow is untyped)
    """Return one of ``FIGURES`` of rows of trends."""
    match FIGURES[name]:
        case (number, whole):
            return _extreme(table[number], table[whole], min if name == "minimum" else max)
        case ("first" | "last" as end,):
            return values_of(table[end].combine_chunks().flatten())
        case (column,):
            return table[column].to_pylist()
        case _:
            raise AssertionError(name)


def values_of(columns: Sequence[Any]) -> list[Value]:
    """Return values of which each is in the one column of its type."""
    spoken = [one for one in columns if one.null_count < len(one)]
    if len(spoken) <= 1:
        return (spoken or columns)[0].to_pylist()
    return [value_of(*row) for row in zip(*(one.to_pylist() for one in columns), strict=True)]


def reasons_of(table: Any) -> list[str]:  # noqa: ANN401 (pyarrow is untyped)
    """Return why readings are not good; empty when they are."""
    reasons = table["reason"]
    if reasons.null_count == len(reasons):
        return [""] * len(reasons)
    return [one or "" for one in reasons.to_pylist()]


def _extreme(numbers: Any, wholes: Any, better: Any) -> list[Value]:  # noqa: ANN401 (pyarrow)
    if wholes.null_count == len(wholes):
        return numbers.to_pylist()
    whole: list[Any] = wholes.to_pylist()
    if _pa.types.is_decimal(wholes.type):
        whole = [None if one is None else int(one) for one in whole]
    if numbers.null_count == len(numbers):
        return whole
    both = zip(numbers.to_pylist(), whole, strict=True)
    return [better((one for one in row if one is not None), default=None) for row in both]


_TYPES: dict[str, Any] = {
    "series": _pa.int64(),
    "slice": _pa.int64(),
    "low": _pa.float64(),
    "low_whole": WHOLE,
    "average": _pa.float64(),
    "high": _pa.float64(),
    "high_whole": WHOLE,
    "first": VALUES,
    "last": VALUES,
    "good": _pa.int64(),
    "bad": _pa.int64(),
}
