"""Past days: one Parquet file per UTC day, sorted by (series, taken_at), nothing twice.

The table ``days`` says which file holds a day. A file is complete and on disk before the
transaction that names it, and that same transaction removes its rows from the tables, so a crash at
any moment leaves either the rows or the file that replaces them.
"""

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import structlog

from server.core.errors import StoreError
from server.history.columns import COLUMNS, same_row
from server.history.damage import OnDamage, set_aside
from server.history.database import Database
from server.history.day_file import copy_rows, day_of, is_readable, next_name, write_day
from server.history.files import quoted
from server.history.latest import remember_latest
from server.history.ordered import forget_open, undo_order
from server.history.sealed_rollups import SealedRollups
from server.history.slices import DAY_MS
from server.history.thinning import Due, Thinning

DAYS = "days (day BIGINT NOT NULL, file VARCHAR)"
"""The table of the files."""
_ANY_BEFORE = (
    "SELECT EXISTS (FROM hot WHERE taken_at < $end) OR EXISTS (FROM ordered WHERE taken_at < $end)"
)
_SEAL_AFTER_MS = 2 * 3_600_000
"""A day is sealed this long after its end; most late readings have come by then."""
_REST_S = 0.05
_TOLD = 30
"""After so many days it is said how far it is."""
_log = structlog.get_logger()


class DayFiles:
    """The Parquet files of a history folder."""

    def __init__(self, database: Database, folder: Path, on_damage: OnDamage) -> None:
        self._database = database
        self._folder = folder
        self._on_damage = on_damage
        self.rollups = SealedRollups(database, folder)
        self._check_all()

    def between(self, cursor: Any, start_ms: int, end_ms: int) -> list[str]:  # noqa: ANN401 (cursor)
        """Return the files that hold ``start_ms <= taken_at < end_ms``, oldest first."""
        rows = cursor.execute(
            "SELECT file FROM days WHERE day BETWEEN ? AND ? ORDER BY day",
            [start_ms // DAY_MS, (end_ms - 1) // DAY_MS],
        ).fetchall()
        return [str(self._folder / file) for (file,) in rows]

    def seal_past(self, now_ms: int) -> None:
        """Move the rows of past days into their files, late ones included.

        Raises:
            StoreError: The remaining days stay in the tables until the next call.
        """
        end = (now_ms - _SEAL_AFTER_MS) // DAY_MS * DAY_MS
        with self._database.cursor() as cursor:
            days = cursor.execute(
                "SELECT DISTINCT taken_at // $day FROM hot WHERE taken_at < $end UNION "
                "SELECT DISTINCT taken_at // $day FROM ordered WHERE taken_at < $end ORDER BY 1",
                {"day": DAY_MS, "end": end},
            ).fetchall()
        for (day,) in days:
            try:
                self._seal(int(day))
            except StoreError:
                self.check_between(int(day) * DAY_MS, (int(day) + 1) * DAY_MS)
                raise

    def roll_up(self, stopping: threading.Event) -> None:
        """Roll up the files that are not yet, until told to stop.

        Raises:
            StoreError: The remaining ones are read as they are until the next call.
        """
        missing = self.rollups.missing()
        for number, (day, file) in enumerate(missing, start=1):
            # What is read meanwhile has the disk and the cores for itself now and then.
            if stopping.wait(_REST_S):
                return
            try:
                self.rollups.add(day, self._folder / file)
            except StoreError:
                self.check_between(day * DAY_MS, (day + 1) * DAY_MS)
                raise
            if number % _TOLD == 0 or number == len(missing) > 1:
                _log.info("history_rolled_up", days=number, of=len(missing))

    def thin_out(self, due: Due, thinning: Thinning) -> None:
        """Write the file of a day anew without what the rules drop of it.

        Raises:
            StoreError: It stays as it is until the next call.
        """
        bounds = [due.day * DAY_MS, (due.day + 1) * DAY_MS]
        try:
            self._thin_out(due, thinning, bounds)
        except StoreError:
            self.check_between(*bounds)
            raise

    def _thin_out(self, due: Due, thinning: Thinning, bounds: list[int]) -> None:
        with self._database.transaction() as cursor:
            old = self.between(cursor, *bounds)
            drop = thinning.condition(cursor, due.rules, old)
            source = f"read_parquet({quoted(old)}, file_row_number = true)"
            ((dropped,),) = cursor.execute(
                f"SELECT count(*) FROM {source} WHERE {drop}"  # noqa: S608 (paths and numbers)
            ).fetchall()
            path = self._folder / next_name(due.day, old)
            if dropped:
                rest = f"SELECT {COLUMNS} FROM {source} WHERE NOT ({drop}) ORDER BY file_row_number"  # noqa: S608
                copy_rows(cursor, path, rest)
                cursor.execute("UPDATE days SET file = ? WHERE day = ?", [path.name, due.day])
            thinning.note(cursor, due)
        if dropped:
            for file in old:
                Path(file).unlink(missing_ok=True)
            _log.info("history_day_thinned", file=path.name, dropped=dropped)

    def delete_before(self, oldest_ms: int) -> None:
        """Delete the files and the rows of days before the one of ``oldest_ms``."""
        day = oldest_ms // DAY_MS
        with self._database.transaction() as cursor:
            files = cursor.execute("SELECT file FROM days WHERE day < ?", [day]).fetchall()
            cursor.execute("DELETE FROM days WHERE day < ?", [day])
            if cursor.execute(_ANY_BEFORE, {"end": day * DAY_MS}).fetchall() == [(True,)]:
                remember_latest(cursor, 0, day * DAY_MS)
                forget_open(cursor, 0, day * DAY_MS)
            self.rollups.forget_before(cursor, day)
        for (file,) in files:
            (self._folder / file).unlink(missing_ok=True)
            self.rollups.path_of(file).unlink(missing_ok=True)
            _log.info("history_day_deleted", file=file)

    def check(self, paths: Iterable[str]) -> list[str]:
        """Read these files through, set the damaged ones aside and return their names."""
        broken = [path for path in map(Path, paths) if not is_readable(path, whole=True)]
        for path in broken:
            self._set_aside(path)
        return [path.name for path in broken]

    def check_between(self, start_ms: int, end_ms: int) -> None:
        """Read the files of a range through and set the damaged ones aside."""
        with self._database.cursor() as cursor:
            files = self.between(cursor, start_ms, end_ms)
        self.check(files)

    def _seal(self, day: int) -> None:
        """Write the day's file anew from the tables and the file there is."""
        bounds = [day * DAY_MS, (day + 1) * DAY_MS]
        with self._database.transaction() as cursor:
            old = self.between(cursor, *bounds)
            path = self._folder / next_name(day, old)
            write_day(cursor, path, old=old, bounds=bounds)
            remember_latest(cursor, *bounds)
            forget_open(cursor, *bounds)
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
            if not is_readable(self._folder / file, whole=False):
                self._set_aside(self._folder / file)
        with self._database.cursor() as cursor:
            known = dict(cursor.execute("SELECT file, day FROM days").fetchall())
        for path in sorted(self._folder.glob("*.parquet")):
            if path.name not in known:
                self._decide_about(path, named=set(known.values()))

    def _decide_about(self, path: Path, *, named: set[int]) -> None:
        """Decide about a file that no row names."""
        day = day_of(path)
        if day is None:
            _log.warning("history_file_unknown", file=path.name)
        elif day in named:
            # Replaced, or written by a transaction that never committed: its rows are elsewhere.
            path.unlink()
        elif is_readable(path, whole=False) and self._adopted(path, day):
            named.add(day)
        else:
            self._set_aside(path)

    def _adopted(self, path: Path, day: int) -> bool:
        """Take in a file; False when it is damaged beyond its footer."""
        try:
            self._adopt(path, day)
        except StoreError:
            if is_readable(path, whole=True):
                raise
            return False
        return True

    def _adopt(self, path: Path, day: int) -> None:
        """Take in a complete file; rows that are in the tables as well leave these."""
        bounds = [day * DAY_MS, (day + 1) * DAY_MS]
        with self._database.transaction() as cursor:
            undo_order(cursor, *bounds)
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
            named = cursor.execute("SELECT day FROM days WHERE file = ?", [path.name]).fetchall()
            for (day,) in named:
                self.rollups.forget(cursor, day)
            cursor.execute("DELETE FROM days WHERE file = ?", [path.name])
        set_aside(path, "no Parquet file that can be read", self._on_damage)
