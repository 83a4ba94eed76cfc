"""Values in the columns of DuckDB and Parquet: each value is in the one column of its type."""

from typing import Any

import pyarrow as pa

from protocols.reading import Quality, Value
from server.history.base import Batch

# pyarrow carries no types; what it makes is opaque here and only handed to DuckDB.
_pa: Any = pa

VALUE_COLUMNS = "number, integer, large, boolean, text"
KEY = ("series", "taken_at", "number", "integer", "large", "boolean", "text", "quality", "reason")
"""All columns: a row is known by everything that it says."""
COLUMNS = f"series, taken_at, {VALUE_COLUMNS}, quality, reason"
TABLE = """(
    series BIGINT NOT NULL, taken_at BIGINT NOT NULL, number DOUBLE, integer BIGINT,
    large UBIGINT, boolean BOOLEAN, text VARCHAR, quality USMALLINT NOT NULL, reason VARCHAR
)"""
"""``large`` holds whole numbers from 2**63 on, which ``integer`` cannot; no reason is NULL."""

MAX_INTEGER = 2**63 - 1
_GOOD = Quality.GOOD

_TYPES: dict[str, Any] = {
    "number": _pa.float64(),
    "integer": _pa.int64(),
    "large": _pa.uint64(),
    "boolean": _pa.bool_(),
    "text": _pa.string(),
}
_SCHEMA: Any = _pa.schema(
    [
        ("series", _pa.int64()),
        ("taken_at", _pa.int64()),
        *_TYPES.items(),
        ("quality", _pa.uint16()),
        ("reason", _pa.string()),
    ]
)


def same_row(one: str, other: str) -> str:
    """Return the condition that rows of two tables say the same."""
    return " AND ".join(f"{one}.{name} IS NOT DISTINCT FROM {other}.{name}" for name in KEY)


def numbered_table(batch: Batch) -> Any:  # noqa: ANN401 (pyarrow is untyped)
    """Return the batch with two more columns: ``nth`` and ``row``, its place in the batch."""
    nth = [batch.nth.get(row, 0) for row in range(len(batch))]
    table = arrow_table(batch).append_column("nth", _pa.array(nth, _pa.int64()))
    return table.append_column("row", _pa.array(range(len(batch)), _pa.int64()))


def arrow_table(batch: Batch) -> Any:  # noqa: ANN401 (pyarrow is untyped)
    """Return the batch as an Arrow table in the order of ``COLUMNS``."""
    values = _value_columns(batch.values)
    size = len(batch)
    arrays = [
        _pa.array(batch.series, _pa.int64()),
        _pa.array(batch.taken_at, _pa.int64()),
        *(
            _pa.nulls(size, kind) if values.get(name) is None else _pa.array(values[name], kind)
            for name, kind in _TYPES.items()
        ),
        _quality_column(batch.quality),
        _reason_column(batch.reason),
    ]
    return _pa.Table.from_arrays(arrays, schema=_SCHEMA)


def pick(batch: Batch, rows: list[int]) -> Batch:
    """Return those rows of the batch."""
    return Batch(
        [batch.series[row] for row in rows],
        [batch.taken_at[row] for row in rows],
        [batch.values[row] for row in rows],
        [batch.quality[row] for row in rows],
        [batch.reason[row] for row in rows],
        {place: batch.nth[row] for place, row in enumerate(rows) if row in batch.nth},
    )


def value_of(
    number: float | None,
    integer: int | None,
    large: int | None,
    boolean: bool | None,  # noqa: FBT001 (a column)
    text: str | None,
) -> Value:
    """Return the one that is not None."""
    for value in (number, integer, large, boolean):
        if value is not None:
            return value
    return text


def _quality_column(quality: list[int]) -> Any:  # noqa: ANN401 (pyarrow is untyped)
    if quality.count(_GOOD) == len(quality):
        return _pa.repeat(_pa.scalar(int(_GOOD), _pa.uint16()), len(quality))
    return _pa.array(quality, _pa.uint16())


def _reason_column(reasons: list[str]) -> Any:  # noqa: ANN401 (pyarrow is untyped)
    if not any(reasons):
        return _pa.nulls(len(reasons), _pa.string())
    return _pa.array([reason or None for reason in reasons], _pa.string())


def _value_columns(values: list[Value]) -> dict[str, list[Any]]:
    kinds = set(map(type, values))
    columns: dict[str, list[Any]] = {}
    if float in kinds:
        columns["number"] = _only(values, float, alone=kinds <= {float, type(None)})
    if bool in kinds:
        columns["boolean"] = _only(values, bool, alone=kinds <= {bool, type(None)})
    if str in kinds:
        columns["text"] = _only(values, str, alone=kinds <= {str, type(None)})
    if int in kinds:
        whole = _only(values, int, alone=False)
        columns["integer"] = [v if v is None or v <= MAX_INTEGER else None for v in whole]
        if any(v is not None and v > MAX_INTEGER for v in whole):
            columns["large"] = [v if v is not None and v > MAX_INTEGER else None for v in whole]
    return columns


def _only(values: list[Value], kind: type, *, alone: bool) -> list[Any]:
    if alone:
        return values
    return [value if type(value) is kind else None for value in values]
