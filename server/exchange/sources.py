"""Files that readings are read from, row by row, with the place of each row."""

import csv
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

from protocols.reading import Quality, Value
from server.core.errors import InvalidError, StoreError
from server.exchange.cells import LARGEST, SMALLEST, only_moment, quality_of, time_of, value_of
from server.exchange.points import ExchangePoint, similar
from server.exchange.sinks import PLACE, SUFFIXES

# pyarrow carries no types.
_pa: Any = pa
_pq: Any = pq
_BATCH = 20_000
_TYPED = ("number", "integer", "large", "boolean", "text")


class Reading(NamedTuple):
    """A reading that was understood."""

    point: ExchangePoint
    taken_at: int
    value: Value
    quality: Quality
    reason: str


class Cell(NamedTuple):
    """What cannot be understood, and where."""

    column: str
    message: str


class SourceRow(Protocol):
    """A row of a file, not looked at yet."""

    @property
    def place(self) -> str:
        """Where it is: file and line or row."""
        ...

    def read(self) -> Reading | Cell:
        """Understand it."""
        ...


class Points:
    """Points by the words of their place, or by their key; or one to which all rows belong."""

    def __init__(self, points: list[ExchangePoint], only: str | None = None) -> None:
        """Prepare.

        Args:
            points: Of the ledger.
            only: Key of the point of files that do not say whose their readings are.

        Raises:
            InvalidError: There is no such point.
        """
        self._by_key = {one.key: one for one in points}
        self.only = None if only is None else self._by_key.get(only)
        if only is not None and self.only is None:
            raise InvalidError(f"--point: {_unknown(only, self._by_key)}")

    def find(self, row: Mapping[str, Any]) -> ExchangePoint | Cell:
        """Return the point of a row, or what is wrong."""
        if self.only is not None:
            return self.only
        key = row.get("key")
        if key is None:
            key = "/".join(str(row[word]) for word in PLACE if row.get(word))
        found = self._by_key.get(str(key))
        if found is None:
            return Cell("key" if "key" in row else "point", _unknown(str(key), self._by_key))
        return found


class CsvRow:
    """A row of a CSV file."""

    def __init__(
        self, cells: dict[Any, Any], line: int, path: Path, points: Points, zone: ZoneInfo | None
    ) -> None:
        self._cells = cells
        self._line = line
        self._path = path
        self._points = points
        self._zone = zone

    @property
    def place(self) -> str:
        """File and line."""
        return f"{self._path}:{self._line}"

    def read(self) -> Reading | Cell:
        """Understand it."""
        cells = self._cells
        if None in cells:
            return Cell("row", f"there are more cells than the {len(cells) - 1} columns")
        if None in cells.values():
            missing = next(name for name, cell in cells.items() if cell is None)
            return Cell(missing, "the row ends before this column")
        point = self._points.find(cells)
        if isinstance(point, Cell):
            return point
        column = "time"
        try:
            taken_at = time_of(cells["time"], self._zone)
            column = "quality"
            quality = quality_of(cells["quality"]) if cells.get("quality") else Quality.GOOD
            column = "value"
            text = cells["value"]
            kind = cells["type"] if "type" in cells else _kind(text, point)
            value = value_of(text, kind)
        except InvalidError as error:
            return Cell(column, f"{error} (point {point.key})")
        return Reading(point, taken_at, value, quality, cells.get("reason", ""))


class ParquetRow:
    """A row of a Parquet file."""

    def __init__(
        self, cells: dict[str, Any], row: int, path: Path, points: Points, zone: ZoneInfo | None
    ) -> None:
        self._cells = cells
        self._row = row
        self._zone = zone
        self._path = path
        self._points = points

    @property
    def place(self) -> str:
        """File and row, counted from 0."""
        return f"{self._path} row {self._row}"

    def read(self) -> Reading | Cell:
        """Understand it."""
        cells = self._cells
        point = self._points.find(cells)
        if isinstance(point, Cell):
            return point
        if not isinstance(cells["time"], datetime):
            return Cell("time", f"there is none (point {point.key})")
        given = [name for name in _TYPED if cells.get(name) is not None]
        if len(given) > 1:
            return Cell(given[1], f"there is a value in {given[0]} already (point {point.key})")
        column = "time"
        value = cells[given[0]] if given else cells.get("value")
        try:
            moment = only_moment(cells["time"], self._zone) if self._zone else cells["time"]
            column = "value"
            if "value" in cells and value is not None:
                value = _as_declared(value, point)
            quality = quality_of(cells["quality"]) if cells.get("quality") else Quality.GOOD
        except InvalidError as error:
            return Cell(column, f"{error} (point {point.key})")
        taken_at = round(moment.timestamp() * 1000)
        return Reading(point, taken_at, value, quality, cells.get("reason") or "")


@contextmanager
def open_source(
    path: Path, points: Points, zone: ZoneInfo | None
) -> Generator[Iterator[SourceRow]]:
    """Give the rows of a file.

    Args:
        path: Its suffix says what it is.
        points: Of the ledger.
        zone: Of instants without an offset; None: they are refused.

    Raises:
        InvalidError: It is no such file, or has other columns.
        StoreError: It cannot be read.
    """
    if path.suffix not in SUFFIXES:
        raise InvalidError(f"{path}: expected a name that ends in {' or '.join(SUFFIXES)}")
    try:
        if path.suffix == ".csv":
            with path.open(encoding="utf-8-sig", newline="") as file:
                yield _csv_rows(file, path, points, zone)
        else:
            with _pq.ParquetFile(path) as file:
                yield _parquet_rows(file, path, points, zone)
    except (OSError, _pa.ArrowException) as error:
        raise StoreError(f"{path}: cannot be read: {error}") from error
    except UnicodeDecodeError as error:
        raise InvalidError(f"{path}: is no UTF-8: {error}; save it as CSV UTF-8") from error


def _csv_rows(
    file: Any,  # noqa: ANN401 (a text file)
    path: Path,
    points: Points,
    zone: ZoneInfo | None,
) -> Iterator[SourceRow]:
    reader = csv.DictReader(file, strict=True)
    try:
        _demand(path, list(reader.fieldnames or ()), ("time", "value"), points)
        while True:
            line = reader.line_num + 1
            cells = next(reader, None)
            if cells is None:
                return
            yield CsvRow(cells, line, path, points, zone)
    except csv.Error as error:
        raise InvalidError(f"{path}:{reader.line_num}: {error}") from error


def _parquet_rows(
    file: Any,  # noqa: ANN401 (pyarrow is untyped)
    path: Path,
    points: Points,
    zone: ZoneInfo | None,
) -> Iterator[SourceRow]:
    schema = file.schema_arrow
    _demand(path, schema.names, ("time",), points)
    if not set(schema.names) & {"value", *_TYPED}:
        raise InvalidError(f"{path}: there is no column value, or one of {', '.join(_TYPED)}")
    kind = schema.field("time").type
    if not _pa.types.is_timestamp(kind):
        raise InvalidError(f"{path}: column time is {kind}; expected a timestamp")
    if kind.tz is None and zone is None:
        raise InvalidError(f"{path}: column time has no time zone: say --time-zone")
    row = 0
    for batch in file.iter_batches(batch_size=_BATCH):
        # Python knows no nanoseconds.
        rounded = batch.column("time").cast(_pa.timestamp("us", kind.tz), safe=False)
        place = batch.schema.get_field_index("time")
        for cells in batch.set_column(place, "time", rounded).to_pylist():
            yield ParquetRow(cells, row, path, points, None if kind.tz else zone)
            row += 1


def _demand(path: Path, names: list[str], wanted: tuple[str, ...], points: Points) -> None:
    missing = [name for name in wanted if name not in names]
    says_whose = {"key", "point"} & set(names)
    if points.only is not None and says_whose:
        column = min(says_whose)
        raise InvalidError(f"{path}: column {column} says whose each reading is: without --point")
    if points.only is None and not says_whose:
        missing.append("key (or site, gateway, equipment, point)")
    if len(set(names)) < len(names):
        raise InvalidError(f"{path}: two columns have one name: {', '.join(names)}")
    if missing:
        there = ", ".join(names) or "nothing"
        raise InvalidError(f"{path}: no column {' and '.join(missing)}; there is {there}")


def _kind(text: str, point: ExchangePoint) -> str:
    return point.kind if text or point.kind == "text" else ""


def _as_declared(value: Any, point: ExchangePoint) -> Value:  # noqa: ANN401 (of any column)
    """Make of a number what the point says; other programs write 21 as 21.0."""
    match point.kind, value:
        case "number", int() | float() if not isinstance(value, bool):
            return float(value)
        case "integer", int() | float() if not isinstance(value, bool):
            if value != int(value) or not SMALLEST <= value <= LARGEST:
                raise InvalidError(f"expected a whole number, got {value!r}")
            return int(value)
        case ("boolean", bool()) | ("text", str()):
            return value
        case _:
            raise InvalidError(f"expected {point.kind}, got {value!r}")


def _unknown(key: str, known: Mapping[str, ExchangePoint]) -> str:
    return f"no point {key!r}{similar(key, known)}"
