"""The statements of the journal's SQLite file; runs in the journal's one thread only."""

import fcntl
import sqlite3
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self

import structlog

from config.edge import JournalSettings
from edge_agent.errors import JournalError, JournalFullError
from edge_agent.journal.base import Alias, Row
from edge_agent.journal.damage import (
    JournalCorruptError,
    is_marked,
    mark,
    salvage,
    set_aside,
    translated,
)
from edge_agent.journal.ranges import Range

log = structlog.get_logger()

OFFSET_BLOCK = 10_000_000
"""Offsets reserved at once: how many rows may be numbered while the disk refuses to write."""

_SCHEMA_VERSION = 1
_PAGE_BYTES = 4096
_CHECKED_BYTES = 64_000_000
"""A larger file is not read through at the start; it would keep the gateway from polling. Damage
that shows later ends the agent, and its next start sets the file aside."""

_SCHEMA = """
CREATE TABLE rows (
    offset INTEGER PRIMARY KEY, device TEXT NOT NULL, fragment BLOB NOT NULL,
    taken_at INTEGER NOT NULL, readings INTEGER NOT NULL);
CREATE TABLE aliases (
    alias INTEGER PRIMARY KEY, device TEXT NOT NULL, point TEXT NOT NULL, datatype INTEGER NOT NULL,
    UNIQUE (device, point, datatype));
CREATE TABLE facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
"""
_SET_FACT = (
    "INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)


@dataclass(slots=True)
class Batch:
    """What one group commit writes, in this order: acknowledged, aliases, rows, facts."""

    acknowledged: list[Range] = field(default_factory=list[Range])
    aliases: list[tuple[int, Alias]] = field(default_factory=list[tuple[int, Alias]])
    rows: list[Row] = field(default_factory=list[Row])
    facts: dict[str, int] = field(default_factory=dict[str, int])
    older_than: int | None = None


class Written:
    """What became of a batch."""

    __slots__ = ("disk_bytes", "dropped", "oldest_at", "rows")

    def __init__(self, *, rows: int, dropped: int, disk_bytes: int, oldest_at: int | None) -> None:
        self.rows = rows
        self.dropped = dropped
        self.disk_bytes = disk_bytes
        self.oldest_at = oldest_at


class Store:
    """An open journal file, locked against every other agent; others may read it.

    Attributes:
        journal_id: Name stored in the file.
        facts: Numbers stored in the file, such as ``reserved`` and ``bd_seq``.
        aliases: All aliases stored in the file.
    """

    def __init__(
        self, connection: sqlite3.Connection, lock: IO[bytes], settings: JournalSettings
    ) -> None:
        self._connection = connection
        self._lock = lock
        self._path = settings.path
        self._drop = settings.drop
        # Room for the write-ahead log, so that both files together keep the bound.
        wal_bytes = min(4_000_000, settings.max_bytes // 8)
        self._max_bytes = settings.max_bytes - 2 * wal_bytes
        connection.execute(f"PRAGMA wal_autocheckpoint = {wal_bytes // _PAGE_BYTES}")
        facts = dict(connection.execute("SELECT name, value FROM facts"))
        self.journal_id = str(facts.pop("journal_id"))
        self.facts: dict[str, int] = {name: int(value) for name, value in facts.items()}
        self.aliases = {
            int(alias): Alias(device, point, datatype)
            for alias, device, point, datatype in connection.execute("SELECT * FROM aliases")
        }

    @classmethod
    def open(cls, settings: JournalSettings, *, now_ms: int) -> Self:
        """Open the file, or make it; a damaged one is renamed and a new one started.

        Raises JournalError when another process holds it, JournalFullError on a full disk.
        """
        path = settings.path
        lock = _lock(path)
        try:
            try:
                if not is_marked(path):
                    return cls._open(path, lock, settings)
                damage = "found damaged by the last run"
            except JournalCorruptError as error:
                damage = str(error)
            aside = set_aside(path, now_ms)
            log.error("journal_set_aside", path=str(path), kept_as=str(aside), error=damage)
            return cls._open(path, lock, settings, damaged=aside)
        except JournalError:
            lock.close()
            raise

    @classmethod
    def _open(
        cls, path: Path, lock: IO[bytes], settings: JournalSettings, *, damaged: Path | None = None
    ) -> Self:
        connection: sqlite3.Connection | None = None
        try:
            connection = sqlite3.connect(path, timeout=1, isolation_level=None)
            _prepare(connection, path)
            if damaged is not None:
                log.warning("journal_salvaged", rows=salvage(damaged, connection))
            return cls(connection, lock, settings)
        except (sqlite3.Error, KeyError, JournalError) as error:
            if connection is not None:
                connection.close()
            raise translated(error, path) from error

    def write(self, batch: Batch) -> Written:
        """Write a batch in one transaction; on an error nothing of it is written."""
        execute = self._connection.execute
        rows = self.facts.get("rows", 0)
        try:
            execute("BEGIN IMMEDIATE")
            rows -= self._delete(batch.acknowledged)
            dropped = self._drop_older(batch.older_than)
            self._connection.executemany(
                "INSERT INTO aliases VALUES (?, ?, ?, ?)",
                [(number, *alias) for number, alias in batch.aliases],
            )
            kept, refused = self._admit(batch.rows)
            self._connection.executemany("INSERT INTO rows VALUES (?, ?, ?, ?, ?)", kept)
            rows += len(kept)
            dropped += self._make_room(rows)
            rows -= dropped
            facts = batch.facts | {"rows": rows}
            self._connection.executemany(_SET_FACT, facts.items())
            execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                execute("ROLLBACK")
            raise self._failed(error) from error
        self.facts |= facts
        return Written(
            rows=rows,
            dropped=dropped + refused,
            disk_bytes=self._used_bytes(),
            oldest_at=self._oldest_at(),
        )

    def read(self, first: int, last: int, limit: int) -> list[Row]:
        """Return up to ``limit`` rows of the closed range, lowest offset first."""
        try:
            found = self._connection.execute(
                "SELECT offset, device, fragment, taken_at, readings FROM rows"
                " WHERE offset BETWEEN ? AND ? ORDER BY offset LIMIT ?",
                (first, last, limit),
            )
            return [Row(*row) for row in found]
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Close the file; the write-ahead log is folded in."""
        self._connection.close()
        self._lock.close()

    def _failed(self, error: sqlite3.Error) -> JournalError:
        failure = translated(error, self._path)
        if isinstance(failure, JournalCorruptError):
            mark(self._path)
        return failure

    def _delete(self, ranges: list[Range]) -> int:
        return self._connection.executemany(
            "DELETE FROM rows WHERE offset BETWEEN ? AND ?", ranges
        ).rowcount

    def _drop_older(self, taken_at: int | None) -> int:
        # Rows are about in the order of their time: only the first ones need a look.
        if taken_at is None:
            return 0
        dropped = 0
        while (oldest := self._oldest_at()) is not None and oldest < taken_at:
            dropped += self._connection.execute(
                "DELETE FROM rows WHERE offset IN (SELECT offset FROM rows ORDER BY offset"
                " LIMIT 1000) AND taken_at < ?",
                (taken_at,),
            ).rowcount
        return dropped

    def _admit(self, rows: list[Row]) -> tuple[list[Row], int]:
        if self._drop == "oldest":
            return rows, 0
        room = self._max_bytes - self._used_bytes()
        for count, row in enumerate(rows):
            room -= len(row.fragment) + len(row.device) + 32
            if room < 0:
                return rows[:count], len(rows) - count
        return rows, 0

    def _make_room(self, rows: int) -> int:
        # A fiftieth at a time: not a search per commit, not a write-ahead log of its own size.
        chunk = max(1, rows // 50)
        dropped = 0
        while self._drop == "oldest" and self._used_bytes() > self._max_bytes and dropped < rows:
            dropped += self._connection.execute(
                "DELETE FROM rows WHERE offset IN"
                " (SELECT offset FROM rows ORDER BY offset LIMIT ?)",
                (chunk,),
            ).rowcount
        return dropped

    def _used_bytes(self) -> int:
        (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
        (free,) = self._connection.execute("PRAGMA freelist_count").fetchone()
        return (pages - free) * _PAGE_BYTES

    def _oldest_at(self) -> int | None:
        found = self._connection.execute("SELECT taken_at FROM rows ORDER BY offset LIMIT 1")
        row = found.fetchone()
        return None if row is None else int(row[0])


def _lock(path: Path) -> IO[bytes]:
    # Not a lock of SQLite's own: the file stays readable while the agent runs.
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(f"{path.name}.lock").open("ab")
    except OSError as error:
        raise JournalFullError(f"{path}: {error}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise JournalError(f"{path}: in use by another process; one agent per journal") from error
    return lock


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    execute = connection.execute
    execute(f"PRAGMA page_size = {_PAGE_BYTES}")
    execute("PRAGMA journal_mode = WAL")
    execute("PRAGMA synchronous = FULL")
    (version,) = execute("PRAGMA user_version").fetchone()
    if version > _SCHEMA_VERSION:
        raise JournalError(f"{path}: written by a newer version (schema {version})")
    execute("BEGIN IMMEDIATE")
    if version == 0:
        for statement in _SCHEMA.split(";")[:-1]:
            execute(statement)
        execute(_SET_FACT, ("journal_id", str(uuid.uuid4())))
        execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
    elif path.stat().st_size <= _CHECKED_BYTES:
        (verdict,) = execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise JournalCorruptError(f"{path}: {verdict}")
    # A new block each time: offsets of the last run may have been used without being on disk.
    (base,) = execute(
        "SELECT coalesce(max(value), 0) FROM facts WHERE name = 'reserved'"
    ).fetchone()
    execute(_SET_FACT, ("first", base))
    execute(_SET_FACT, ("reserved", base + OFFSET_BLOCK))
    execute("COMMIT")
