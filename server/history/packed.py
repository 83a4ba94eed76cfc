"""Answers of the history as Arrow's bytes, for a reader in another process.

The process that stores makes no Python object of a row for them; whoever unpacks them pays.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final, Protocol

import pyarrow as pa

from protocols.reading import Quality
from server.history.base import Bucket, Row
from server.history.columns import value_of

# pyarrow carries no types; what it makes is opaque here.
_pa: Any = pa


class PackedHistory(Protocol):
    """A history whose answers can be had as bytes; from any thread."""

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
    """Return an Arrow table as a stream."""
    sink = _pa.BufferOutputStream()
    with _pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def unpack_rows(packed: bytes) -> list[Row]:
    """Return what ``History.raw`` would have."""
    return [row_of(row) for row in _rows(packed)]


def unpack_buckets(packed: bytes, start_ms: int, width: int) -> list[Bucket]:
    """Return what ``History.buckets`` would have."""
    return [bucket_of(start_ms, width, row) for row in _rows(packed)]


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
    table = _pa.ipc.open_stream(packed).read_all()
    columns: list[list[Any]] = [column.to_pylist() for column in table.columns]
    return list(zip(*columns, strict=True))
