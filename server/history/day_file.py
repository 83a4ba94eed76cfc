"""The Parquet file of one past day: its name, how it is written, whether it can be read."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from server.history.columns import COLUMNS
from server.history.files import quote, quoted, sync
from server.history.ordered import open_rows
from server.history.rollups import SEALED, place
from server.history.slices import DAY_MS

# pyarrow carries no types.
_pa: Any = pa
_pq: Any = pq
PLACE_IN_FILE = place(SEALED, "file_row_number")


def write_day(cursor: Any, path: Path, *, old: list[str], bounds: list[int]) -> None:  # noqa: ANN401
    """Write the day's rows and old file as one sorted file that is on disk when this returns.

    No row is in both: late readings were compared with the file before they were stored.
    """
    source = f"({open_rows(*bounds)})"
    if old:
        # Sorting a table goes to disk when memory ends; sorting what is read from Parquet does not.
        cursor.execute(
            f"CREATE OR REPLACE TEMP TABLE whole_day AS FROM {source} UNION ALL "  # noqa: S608
            f"SELECT {COLUMNS}, {PLACE_IN_FILE} AS place "
            f"FROM read_parquet({quoted(old)}, file_row_number = true)"
        )
        source = "whole_day"
    copy_rows(cursor, path, f"SELECT {COLUMNS} FROM {source} ORDER BY series, place")  # noqa: S608
    cursor.execute("DROP TABLE IF EXISTS temp.whole_day")


def copy_rows(cursor: Any, path: Path, query: str) -> None:  # noqa: ANN401 (cursor)
    """Write the rows of a query as a file that is on disk when this returns."""
    partial = path.with_suffix(".tmp")
    cursor.execute(f"COPY ({query}) TO {quote(str(partial))} (FORMAT parquet, COMPRESSION zstd)")
    sync(partial)
    partial.replace(path)
    sync(path.parent)


def next_name(day: int, old: list[str]) -> str:
    """Name the day's next file: a file is never overwritten, somebody may be reading it."""
    date = datetime.fromtimestamp(day * DAY_MS / 1000, tz=UTC).strftime("%Y-%m-%d")
    if not old:
        return f"{date}.parquet"
    _, _, generation = Path(old[0]).stem.partition("_")
    return f"{date}_{int(generation or 1) + 1}.parquet"


def day_of(path: Path) -> int | None:
    """Return which day a file holds by its name, days since 1970; None: it is none of a day."""
    try:
        date = datetime.strptime(path.stem.partition("_")[0], "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(date.timestamp() * 1000) // DAY_MS


def is_readable(path: Path, *, whole: bool) -> bool:
    """Return whether the footer, or all of the file, can be read."""
    try:
        with _pq.ParquetFile(path) as file:
            if COLUMNS.split(", ") != file.schema_arrow.names:
                return False
            if whole:
                for _ in file.iter_batches():
                    pass
    except (OSError, _pa.ArrowException):
        return False
    return True
