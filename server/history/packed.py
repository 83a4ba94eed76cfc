"""Answers of the history as Arrow's bytes, for a reader in another process.

The process that stores makes no Python object of a row for them; whoever unpacks them pays.
"""

from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any, Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from protocols.reading import Quality, Value
from server.history.base import Batch, Bucket, HistoryReader, Row
from server.history.columns import MAX_INTEGER, arrow_table, numbered_table, value_of

# pyarrow carries no types; what it makes is opaque here.
_pa: Any = pa
_pc: Any = pc


class PackedHistory(HistoryReader, Protocol):
    """A history whose answers can all be had as bytes; from any thread."""

    def packed_buckets(self, series_id: int, start_ms: int, end_ms: int, buckets: int) -> bytes:
        """Like ``History.buckets``; ``unpack_buckets`` reads it.

        Raises:
            StoreError: The store cannot be read now.
        """
        ...

    def packed_raw(self, series_id: int, start_ms: int, end_ms: int, limit: int) -> bytes:
        """Like ``History.raw``; ``unpack_rows`` reads it.

        Raises:
            StoreError: The store cannot be read now.
        """
        ...


def pack(table: Any) -> bytes:  # noqa: ANN401 (pyarrow is untyped)
    """Return an Arrow table as a stream, each column in the narrowest type that holds it."""
    columns = {name: _narrow(table[name]) for name in table.column_names}
    sink = _pa.BufferOutputStream()
    with _pa.ipc.new_stream(sink, (narrow := _pa.table(columns)).schema) as writer:
        writer.write_table(narrow)
    return sink.getvalue().to_pybytes()


def _narrow(column: Any) -> Any:  # noqa: ANN401 (pyarrow is untyped)
    kind = column.type
    if column.null_count == len(column) and not _pa.types.is_struct(kind):
        return _pa.nulls(len(column))
    if _pa.types.is_decimal(kind):
        with suppress(_pa.ArrowInvalid):  # 2^63 and more: they stay decimals
            return _narrow(_pc.cast(column, _pa.int64()))
    if kind == _pa.int64():
        with suppress(_pa.ArrowInvalid):
            return _pc.cast(column, _pa.int32())
    return column


def table_of(packed: bytes) -> Any:  # noqa: ANN401 (pyarrow is untyped)
    """Return a packed answer as a table."""
    return _pa.ipc.open_stream(packed).read_all().combine_chunks()


def unpack_rows(packed: bytes) -> list[Row]:
    """Return what ``History.raw`` would have."""
    return [row_of(row) for row in _rows(packed)]


def unpack_buckets(packed: bytes, start_ms: int, width: int) -> list[Bucket]:
    """Return what ``History.buckets`` would have."""
    return [bucket_of(start_ms, width, row) for row in _rows(packed)]


VALUES: Any = _pa.struct(
    {"n": _pa.float64(), "i": _pa.int64(), "l": _pa.uint64(), "b": _pa.bool_(), "t": _pa.string()}
)
WHOLE: Any = _pa.decimal128(38)
_BUCKETS: Any = _pa.schema(
    {
        "slice": _pa.int64(),
        "low": _pa.float64(),
        "low_whole": WHOLE,
        "average": _pa.float64(),
        "high": _pa.float64(),
        "high_whole": WHOLE,
        "first": VALUES,
        "last": VALUES,
        "count": _pa.int64(),
        "bad": _pa.int64(),
    }
)


def pack_rows(rows: Sequence[Row]) -> bytes:
    """Return rows of a store that does not answer in Arrow."""
    batch = Batch()
    for row in rows:
        batch.add(0, row.taken_at, row.value, row.quality, row.reason)
    return pack(arrow_table(batch).drop_columns(["series"]))


def pack_batch(batch: Batch) -> bytes:
    """Return readings for another process that stores them."""
    return pack(numbered_table(batch))


def unpack_batch(packed: bytes) -> Batch:
    """Return the readings of ``pack_batch``."""
    batch = Batch()
    for series, at, *values, quality, reason, nth, row in _rows(packed):
        batch.add(series, at, value_of(*values), quality, reason or "")
        if nth:
            batch.nth[row] = nth
    return batch


def pack_buckets(buckets: Sequence[Bucket], start_ms: int) -> bytes:
    """Return buckets of a store that does not answer in Arrow.

    Args:
        buckets: All of one width.
        start_ms: Where the first slice begins, UTC ms.
    """
    packed = [_bucket_row(one, start_ms) for one in buckets]
    columns: list[list[Any]] = [[row[at] for row in packed] for at in range(len(_BUCKETS))]
    arrays = [
        _pa.array(column, field.type) for column, field in zip(columns, _BUCKETS, strict=True)
    ]
    return pack(_pa.Table.from_arrays(arrays, schema=_BUCKETS))


def _bucket_row(one: Bucket, start_ms: int) -> tuple[Any, ...]:
    index = (one.start - start_ms) // (one.end - one.start)
    low, high = apart(one.minimum), apart(one.maximum)
    ends = (struct_of(one.first), struct_of(one.last))
    return (index, *low, one.average, *high, *ends, one.count, one.bad_count)


def apart(value: float | None) -> tuple[float | None, Decimal | None]:
    """Return a number and None, or None and a whole one, as they travel."""
    return (None, Decimal(value)) if isinstance(value, int) else (value, None)


def struct_of(value: Value) -> dict[str, Value]:
    """Return a value as it travels: under the name of its type."""
    match value:
        case bool():
            name = "b"
        case int():
            name = "i" if value <= MAX_INTEGER else "l"
        case float():
            name = "n"
        case _:
            name = "t"
    return {name: value}


_QUALITIES: Final = {one.value: one for one in Quality}  # a third of the time of ``Quality(...)``


def row_of(row: Sequence[Any]) -> Row:
    """Return a row of the query for rows."""
    at, *values, quality, reason = row
    return Row(at, value_of(*values), _QUALITIES[quality], reason or "")


def bucket_of(start_ms: int, width: int, row: Sequence[Any]) -> Bucket:
    """Return a row of the query for buckets."""
    index, low, low_whole, average, high, high_whole, first, last, count, bad = row
    start = start_ms + index * width
    return Bucket(
        start=start,
        end=start + width,
        minimum=min((v for v in (low, _whole(low_whole)) if v is not None), default=None),
        average=average,
        maximum=max((v for v in (high, _whole(high_whole)) if v is not None), default=None),
        first=None if first is None else value_of(*first.values()),
        last=None if last is None else value_of(*last.values()),
        count=count,
        bad_count=bad,
    )


def _whole(value: int | Decimal | None) -> int | None:
    """128 bits are a decimal in Arrow."""
    return None if value is None else int(value)


def _rows(packed: bytes) -> list[Sequence[Any]]:
    table = table_of(packed)
    columns: list[list[Any]] = [column.to_pylist() for column in table.columns]
    return list(zip(*columns, strict=True))
