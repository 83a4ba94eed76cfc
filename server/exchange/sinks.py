"""Files that readings are written to. They get their name when they are whole."""

import csv
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

from server.core.errors import ConflictError, InvalidError, StoreError
from server.exchange.cells import kind_of, text_of, time_text
from server.exchange.points import ExchangePoint
from server.history.base import Batch, Row
from server.history.columns import VALUE_COLUMNS, arrow_table

PLACE = ("site", "gateway", "equipment", "point")
CSV_COLUMNS = (*PLACE, "time", "value", "type", "unit", "quality", "reason")
SUFFIXES = (".csv", ".parquet")
# pyarrow carries no types.
_pa: Any = pa
_pq: Any = pq
_WORD = _pa.dictionary(_pa.int32(), _pa.string())


class Sink(Protocol):
    """Takes readings of one point after the other."""

    def write(self, point: ExchangePoint, rows: Sequence[Row]) -> None:
        """Write readings of a point, oldest first."""
        ...


class CsvSink:
    """UTF-8 with a mark that spreadsheets look for; quoted where a cell needs it."""

    def __init__(self, file: Any, zone: ZoneInfo) -> None:  # noqa: ANN401 (a text file)
        self._writer = csv.writer(file)
        self._writer.writerow(CSV_COLUMNS)
        self._zone = zone

    def write(self, point: ExchangePoint, rows: Sequence[Row]) -> None:
        """Write readings of a point."""
        place = (point.site, point.gateway, point.equipment, point.name)
        self._writer.writerows(
            (
                *place,
                time_text(row.taken_at, self._zone),
                text_of(row.value),
                kind_of(row.value),
                point.unit,
                row.quality.name.lower(),
                row.reason,
            )
            for row in rows
        )


class ParquetSink:
    """A value in the one column of its type, as in the files of past days."""

    def __init__(self, path: Path) -> None:
        self._schema: Any = _pa.schema(
            [
                *((name, _WORD) for name in PLACE),
                ("time", _pa.timestamp("ms", tz="UTC")),
                ("number", _pa.float64()),
                ("integer", _pa.int64()),
                ("large", _pa.uint64()),
                ("boolean", _pa.bool_()),
                ("text", _pa.string()),
                ("unit", _WORD),
                ("quality", _WORD),
                ("reason", _pa.string()),
            ]
        )
        self._writer: Any = _pq.ParquetWriter(path, self._schema, compression="zstd")

    def write(self, point: ExchangePoint, rows: Sequence[Row]) -> None:
        """Write readings of a point."""
        batch = Batch()
        for row in rows:
            batch.add(point.id, row.taken_at, row.value, row.quality, row.reason)
        table = arrow_table(batch)
        words = dict(
            zip(PLACE, (point.site, point.gateway, point.equipment, point.name), strict=True)
        )
        columns: dict[str, Any] = {
            name: _repeated(text, len(rows))
            for name, text in (words | {"unit": point.unit}).items()
        }
        columns["time"] = table["taken_at"].cast(_pa.timestamp("ms", tz="UTC"))
        columns |= {name: table[name] for name in VALUE_COLUMNS.split(", ")}
        columns["quality"] = _pa.array([row.quality.name.lower() for row in rows]).cast(_WORD)
        columns["reason"] = table["reason"]
        self._writer.write_table(_pa.table(columns).select(self._schema.names).cast(self._schema))

    def close(self) -> None:
        """Write the end of the file."""
        self._writer.close()


@contextmanager
def open_sink(path: Path, zone: ZoneInfo) -> Generator[Sink]:
    """Give what writes the file; it is there when everything was written, or not at all.

    Args:
        path: Its suffix says what it becomes.
        zone: Of the instants in a CSV file; those of Parquet are of UTC.

    Raises:
        InvalidError: The suffix is unknown.
        ConflictError: There is such a file already.
        StoreError: It cannot be written.
    """
    if path.suffix not in SUFFIXES:
        raise InvalidError(f"{path}: expected a name that ends in {' or '.join(SUFFIXES)}")
    if path.exists():
        raise ConflictError(f"{path} is there already: move it away, or write another file")
    partial = path.with_name(path.name + ".partial")
    try:
        if path.suffix == ".csv":
            with partial.open("w", encoding="utf-8-sig", newline="") as file:
                yield CsvSink(file, zone)
        else:
            sink = ParquetSink(partial)
            try:
                yield sink
            finally:
                sink.close()
        partial.replace(path)
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)


def _repeated(text: str, times: int) -> Any:  # noqa: ANN401 (pyarrow is untyped)
    return _pa.DictionaryArray.from_arrays(
        _pa.repeat(_pa.scalar(0, _pa.int32()), times), _pa.array([text], _pa.string())
    )
