"""The embedded history: DuckDB for the newest days, a Parquet file for each past day."""

import threading
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from config.history import KeepSettings
from protocols.reading import Quality
from server.core.errors import StoreError
from server.history.asking import Asking, bucket_question, readings_question, trend_question
from server.history.base import Batch, Bucket, LastValue, Readings, Row, Trend
from server.history.columns import (
    COLUMNS,
    TABLE,
    pick,
    value_of,
)
from server.history.damage import Damage, files_aside
from server.history.database import Database
from server.history.days import DAYS, DayFiles
from server.history.incoming import insert_late, insert_new, without_copies
from server.history.ordered import ORDERED, ORDERED_ROWS, order_before
from server.history.packed import bucket_of, row_of
from server.history.recovery import recover
from server.history.rollups import ROLLUP_TABLES
from server.history.sealed_rollups import BY_MINUTE, CLUSTERED, ROLLED
from server.history.series_tags import UNKNOWN, Describe
from server.history.slices import DAY_MS, Slices, exact_slices
from server.history.snapshot import HOT_FILE, HistorySnapshot
from server.history.thinning import THINNED, Thinning
from server.history.trends import columns_of, unpack_readings, unpack_trends

_ORDER_AFTER_MS = 120_000
"""Most readings have come by then."""


class DuckHistory:
    """A folder with ``history.duckdb`` and one Parquet file per past UTC day.

    A reading newer than all of its series is appended without a look at what is there; only the
    others are compared with the hot table and the files of their days.
    """

    def __init__(
        self,
        folder: Path,
        *,
        memory_limit_mb: int = 256,
        retention_days: int = 1825,
        keep: KeepSettings | None = None,
        describe: Describe = lambda _: UNKNOWN,
    ) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"history.path {folder}: {error.strerror}") from error
        self._folder = folder
        self._retention_days = retention_days
        self._damages: SimpleQueue[Damage] = SimpleQueue()
        self._database = Database(
            folder / HOT_FILE,
            memory_limit_mb=memory_limit_mb,
            tables=(
                *(f"hot {TABLE}", f"latest {TABLE}", ORDERED),
                *(DAYS, THINNED, *ROLLUP_TABLES, ROLLED, BY_MINUTE, CLUSTERED),
            ),
            on_damage=self._damages.put,
        )
        self._thinning = Thinning(self._database, keep or KeepSettings(), describe)
        self._care = threading.Lock()
        """Held while files of past days are replaced or deleted, or must not be."""
        self._known = threading.Lock()
        self._known_renewals = -1
        self._newest: dict[int, int] = {}
        self._stopping = threading.Event()
        self._know_the_file()
        self._asking = Asking(self._database, folder, self._known_days)

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
        slices = exact_slices(start_ms, end_ms, buckets)
        rows = self._asking.rows([series_id], bucket_question(slices))
        return [bucket_of(start_ms, slices.width_ms, row) for row in rows]

    def packed_buckets(self, series_id: int, start_ms: int, end_ms: int, buckets: int) -> bytes:
        """Summarise a range in equal slices, for another process."""
        slices = exact_slices(start_ms, end_ms, buckets)
        return self._asking.packed([series_id], bucket_question(slices))

    def trends(
        self, series: Sequence[int], slices: Slices, figures: Sequence[str]
    ) -> dict[int, Trend]:
        """Summarise several series in one query."""
        return unpack_trends(self.packed_trends(series, slices, figures), figures)

    def packed_trends(self, series: Sequence[int], slices: Slices, figures: Sequence[str]) -> bytes:
        """Summarise several series, for another process."""
        return self._asking.packed(series, trend_question(slices, columns_of(figures)))

    def readings(
        self, series: Sequence[int], start_ms: int, end_ms: int, limit: int
    ) -> dict[int, Readings]:
        """Return readings of several series in one query."""
        return unpack_readings(self.packed_readings(series, start_ms, end_ms, limit))

    def packed_readings(
        self, series: Sequence[int], start_ms: int, end_ms: int, limit: int
    ) -> bytes:
        """Return readings of several series, for another process."""
        return self._asking.packed(series, readings_question(start_ms, end_ms, limit, COLUMNS))

    def raw(self, series_id: int, start_ms: int, end_ms: int, limit: int) -> list[Row]:
        """Return the first rows of a range, oldest first."""
        rows = self._asking.rows([series_id], readings_question(start_ms, end_ms, limit))
        return [row_of(row) for row in rows]

    def packed_raw(self, series_id: int, start_ms: int, end_ms: int, limit: int) -> bytes:
        """Return the first rows of a range, for another process."""
        return self._asking.packed([series_id], readings_question(start_ms, end_ms, limit))

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
        """Delete what is not kept any longer, seal past days, order and roll up the others."""
        self._know_the_file()
        with self._care:
            self._days.delete_before((now_ms // DAY_MS - self._retention_days) * DAY_MS)
            self._days.seal_past(now_ms)
        for due in self._thinning.due(now_ms):
            if self._stopping.is_set():
                return
            with self._care:
                self._days.thin_out(due, self._thinning)
        order_before(self._database, now_ms - _ORDER_AFTER_MS)
        self._days.roll_up(self._stopping)
        self._days.rollups.cluster()

    @contextmanager
    def files_kept(self) -> Generator[None]:
        """Let no file of a past day be replaced or deleted meanwhile."""
        with self._care:
            yield

    def snapshot(self) -> HistorySnapshot:
        """Begin a copy of what is stored now; quick.

        Raises:
            StoreError: The history cannot be read now.
        """
        self._know_the_file()
        return HistorySnapshot(self._database, self._folder)

    def close(self) -> None:
        """Let go of the file."""
        self._stopping.set()
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
                    with self._database.cursor() as cursor:
                        self._newest = dict(cursor.execute(_NEWEST).fetchall())
                except StoreError:
                    if self._database.renewals == renewals:
                        raise
                    continue
                self._known_renewals = renewals

    def _known_days(self) -> DayFiles:
        self._know_the_file()
        return self._days

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
        late_rows = without_copies(pick(batch, late))
        if late:
            passed = set(late)
            batch = pick(batch, [row for row in range(len(batch)) if row not in passed])
        try:
            with self._database.transaction() as cursor:
                if len(batch):
                    insert_new(cursor, batch)
                if late:
                    start, end = min(late_rows.taken_at), max(late_rows.taken_at) + 1
                    files = self._days.between(cursor, start, end)
                    insert_late(cursor, late_rows, files)
        except StoreError:
            if late:
                self._days.check_between(min(late_rows.taken_at), max(late_rows.taken_at) + 1)
            raise


_NEWEST = """
    SELECT series, max(taken_at)
    FROM (SELECT series, taken_at FROM latest UNION ALL SELECT series, taken_at FROM ordered
          UNION ALL SELECT series, taken_at FROM hot)
    GROUP BY series
"""
_LAST = f"""
    WITH every AS (SELECT {COLUMNS}, 0 AS part, rowid AS place FROM latest
                   UNION ALL SELECT {COLUMNS}, 1 AS part, place FROM ({ORDERED_ROWS})
                   UNION ALL SELECT {COLUMNS}, 2 AS part, rowid AS place FROM hot),
         newest AS (SELECT series, max(taken_at) AS taken_at FROM every GROUP BY series)
    SELECT {COLUMNS} FROM every JOIN newest USING (series, taken_at) ORDER BY series, part, place
"""  # noqa: S608 (constants)
