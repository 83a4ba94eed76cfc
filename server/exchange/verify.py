"""Whether files of past days are what they should be."""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from server.history.day_file import day_of, is_readable
from server.history.files import quote
from server.history.slices import DAY_MS

_NAMED = 5


class Verified(NamedTuple):
    """A file that was read through."""

    path: Path
    rows: int
    problems: list[str]


def verify_files(files: Iterable[Path], known: AbstractSet[int]) -> Iterator[Verified]:
    """Read files of past days.

    Args:
        files: Of the folder of an embedded history.
        known: Points of the records.
    """
    database: Any = duckdb.connect()
    try:
        for path in files:
            yield _verify(database, path, known)
    finally:
        database.close()


def _verify(database: Any, path: Path, known: AbstractSet[int]) -> Verified:  # noqa: ANN401 (DuckDB)
    day = day_of(path)
    if day is None:
        return Verified(path, 0, ["is no day's file; the server does not read it"])
    if not is_readable(path, whole=True):
        # A server that runs replaces files, and sets damaged ones aside.
        return Verified(path, 0, ["cannot be read"] if path.exists() else [])
    source = f"read_parquet({quote(str(path))}, file_row_number = true)"
    try:
        ((rows, first, last, unsorted),) = database.execute(
            "SELECT count(*), min(taken_at), max(taken_at), "  # noqa: S608 (a quoted path)
            "count(*) FILTER ((series, taken_at) < before) FROM (SELECT series, taken_at, "
            f"lag((series, taken_at)) OVER (ORDER BY file_row_number) AS before FROM {source})"
        ).fetchall()
        series = database.execute(f"SELECT DISTINCT series FROM {source} ORDER BY 1").fetchall()  # noqa: S608
    except duckdb.Error as error:
        return Verified(path, 0, [str(error).partition("\n")[0]])
    problems: list[str] = []
    if unsorted:
        problems.append(f"{unsorted:,} readings are not in the order of points and times")
    if rows and (first // DAY_MS != day or last // DAY_MS != day):
        problems.append("holds readings of another day")
    unknown = [number for (number,) in series if number not in known]
    if unknown:
        some = ", ".join(map(str, unknown[:_NAMED])) + (", ..." if len(unknown) > _NAMED else "")
        problems.append(f"holds readings of {len(unknown):,} points that nobody knows ({some})")
    return Verified(path, rows, problems)
