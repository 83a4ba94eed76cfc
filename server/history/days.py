"""Past days: one Parquet file per UTC day, sorted by (series, taken_at), nothing twice.

The table ``days`` says which file holds a day. A file is complete and on disk before the
transaction that names it, and that same transaction removes its rows from the hot table, so a
crash at any moment leaves either the rows or the file that replaces them.
"""

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import structlog

from server.core.errors import StoreError
from server.history.columns import COLUMNS, same_row
from server.history.damage import OnDamage, set_aside
from server.history.database import Database

DAY_MS = 86_400_000
DAYS = "days (day BIGINT NOT NULL, file VARCHAR)"
"""The table of the files."""
_PLACES = 2**42
"""More than a file or the hot table can have rows."""
PLACE_IN_FILE = f"taken_at::HUGEINT * {2 * _PLACES} + file_row_number"
PLACE_IN_HOT = f"taken_at::HUGEINT * {2 * _PLACES} + {_PLACES} + rowid"
"""Order of rows by instant and, within one, as they came: what is hot came after its day's file."""
_SEAL_AFTER_MS = 2 * 3_600_000
"""A day is sealed this long after its end; most late readings have come by then."""

_log = structlog.get_logger()
# pyarrow carries no types.
_pa: Any = pa
_pq: Any = pq


class DayFiles:
    """The Parquet files of a history folder."""

    def __init__(self, database: Database, folder: Path, on_damage: OnDamage) -> None:
        self._database = database
        self._folder = folder
        self._on_damage = on_damage
        self._check_all()

    def between(self, cursor: Any, start_ms: int, end_ms: int) -> list[str]:  # noqa: ANN401 (cursor)
        """Return the files that hold ``start_ms <= taken_at < end_ms``, oldest first."""
        rows = cursor.execute(
            "SELECT file FROM days WHERE day BETWEEN ? AND ? ORDER BY day",
            [start_ms // DAY_MS, (end_ms - 1) // DAY_MS],
        ).fetchall()
        return [str(self._folder / file) for (file,) in rows]

    def seal_past(self, now_ms: int) -> None:
        """Move the hot rows of past days into their files, late ones included.

        Raises:
            StoreError: The remaining days stay in the hot table until the next call.
        """
        end = (now_ms - _SEAL_AFTER_MS) // DAY_MS * DAY_MS
        with self._database.cursor() as cursor:
            days = cursor.execute(
                "SELECT DISTINCT taken_at // ? FROM hot WHERE taken_at < ? ORDER BY 1",
                [DAY_MS, end],
            ).fetchall()
        for (day,) in days:
            try:
                self._seal(int(day))
            except StoreError:
                self.check_between(int(day) * DAY_MS, (int(day) + 1) * DAY_MS)
                raise

    def delete_before(self, oldest_ms: int) -> None:
        """Delete the files and the hot rows of days before the one of ``oldest_ms``."""
        day = oldest_ms // DAY_MS
        with self._database.transaction() as cursor:
            files = cursor.execute("SELECT file FROM days WHERE day < ?", [day]).fetchall()
            cursor.execute("DELETE FROM days WHERE day < ?", [day])
            remember_latest(cursor, 0, day * DAY_MS)
            cursor.execute("DELETE FROM hot WHERE taken_at < ?", [day * DAY_MS])
        for (file,) in files:
            (self._folder / file).unlink(missing_ok=True)
            _log.info("history_day_deleted", file=file)

    def check(self, paths: Iterable[str]) -> list[str]:
        """Read these files through, set the damaged ones aside and return their names."""
        broken = [path for path in map(Path, paths) if not _is_readable(path, whole=True)]
        for path in broken:
            self._set_aside(path)
        return [path.name for path in broken]

    def check_between(self, start_ms: int, end_ms: int) -> None:
        """Read the files of a range through and set the damaged ones aside."""
        with self._database.cursor() as cursor:
            files = self.between(cursor, start_ms, end_ms)
        self.check(files)

    def _seal(self, day: int) -> None:
        """Write the day's file anew from the hot rows and the file there is."""
        bounds = [day * DAY_MS, (day + 1) * DAY_MS]
        with self._database.transaction() as cursor:
            old = self.between(cursor, *bounds)
            path = self._folder / _next_name(day, old)
            _write(cursor, path, old=old, bounds=bounds)
            remember_latest(cursor, *bounds)
            cursor.execute("DELETE FROM hot WHERE taken_at >= ? AND taken_at < ?", bounds)
            cursor.execute("DELETE FROM days WHERE day = ?", [day])
            cursor.execute("INSERT INTO days VALUES (?, ?)", [day, path.name])
        for file in old:
            Path(file).unlink(missing_ok=True)
        _log.info("history_day_sealed", file=path.name, bytes=path.stat().st_size)

    def _check_all(self) -> None:
        """Agree with the folder: drop a crash's rests, adopt lost files, set broken ones aside."""
        for leftover in self._folder.glob("*.tmp"):
            leftover.unlink()
        with self._database.cursor() as cursor:
            known = dict(cursor.execute("SELECT file, day FROM days").fetchall())
        for file in known:
            if not _is_readable(self._folder / file, whole=False):
                self._set_aside(self._folder / file)
        with self._database.cursor() as cursor:
            known = dict(cursor.execute("SELECT file, day FROM days").fetchall())
        for path in sorted(self._folder.glob("*.parquet")):
            if path.name not in known:
                self._decide_about(path, named=set(known.values()))

    def _decide_about(self, path: Path, *, named: set[int]) -> None:
        """Decide about a file that no row names."""
        day = _day_of(path)
        if day is None:
            _log.warning("history_file_unknown", file=path.name)
        elif day in named:
            # Replaced, or written by a transaction that never committed: its rows are elsewhere.
            path.unlink()
        elif _is_readable(path, whole=False) and self._adopted(path, day):
            named.add(day)
        else:
            self._set_aside(path)

    def _adopted(self, path: Path, day: int) -> bool:
        """Take in a file; False when it is damaged beyond its footer."""
        try:
            self._adopt(path, day)
        except StoreError:
            if _is_readable(path, whole=True):
                raise
            return False
        return True

    def _adopt(self, path: Path, day: int) -> None:
        """Take in a complete file; rows that are hot as well leave the hot table."""
        bounds = [day * DAY_MS, (day + 1) * DAY_MS]
        with self._database.transaction() as cursor:
            cursor.execute(
                f"DELETE FROM hot USING (SELECT {COLUMNS} FROM read_parquet(?)) AS old "  # noqa: S608
                f"WHERE {same_row('hot', 'old')} AND hot.taken_at >= ? AND hot.taken_at < ?",
                [[str(path)], *bounds],
            )
            cursor.execute("INSERT INTO days VALUES (?, ?)", [day, path.name])
            remember_latest(cursor, *bounds, source=[str(path)])
        _log.info("history_file_adopted", file=path.name)

    def _set_aside(self, path: Path) -> None:
        with self._database.transaction() as cursor:
            cursor.execute("DELETE FROM days WHERE file = ?", [path.name])
        set_aside(path, "no Parquet file that can be read", self._on_damage)


def remember_latest(
    cursor: Any,  # noqa: ANN401 (cursor)
    start_ms: int,
    end_ms: int,
    *,
    source: list[str] | None = None,
) -> None:
    """Keep the newest row of each series in ``latest``: the files are not searched for it."""
    place = PLACE_IN_HOT if source is None else PLACE_IN_FILE
    table = "hot" if source is None else "read_parquet($source, file_row_number = true)"
    # A window function would be shorter, but it keeps the whole day in memory.
    cursor.execute(
        "CREATE OR REPLACE TEMP TABLE newest AS "  # noqa: S608 (constants)
        f"WITH every AS (SELECT {COLUMNS}, rowid - {_PLACES} AS place FROM latest "
        f"UNION ALL SELECT {COLUMNS}, {place} AS place FROM {table} "
        "WHERE taken_at >= $start AND taken_at < $end), "
        "last AS (SELECT series, max(taken_at) AS taken_at FROM every GROUP BY series) "
        f"SELECT {COLUMNS}, place FROM every JOIN last USING (series, taken_at)",
        {"start": start_ms, "end": end_ms} | ({} if source is None else {"source": source}),
    )
    # A file that is adopted may have been known before.
    kind = "" if source is None else f"DISTINCT ON ({COLUMNS})"
    cursor.execute("DELETE FROM latest")
    cursor.execute(
        f"INSERT INTO latest SELECT {COLUMNS} FROM "  # noqa: S608 (constants)
        f"(SELECT {kind} {COLUMNS}, place FROM newest) ORDER BY series, place"
    )
    cursor.execute("DROP TABLE newest")


def _write(cursor: Any, path: Path, *, old: list[str], bounds: list[int]) -> None:  # noqa: ANN401
    """Write hot rows and old file as one sorted file that is on disk when this returns.

    No row is in both: late readings were compared with the file before they became hot.
    """
    hot = f"{COLUMNS}, {PLACE_IN_HOT} AS place FROM hot"
    source = f"(SELECT {hot} WHERE taken_at >= {bounds[0]} AND taken_at < {bounds[1]})"
    if old:
        # Sorting a table goes to disk when memory ends; sorting what is read from Parquet does not.
        cursor.execute(
            f"CREATE OR REPLACE TEMP TABLE whole_day AS FROM {source} UNION ALL "  # noqa: S608
            f"SELECT {COLUMNS}, {PLACE_IN_FILE} AS place "
            f"FROM read_parquet({_quoted(old)}, file_row_number = true)"
        )
        source = "whole_day"
    partial = path.with_suffix(".tmp")
    cursor.execute(
        f"COPY (SELECT {COLUMNS} FROM {source} ORDER BY series, place) "  # noqa: S608
        f"TO {_quote(str(partial))} (FORMAT parquet, COMPRESSION zstd)"
    )
    cursor.execute("DROP TABLE IF EXISTS temp.whole_day")
    _sync(partial)
    partial.replace(path)
    _sync(path.parent)


def _quoted(paths: list[str]) -> str:
    return "[" + ", ".join(map(_quote, paths)) + "]"


def _quote(path: str) -> str:
    return "'" + path.replace("'", "''") + "'"


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _next_name(day: int, old: list[str]) -> str:
    """Name the day's next file: a file is never overwritten, somebody may be reading it."""
    date = datetime.fromtimestamp(day * DAY_MS / 1000, tz=UTC).strftime("%Y-%m-%d")
    if not old:
        return f"{date}.parquet"
    _, _, generation = Path(old[0]).stem.partition("_")
    return f"{date}_{int(generation or 1) + 1}.parquet"


def _day_of(path: Path) -> int | None:
    try:
        date = datetime.strptime(path.stem.partition("_")[0], "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(date.timestamp() * 1000) // DAY_MS


def _is_readable(path: Path, *, whole: bool) -> bool:
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
