"""Readings on their way into the history: checked, then sorted by time in a file of its own.

Sorted by time, a batch concerns one past day, whose file is then looked at once for all of it.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, NamedTuple, Self

import duckdb

from server.core.instant import rfc3339
from server.exchange.sources import Cell, Reading, SourceRow
from server.history.base import Batch
from server.history.columns import COLUMNS, TABLE, numbered_table, value_of
from server.history.places import said

_ROWS = 50_000
"""That are checked before they are written."""
_BATCH = 10_000
"""That are stored at once."""
_MOST_TOLD = 20
DAY_MS = 86_400_000


class Bounds(NamedTuple):
    """Which instants are stored, UTC ms."""

    oldest_ms: int
    """What is older would be deleted at once."""
    latest_ms: int
    """What is later has not happened yet."""


class Checked(NamedTuple):
    """What a file holds."""

    rows: int
    good: int
    """Rows that will be stored."""
    too_old: int
    points: int
    wrong: int
    told: list[str]
    """Where the first wrong rows are, and why."""


class Spool:
    """A context manager; what it holds is deleted at its end."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._folder = TemporaryDirectory(prefix="plantroom-import-")
        self._database: Any = duckdb.connect(str(Path(self._folder.name) / "spool"))
        self._database.execute(f"CREATE TABLE spool {TABLE[:-2]}, nth BIGINT, row BIGINT)")
        self._said = _Said()
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._database.close()
        self._folder.cleanup()

    def check(self, rows: Iterable[SourceRow]) -> Checked:
        """Take every row that is right, and say which are wrong.

        Raises:
            InvalidError: The file itself is wrong.
            StoreError: It cannot be read.
        """
        told: list[str] = []
        wrong = too_old = seen = 0
        points: set[int] = set()
        batch = Batch()
        for row in rows:
            seen += 1
            found = row.read()
            problem = found if isinstance(found, Cell) else self._problem(found)
            if problem is not None:
                wrong += 1
                if len(told) < _MOST_TOLD:
                    told.append(f"{row.place}: {problem.column}: {problem.message}")
            elif isinstance(found, Reading):
                if found.taken_at < self._bounds.oldest_ms:
                    too_old += 1
                    continue
                points.add(found.point.id)
                self._take(batch, found)
                if len(batch) == _ROWS:
                    self._write(batch)
        self._write(batch)
        return Checked(seen, self._count, too_old, len(points), wrong, told)

    def batches(self) -> Iterator[Batch]:
        """Yield what was taken, oldest first; each batch is of one UTC day."""
        cursor = self._database.execute(
            f"SELECT {COLUMNS}, nth FROM spool ORDER BY taken_at, row"  # noqa: S608 (constants)
        )
        batch, day = Batch(), -1
        while some := cursor.fetchmany(_BATCH):
            for series, at, *values, quality, reason, nth in some:
                if len(batch) and (at // DAY_MS != day or len(batch) == _BATCH):
                    yield batch
                    batch = Batch()
                day = at // DAY_MS
                if nth:
                    batch.nth[len(batch)] = nth
                batch.add(series, at, value_of(*values), quality, reason or "")
        if len(batch):
            yield batch

    def _problem(self, reading: Reading) -> Cell | None:
        if reading.taken_at > self._bounds.latest_ms:
            return Cell("time", f"{rfc3339(reading.taken_at)} has not come yet")
        if reading.taken_at < 0:
            return Cell("time", "is before 1970")
        if isinstance(reading.value, str) and "\0" in reading.value:
            return Cell("value", "a text with the character NUL cannot be stored")
        return None

    def _take(self, batch: Batch, reading: Reading) -> None:
        nth = self._said.count(reading)
        if nth:
            batch.nth[len(batch)] = nth
        batch.add(
            reading.point.id, reading.taken_at, reading.value, reading.quality, reading.reason
        )

    def _write(self, batch: Batch) -> None:
        table = numbered_table(batch)
        self._database.register("incoming", table)
        self._database.execute(
            f"INSERT INTO spool SELECT {COLUMNS}, nth, row + {self._count} FROM incoming"  # noqa: S608
        )
        self._database.unregister("incoming")
        self._count += len(batch)
        batch.clear()


class _Said:
    """Counts what a point says of one instant, as the ingest does (ADR-25)."""

    def __init__(self) -> None:
        self._instants: dict[int, tuple[int, list[object]]] = {}

    def count(self, reading: Reading) -> int:
        """Return how often the same was said of this instant before, with something between."""
        says = said(reading.value, reading.quality, reading.reason)
        at, before = self._instants.get(reading.point.id, (-1, []))
        if at != reading.taken_at:
            self._instants[reading.point.id] = (reading.taken_at, [says])
            return 0
        if before[-1] != says:
            before.append(says)
        return before.count(says) - 1


def store(
    batches: Iterable[Batch], append: Callable[[Batch], None], progress: Callable[[int], None]
) -> None:
    """Append the batches; may be repeated, what is there already is not stored again.

    Raises:
        StoreError: The history does not take one; those before it are stored.
    """
    for batch in batches:
        append(batch)
        progress(len(batch))
