"""What is in a journal file: how it is locked, made, checked, upgraded, kept within its bounds."""

import fcntl
import sqlite3
import uuid
from pathlib import Path
from typing import IO, NamedTuple

from config.edge import JournalSettings
from edge_agent.errors import JournalCorruptError, JournalError, JournalFullError
from edge_agent.journal.base import Row
from edge_agent.journal.recovery import RecoverySeed

OFFSET_BLOCK = 10_000_000
"""Offsets reserved at once: how many rows may be numbered while the disk refuses to write."""

PAGE_BYTES = 4096
SET_FACT = "INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"

_CHECKED_BYTES = 64_000_000
"""A larger file is not read through at the start; it would keep the gateway from polling. Damage
that shows later sets the file aside while the agent runs."""

_VERSIONS = (
    """
CREATE TABLE rows (
    offset INTEGER PRIMARY KEY, device TEXT NOT NULL, fragment BLOB NOT NULL,
    taken_at INTEGER NOT NULL, readings INTEGER NOT NULL);
CREATE TABLE aliases (
    alias INTEGER PRIMARY KEY, device TEXT NOT NULL, point TEXT NOT NULL, datatype INTEGER NOT NULL,
    UNIQUE (device, point, datatype));
CREATE TABLE facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
""",
    # Provisional timestamps (why these names stay: clock_epochs.py), since when rows are kept.
    """
CREATE TABLE held (offset INTEGER PRIMARY KEY, era INTEGER NOT NULL, zero_ms INTEGER NOT NULL);
CREATE TABLE eras (era INTEGER PRIMARY KEY, boot TEXT NOT NULL, zero_ms INTEGER);
CREATE TABLE marks (below INTEGER PRIMARY KEY, age_ms INTEGER NOT NULL);
""",
)
"""Each version's statements; a file has its version in ``user_version``."""


def lock(path: Path) -> IO[bytes]:
    """Take the file for this process.

    Raises:
        JournalError: Another process has it.
        JournalFullError: The disk refuses.
    """
    # Not a lock of SQLite's own: the file stays readable while the agent runs.
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        taken = path.with_name(f"{path.name}.lock").open("ab")
    except OSError as error:
        raise JournalFullError(f"{path}: {error}") from error
    try:
        fcntl.flock(taken, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        taken.close()
        raise JournalError(f"{path}: in use by another process; one agent per journal") from error
    return taken


def is_new(connection: sqlite3.Connection) -> bool:
    """Whether the file has no tables yet."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return version == 0


def prepare(connection: sqlite3.Connection, path: Path, seed: RecoverySeed | None) -> None:
    """Make the tables, or check them and bring them up to date; reserve offsets.

    Args:
        connection: To the file.
        path: The file, for messages.
        seed: What a new file takes over from a damaged one.

    Raises:
        JournalCorruptError: The file is damaged.
        JournalError: A newer version wrote it.
    """
    execute = connection.execute
    execute(f"PRAGMA page_size = {PAGE_BYTES}")
    execute("PRAGMA journal_mode = WAL")
    execute("PRAGMA synchronous = FULL")
    (version,) = execute("PRAGMA user_version").fetchone()
    if version > len(_VERSIONS):
        raise JournalError(f"{path}: written by a newer version (schema {version})")
    execute("BEGIN IMMEDIATE")
    if version and path.stat().st_size <= _CHECKED_BYTES:
        (found,) = execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise JournalCorruptError(f"{path}: {found}")
    for statements in _VERSIONS[version:]:
        for statement in statements.split(";")[:-1]:
            execute(statement)
    if version == 0:
        execute(SET_FACT, ("journal_id", str(uuid.uuid4())))
        if seed is not None:
            _build_on(connection, seed)
    execute(f"PRAGMA user_version = {len(_VERSIONS)}")
    # A new block each time: offsets of the last run may have been used without being on disk.
    (reserved,) = execute(
        "SELECT coalesce(max(value), 0) FROM facts WHERE name = 'reserved'"
    ).fetchone()
    first = max(int(reserved), 0 if seed is None else seed.base)
    execute(SET_FACT, ("first", first))
    execute(SET_FACT, ("reserved", first + OFFSET_BLOCK))
    execute("COMMIT")


def _build_on(connection: sqlite3.Connection, seed: RecoverySeed) -> None:
    connection.executemany(
        "INSERT INTO aliases VALUES (?, ?, ?, ?)",
        [(number, *alias) for number, alias in seed.aliases.items()],
    )
    connection.executemany("INSERT INTO eras VALUES (?, ?, ?)", seed.epochs)
    if seed.bd_seq is not None:
        connection.execute(SET_FACT, ("bd_seq", seed.bd_seq))


class Age(NamedTuple):
    """How long rows have been kept, by the time that the journal was open.

    Never by the clock: a step of the clock must not cost a row.

    Attributes:
        now_ms: All time that this journal has been open so far.
        most_ms: Rows kept for longer than this are given up.
        next_offset: Rows below this are at least as old as this instant.
    """

    now_ms: int
    most_ms: int
    next_offset: int


class Bounds:
    """What the file may hold, bytes and age, and what gives way; in the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection, settings: JournalSettings) -> None:
        self._connection = connection
        self._drop = settings.drop
        # Room for the write-ahead log, so that both files together keep the bound.
        wal_bytes = min(4_000_000, settings.max_bytes // 8)
        self._max_bytes = settings.max_bytes - 2 * wal_bytes
        connection.execute(f"PRAGMA wal_autocheckpoint = {wal_bytes // PAGE_BYTES}")

    def give_up_older(self, age: Age) -> int:
        """Delete rows that have been kept for too long; return how many."""
        execute = self._connection.execute
        (below,) = execute(
            "SELECT max(below) FROM marks WHERE age_ms < ?", (age.now_ms - age.most_ms,)
        ).fetchone()
        dropped = 0
        if below is not None:
            dropped = execute("DELETE FROM rows WHERE offset < ?", (below,)).rowcount
            execute("DELETE FROM marks WHERE below < ?", (below,))
        execute("INSERT OR IGNORE INTO marks VALUES (?, ?)", (age.next_offset, age.now_ms))
        return dropped

    def admit(self, rows: list[Row]) -> tuple[list[Row], int]:
        """Return the rows for which there is room, and how many are refused."""
        if self._drop == "oldest":
            return rows, 0
        room = self._max_bytes - self.used_bytes()
        for count, row in enumerate(rows):
            room -= len(row.fragment) + len(row.device) + 32
            if room < 0:
                return rows[:count], len(rows) - count
        return rows, 0

    def make_room(self, rows: int) -> int:
        """Delete the oldest of so many rows until the file is within its bound."""
        # A fiftieth at a time: not a search per commit, not a write-ahead log of its own size.
        chunk = max(1, rows // 50)
        dropped = 0
        while self._drop == "oldest" and self.used_bytes() > self._max_bytes and dropped < rows:
            dropped += self._connection.execute(
                "DELETE FROM rows WHERE offset IN"
                " (SELECT offset FROM rows ORDER BY offset LIMIT ?)",
                (chunk,),
            ).rowcount
        return dropped

    def used_bytes(self) -> int:
        """Return the bytes of the file that are in use."""
        (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
        (free,) = self._connection.execute("PRAGMA freelist_count").fetchone()
        return (pages - free) * PAGE_BYTES

    def oldest_at(self) -> int | None:
        """Return when the first row was taken, UTC ms, as its clock said; None without rows."""
        found = self._connection.execute("SELECT taken_at FROM rows ORDER BY offset LIMIT 1")
        row = found.fetchone()
        return None if row is None else int(row[0])

    def lowest(self) -> int | None:
        """Return the lowest offset; None without rows."""
        (lowest,) = self._connection.execute("SELECT min(offset) FROM rows").fetchone()
        return lowest
