"""Lists for charts out of packed answers: an entry for each slice, or for each reading.

A day of 200 points by the minute is a million cells. They stay in Arrow's columns until each of
them is an entry of a list that leaves as JSON.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from protocols.exact_json import MOST_EXACT, exact
from protocols.reading import Quality
from server.history.columns import VALUE_COLUMNS
from server.history.packed import table_of
from server.history.slices import Slices
from server.history.trends import FIGURES, by_series, figure_of, reasons_of, values_of

# pyarrow carries no types.
_pa: Any = pa
_pc: Any = pc

Lists = dict[str, list[Any]]
"""Whole numbers that a browser would round are text."""
_COUNTS: Final = {"count": "good", "bad_count": "bad"}
_QUALITIES: Final = {int(one): one.name.lower() for one in Quality}


def trend_lists(
    packed: bytes, series: Sequence[int], slices: Slices, figures: Sequence[str]
) -> Iterator[Lists]:
    """Yield the figures of each series, an entry for each slice.

    An entry is None where no good reading says it; counts are 0 then. Whoever writes each out
    before the next is made needs the memory of one, which is quicker too.
    """
    table = table_of(packed)
    ids = table["series"].cast(_pa.int64())
    row = _pc.index_in(ids, value_set=_pa.array(series, _pa.int64()))
    place = _pc.add(_pc.multiply(row.cast(_pa.int64()), slices.number), table["slice"])
    cells = len(series) * slices.number
    names = [name for figure in figures for name in FIGURES[figure]]
    columns = {name: _scattered(table[name], place, cells) for name in names}
    for name in columns.keys() & _COUNTS.values():
        columns[name] = _pc.fill_null(columns[name].cast(_pa.int64()), 0)
    dense = _pa.table(columns)
    wide = {figure for figure in figures if any(map(_is_wide, map(columns.get, FIGURES[figure])))}
    for number in range(len(series)):
        yield _lists(dense.slice(number * slices.number, slices.number), figures, wide)


def reading_lists(packed: bytes, start_ms: int) -> dict[int, Lists]:
    """Return ``after_ms``, ``value``, ``quality`` and ``reason`` of series that have readings.

    Args:
        packed: Of one range; they are in the order of series and time.
        start_ms: From when on ``after_ms`` counts, UTC ms.
    """
    table = table_of(packed)
    return {series: _reading_lists(some, start_ms) for series, some in by_series(table)}


def _scattered(column: Any, place: Any, cells: int) -> Any:  # noqa: ANN401 (pyarrow is untyped)
    if _pa.types.is_null(column.type):
        return _pa.nulls(cells)
    return _pc.scatter(column.combine_chunks(), place.combine_chunks(), max_index=cells - 1)


def _lists(part: Any, figures: Sequence[str], wide: set[str]) -> Lists:  # noqa: ANN401 (pyarrow)
    lists = {name: figure_of(part, name) for name in figures}
    return lists | {name: exact(lists[name]) for name in wide}


def _reading_lists(part: Any, start_ms: int) -> Lists:  # noqa: ANN401 (pyarrow is untyped)
    columns = [part[name] for name in VALUE_COLUMNS.split(", ")]
    values = values_of(columns)
    lists: Lists = {
        "after_ms": _pc.subtract(part["taken_at"], start_ms).to_pylist(),
        "value": exact(values) if any(map(_is_wide, columns)) else values,
        "quality": [_QUALITIES[one] for one in part["quality"].to_pylist()],
    }
    if any(reasons := reasons_of(part)):
        lists["reason"] = reasons
    return lists


def _is_wide(column: Any) -> bool:  # noqa: ANN401 (pyarrow is untyped)
    """Return whether there may be whole numbers that a browser would round."""
    kind = column.type
    if _pa.types.is_struct(kind):
        return any(map(_is_wide, column.flatten()))
    if column.null_count == len(column) or _pa.types.is_floating(kind):
        return False
    if not _pa.types.is_integer(kind):
        return _pa.types.is_decimal(kind)
    ends = _pc.min_max(column).as_py()
    return ends["min"] < -MOST_EXACT or ends["max"] > MOST_EXACT
