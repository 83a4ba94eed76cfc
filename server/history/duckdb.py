"""The embedded history: DuckDB for the newest days, a Parquet file for each past day."""

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from protocols.reading import Quality
from server.core.errors import StoreError
from server.history.base import Batch, Bucket, LastValue, Row, slice_width
from server.history.columns import (
    COLUMNS,
    KEY,
    TABLE,
    VALUE_COLUMNS,
    arrow_table,
    numbered_table,
    pick,
    same_row,
    value_of,
)
from server.history.damage import Damage, files_aside
from server.history.database import Database
from server.history.days import DAY_MS, DAYS, PLACE_IN_FILE, PLACE_IN_HOT, DayFiles
from server.history.packed import bucket_of, pack, row_of
from server.history.recovery import recover

T = TypeVar("T")
Fetch = Callable[[Any, str, dict[str, Any]], T]


class DuckHistory:
    """A folder with ``history.duckdb`` and one Parquet file per past UTC day.

    A reading newer than all of its series is appended without a look at what is there; only the
    others are compared with the hot table and the files of their days.
    """

    def __init__(
        self, folder: Path, *, memory_limit_mb: int = 256, retention_days: int = 1825
    ) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"history.path {folder}: {error.strerror}") from error
        self._folder = folder
        self._retention_days = retention_days
        self._damages: SimpleQueue[Damage] = SimpleQueue()
        self._database = Database(
            folder / "history.duckdb",
            memory_limit_mb=memory_limit_mb,
            tables=(f"hot {TABLE}", f"latest {TABLE}", DAYS),
            on_damage=self._damages.put,
        )
        self._known = threading.Lock()
        self._known_renewals = -1
        self._newest: dict[int, int] = {}
        self._know_the_file()

    def damages(self) -> list[Damage]:
        """Return the files that were found damaged since the last call, from any thread."""
        found: list[Damage] = []
        with suppress(Empty):
            while True:
                found.append(self._damages.get_nowait())
        return found

    @property
    def aside(self) -> list[str]:
        """Names of the damaged files in the folder."""
        return files_aside(self._folder)

    def append(self, batch: Batch) -> None:
        """Store the batch in one transaction."""
        if not len(batch):
            return
        self._know_the_file()
        before = {series: self._newest.get(series) for series in set(batch.series)}
        late = self._note_newest(batch)
        stored = False
        try:
            self._store(batch, late)
            stored = True
        finally:
            if not stored:
                self._newest.update((s, at) for s, at in before.items() if at is not None)
                for series in [series for series, at in before.items() if at is None]:
                    self._newest.pop(series, None)

    def buckets(self, series_id: int, start_ms: int, end_ms: int, buckets: int) -> list[Bucket]:
        """Summarise a range in equal slices."""
        width = slice_width(start_ms, end_ms, buckets)
        rows = self._select(_buckets(width), _as_rows, series_id, start_ms, end_ms)
        return [bucket_of(start_ms, width, row) for row in rows]

    def packed_buckets(self, series_id: int, start_ms: int, end_ms: int, buckets: int) -> bytes:
        """Summarise a range in equal slices, for another process."""
        query = _buckets(slice_width(start_ms, end_ms, buckets))
        return self._select(query, _as_bytes, series_id, start_ms, end_ms)

    def raw(self, series_id: int, start_ms: int, end_ms: int, limit: int) -> list[Row]:
        """Return the first rows of a range, oldest first."""
        rows = self._select(_raw(limit), _as_rows, series_id, start_ms, end_ms)
        return [row_of(row) for row in rows]

    def packed_raw(self, series_id: int, start_ms: int, end_ms: int, limit: int) -> bytes:
        """Return the first rows of a range, for another process."""
        return self._select(_raw(limit), _as_bytes, series_id, start_ms, end_ms)

    def last_values(self) -> Iterable[LastValue]:
        """Return the newest row of every series."""
        self._know_the_file()
        try:
            return self._last_values()
        except StoreError:
            self._know_the_file()  # a damaged file has been replaced, or it fails again
            return self._last_values()

    def _last_values(self) -> list[LastValue]:
        with self._database.cursor() as cursor:
            rows: list[Any] = cursor.execute(_LAST).fetchall()
        return [
            LastValue(series, value_of(*values), Quality(quality), at, reason or "")
            for series, at, *values, quality, reason in rows
        ]

    def maintain(self, now_ms: int) -> None:
        """Delete what is older than the retention and seal past days."""
        self._know_the_file()
        self._days.delete_before((now_ms // DAY_MS - self._retention_days) * DAY_MS)
        self._days.seal_past(now_ms)

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def _know_the_file(self) -> None:
        """After a start and whenever a new file was begun: what is in it, and beside it.

        Raises:
            StoreError: It cannot be read now.
        """
        if self._known_renewals == self._database.renewals:
            return
        with self._known:
            # What is met on the way may be damaged as well, and replaced; then it begins anew.
            while self._known_renewals != (renewals := self._database.renewals):
                try:
                    self._recover()
                    self._days = DayFiles(self._database, self._folder, self._damages.put)
                    self._newest = {one.series_id: one.taken_at for one in self._last_values()}
                except StoreError:
                    if self._database.renewals == renewals:
                        raise
                    continue
                self._known_renewals = renewals

    def _recover(self) -> None:
        given_up = self._database.given_up
        while given_up:
            recover(self._database, given_up[0])
            given_up.pop(0)

    def _note_newest(self, batch: Batch) -> list[int]:
        """Move the newest instants on; return the rows that are not newer than all before."""
        newest = self._newest
        find = newest.get
        late: list[int] = []
        for row, (series, taken_at) in enumerate(zip(batch.series, batch.taken_at, strict=True)):
            if taken_at > find(series, -1):
                newest[series] = taken_at
            else:
                late.append(row)
        return late

    def _store(self, batch: Batch, late: list[int]) -> None:
        late_rows = _without_copies(pick(batch, late))
        if late:
            passed = set(late)
            batch = pick(batch, [row for row in range(len(batch)) if row not in passed])
        try:
            with self._database.transaction() as cursor:
                if len(batch):
                    _insert_new(cursor, batch)
                if late:
                    self._insert_late(cursor, late_rows)
        except StoreError:
            if late:
                self._days.check_between(min(late_rows.taken_at), max(late_rows.taken_at) + 1)
            raise

    def _insert_late(self, cursor: Any, batch: Batch) -> None:  # noqa: ANN401 (cursor)
        """Add those rows that are in neither the hot table nor the file of their day."""
        start, end = min(batch.taken_at), max(batch.taken_at) + 1
        files = self._days.between(cursor, start, end)
        parameters: dict[str, Any] = {"start": start, "end": end}
        if files:
            parameters["files"] = files
        there = _THERE + _THERE_IN_FILES if files else _THERE
        cursor.register("incoming", numbered_table(batch))
        cursor.execute(_ADD_LATE.replace("$there", there), parameters)
        cursor.unregister("incoming")

    def _select(self, query: str, fetch: Fetch[T], series_id: int, start_ms: int, end_ms: int) -> T:
        """Run a query over the rows of a series, hot and sealed."""
        self._know_the_file()
        files: list[str] = []
        try:
            return self._select_once(query, fetch, files, [series_id, start_ms, end_ms])
        except StoreError as error:
            self._know_the_file()
            # Either the file was replaced by a newer one meanwhile, or it is damaged.
            broken = self._days.check([file for file in files if Path(file).exists()])
            if broken:
                raise StoreError(f"damaged history files set aside: {', '.join(broken)}") from error
            return self._select_once(query, fetch, [], [series_id, start_ms, end_ms])

    def _select_once(self, query: str, fetch: Fetch[T], files: list[str], bounds: list[int]) -> T:
        names = ("series", "start", "end")
        parameters: dict[str, Any] = dict(zip(names, bounds, strict=True))
        source = _HOT
        with self._database.transaction() as cursor:
            files.extend(self._days.between(cursor, bounds[1], bounds[2]))
            if files:
                source += _FILES
                parameters["files"] = files
            return fetch(cursor, query.replace("$source", source), parameters)


def _as_rows(cursor: Any, query: str, parameters: dict[str, Any]) -> list[Any]:  # noqa: ANN401
    return cursor.execute(query, parameters).fetchall()


def _as_bytes(cursor: Any, query: str, parameters: dict[str, Any]) -> bytes:  # noqa: ANN401
    return pack(cursor.sql(query, params=parameters).to_arrow_table())


def _raw(limit: int) -> str:
    return _RAW.replace("$limit", str(int(limit)))


def _buckets(width: int) -> str:
    return _BUCKETS.replace("$width", str(width))


def _insert_new(cursor: Any, batch: Batch) -> None:  # noqa: ANN401 (cursor)
    cursor.register("incoming", arrow_table(batch))
    cursor.execute(f"INSERT INTO hot SELECT {COLUMNS} FROM incoming")  # noqa: S608 (constants)
    cursor.unregister("incoming")


def _without_copies(batch: Batch) -> Batch:
    """Keep the first of rows that say the same, as a message and its resend in one batch."""
    columns = (batch.series, batch.taken_at, batch.values, batch.quality, batch.reason)
    first: dict[tuple[object, ...], int] = {}
    for row, row_values in enumerate(zip(*columns, strict=True)):
        # In Python True is 1 and 1 is 1.0.
        first.setdefault((*row_values, batch.values[row].__class__, batch.nth.get(row, 0)), row)
    return batch if len(first) == len(batch) else pick(batch, list(first.values()))


_THERE = f"SELECT {COLUMNS} FROM hot"  # noqa: S608 (constants)
_THERE_IN_FILES = f" UNION ALL SELECT {COLUMNS} FROM read_parquet($files)"  # noqa: S608
_ADD_LATE = f"""
    INSERT INTO hot SELECT {", ".join(f"incoming.{name}" for name in KEY)}
    FROM incoming LEFT JOIN (
        SELECT {COLUMNS}, count(*) AS times
        FROM ($there) SEMI JOIN incoming USING (series, taken_at)
        WHERE taken_at >= $start AND taken_at < $end
        GROUP BY {COLUMNS}
    ) AS stored ON {same_row("incoming", "stored")}
    WHERE coalesce(stored.times, 0) <= incoming.nth
    ORDER BY incoming.row
"""  # noqa: S608 (constants)
_WHERE = "WHERE series = $series AND taken_at >= $start AND taken_at < $end"
_HOT = f"SELECT {COLUMNS}, {PLACE_IN_HOT} AS place FROM hot {_WHERE}"  # noqa: S608 (constants)
_FILES = (
    f" UNION ALL SELECT {COLUMNS}, {PLACE_IN_FILE} AS place "  # noqa: S608 (constants)
    f"FROM read_parquet($files, file_row_number = true) {_WHERE}"
)
_RAW = (
    f"SELECT taken_at, {VALUE_COLUMNS}, quality, reason FROM ($source) "  # noqa: S608 (constants)
    "ORDER BY place LIMIT $limit"
)
_LAST = f"""
    WITH every AS (SELECT {COLUMNS}, 0 AS part, rowid AS place FROM latest
                   UNION ALL SELECT {COLUMNS}, 1 AS part, rowid AS place FROM hot),
         newest AS (SELECT series, max(taken_at) AS taken_at FROM every GROUP BY series)
    SELECT {COLUMNS} FROM every JOIN newest USING (series, taken_at) ORDER BY series, part, place
"""  # noqa: S608 (constants)
_VALUE = "struct_pack(n := number, i := integer, l := large, b := boolean, t := text)"
_BUCKETS = f"""
    SELECT (taken_at - $start) // $width AS slice,
           min(number) FILTER (good), min(whole) FILTER (good),
           avg(coalesce(number, whole::DOUBLE)) FILTER (good),
           max(number) FILTER (good), max(whole) FILTER (good),
           arg_min(value, place) FILTER (good), arg_max(value, place) FILTER (good),
           count(*) FILTER (good), count(*) FILTER (NOT good)
    FROM (SELECT *, quality = {int(Quality.GOOD)} AS good, {_VALUE} AS value,
                 coalesce(integer::HUGEINT, large::HUGEINT, boolean::HUGEINT) AS whole
          FROM ($source))
    GROUP BY slice ORDER BY slice
"""  # noqa: S608 (constants)
