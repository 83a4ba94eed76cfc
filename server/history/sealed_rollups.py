"""Roll-ups of past days: hours in the database, minutes in a Parquet file beside each day's.

The table ``rolled`` says of which day file they were made. They are used as long as ``days`` names
that file, and made anew from another one, so they can be lost without harm.
"""

from pathlib import Path
from typing import Any

import structlog

from server.core.errors import StoreError
from server.history.columns import COLUMNS
from server.history.database import Database
from server.history.files import quote, sync
from server.history.rollups import (
    ROLLUP_COLUMNS,
    SEALED,
    among,
    dense_series,
    forget_parts,
    rolled_up,
)
from server.history.slices import DAY_MS, HOUR_MS, MINUTE_MS

ROLLED = "rolled (day BIGINT NOT NULL, file VARCHAR NOT NULL, has_minutes BOOLEAN NOT NULL)"
BY_MINUTE = "by_minute (series BIGINT NOT NULL, day BIGINT NOT NULL)"
"""Which series of a day are in its file of minutes."""
CLUSTERED = "clustered (span BIGINT NOT NULL, days BIGINT NOT NULL)"
"""How many days of a span were rolled up when its hours were put in order."""
_SPAN_DAYS = 64
_LOOSE_DAYS = 4
_IS_SEALED = f"run = {SEALED}"
_log = structlog.get_logger()


class SealedRollups:
    """Makes, names and forgets the roll-ups of day files."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        # Who reads the folder as a data set passes over names that begin like this.
        self._folder = folder / "_minutes"
        self._agree()

    def path_of(self, file: str) -> Path:
        """Return where the minutes of a day file are."""
        return self._folder / file

    def add(self, day: int, path: Path) -> None:
        """Roll up the file of a day; until that is committed it is read as it is.

        Raises:
            StoreError: It cannot be read, or there is no room.
        """
        source = (
            f"SELECT {COLUMNS}, file_row_number AS place "  # noqa: S608 (constants)
            f"FROM read_parquet({quote(str(path))}, file_row_number = true)"
        )
        with self._database.transaction() as cursor:
            self.forget(cursor, day)
            cursor.execute(
                f"INSERT INTO hours ({ROLLUP_COLUMNS}) {rolled_up(source, HOUR_MS, run=SEALED)}"
            )
            dense = [series for (series,) in cursor.execute(dense_series(source)).fetchall()]
            if dense:
                some = f"{source} WHERE {among(dense)}"
                self._write(cursor, path.name, rolled_up(some, MINUTE_MS, run=SEALED))
                cursor.executemany(
                    "INSERT INTO by_minute VALUES (?, ?)", [(series, day) for series in dense]
                )
            cursor.execute("INSERT INTO rolled VALUES (?, ?, ?)", [day, path.name, bool(dense)])
        self.sweep()

    def forget(self, cursor: Any, day: int) -> None:  # noqa: ANN401 (cursor)
        """Forget the roll-ups of a day, in a transaction."""
        forget_parts(cursor, day * DAY_MS, (day + 1) * DAY_MS, which=_IS_SEALED)
        for table in ("rolled", "by_minute"):
            cursor.execute(f"DELETE FROM {table} WHERE day = ?", [day])  # noqa: S608 (constants)

    def forget_before(self, cursor: Any, day: int) -> None:  # noqa: ANN401 (cursor)
        """Forget all that is rolled up of the days before this one, in a transaction."""
        forget_parts(cursor, 0, day * DAY_MS)
        for table in ("rolled", "by_minute"):
            cursor.execute(f"DELETE FROM {table} WHERE day < ?", [day])  # noqa: S608 (constants)
        cursor.execute("DELETE FROM clustered WHERE span < ?", [day // _SPAN_DAYS])

    def missing(self) -> list[tuple[int, str]]:
        """Return the days and files that are not rolled up, newest first."""
        with self._database.cursor() as cursor:
            return cursor.execute(
                "SELECT day, file FROM days ANTI JOIN rolled USING (day, file) ORDER BY day DESC"
            ).fetchall()

    def cluster(self) -> None:
        """Put the hours of some weeks in order of series: a year of one is then found at once.

        Raises:
            StoreError: They lie as they did.
        """
        with self._database.cursor() as cursor:
            due = cursor.execute(_DUE, {"days": _SPAN_DAYS, "loose": _LOOSE_DAYS}).fetchall()
        for span, days in due:
            first = span * _SPAN_DAYS
            bounds = [first * DAY_MS, (first + _SPAN_DAYS) * DAY_MS]
            with self._database.transaction() as cursor:
                cursor.execute(
                    f"CREATE OR REPLACE TEMP TABLE span AS FROM hours {_OF_SPAN}", bounds
                )
                cursor.execute(f"DELETE FROM hours {_OF_SPAN}", bounds)  # noqa: S608 (constants)
                cursor.execute("INSERT INTO hours FROM span ORDER BY series, since, run")
                cursor.execute("DROP TABLE span")
                cursor.execute("DELETE FROM clustered WHERE span = ?", [span])
                cursor.execute("INSERT INTO clustered VALUES (?, ?)", [span, days])

    def sweep(self) -> None:
        """Delete the files of minutes that nothing names."""
        named = set(self._named())
        for path in self._folder.glob("*"):
            if path.name not in named:
                path.unlink(missing_ok=True)

    def check(self, paths: list[str]) -> bool:
        """Forget those of these files of minutes that cannot be read; return whether there were."""
        broken = [path for path in map(Path, paths) if not self._is_readable(path)]
        for path in broken:
            self._give_up(path.name)
        return bool(broken)

    def _agree(self) -> None:
        """After a start: what is named is there, and what is not named is not."""
        for file in self._named():
            if not self.path_of(file).exists():
                self._give_up(file)
        if self._folder.exists():
            self.sweep()

    def _named(self) -> list[str]:
        with self._database.cursor() as cursor:
            rows: list[tuple[str]] = cursor.execute(
                "SELECT file FROM rolled WHERE has_minutes"
            ).fetchall()
        return [file for (file,) in rows]

    def _give_up(self, file: str) -> None:
        """Forget a file of minutes; its day is rolled up anew."""
        _log.warning("history_minutes_lost", file=file)
        with self._database.transaction() as cursor:
            rows = cursor.execute("SELECT day FROM rolled WHERE file = ?", [file]).fetchall()
            for (day,) in rows:
                self.forget(cursor, day)
        self.path_of(file).unlink(missing_ok=True)

    def _is_readable(self, path: Path) -> bool:
        try:
            with self._database.cursor() as cursor:
                cursor.execute(
                    f"SELECT sum(hash(*COLUMNS(*))::HUGEINT) FROM read_parquet({quote(str(path))})"  # noqa: S608
                ).fetchall()
        except StoreError:
            return False
        return True

    def _write(self, cursor: Any, file: str, query: str) -> None:  # noqa: ANN401 (cursor)
        self._folder.mkdir(exist_ok=True)
        partial = self.path_of(file).with_suffix(".tmp")
        cursor.execute(
            f"COPY ({query}) TO {quote(str(partial))} "
            "(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 20480)"
        )
        sync(partial)
        partial.replace(self.path_of(file))
        sync(self._folder)


_OF_SPAN = "WHERE since >= ? AND since < ?"
_DUE = """
    SELECT span, rolled_up.days
    FROM (SELECT day // $days AS span, count(*) AS days FROM rolled GROUP BY span) AS rolled_up
    LEFT JOIN clustered USING (span)
    WHERE rolled_up.days - coalesce(clustered.days, 0) >= $loose
       OR (rolled_up.days != coalesce(clustered.days, 0)
           AND span < (SELECT max(day) // $days FROM rolled))
    ORDER BY span
"""
