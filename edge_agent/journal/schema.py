"""What is in a journal file; how it is locked, made, checked and brought up to date."""

import fcntl
import sqlite3
import uuid
from pathlib import Path
from typing import IO

from edge_agent.errors import JournalError, JournalFullError
from edge_agent.journal.damage import JournalCorruptError
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
    # Rows whose time is not final (eras.py), and since when rows are kept.
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
        held = path.with_name(f"{path.name}.lock").open("ab")
    except OSError as error:
        raise JournalFullError(f"{path}: {error}") from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        held.close()
        raise JournalError(f"{path}: in use by another process; one agent per journal") from error
    return held


def is_new(connection: sqlite3.Connection) -> bool:
    """Whether the file has no tables yet."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return version == 0


def prepare(connection: sqlite3.Connection, path: Path, ground: RecoverySeed | None) -> None:
    """Make the tables, on what a damaged predecessor left, or check them; reserve offsets."""
    execute = connection.execute
    execute(f"PRAGMA page_size = {PAGE_BYTES}")
    execute("PRAGMA journal_mode = WAL")
    execute("PRAGMA synchronous = FULL")
    (version,) = execute("PRAGMA user_version").fetchone()
    if version > len(_VERSIONS):
        raise JournalError(f"{path}: written by a newer version (schema {version})")
    execute("BEGIN IMMEDIATE")
    if version and path.stat().st_size <= _CHECKED_BYTES:
        (verdict,) = execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise JournalCorruptError(f"{path}: {verdict}")
    for statements in _VERSIONS[version:]:
        for statement in statements.split(";")[:-1]:
            execute(statement)
    if version == 0:
        execute(SET_FACT, ("journal_id", str(uuid.uuid4())))
        if ground is not None:
            _build_on(connection, ground)
    execute(f"PRAGMA user_version = {len(_VERSIONS)}")
    # A new block each time: offsets of the last run may have been used without being on disk.
    (reserved,) = execute(
        "SELECT coalesce(max(value), 0) FROM facts WHERE name = 'reserved'"
    ).fetchone()
    first = max(int(reserved), 0 if ground is None else ground.base)
    execute(SET_FACT, ("first", first))
    execute(SET_FACT, ("reserved", first + OFFSET_BLOCK))
    execute("COMMIT")


def _build_on(connection: sqlite3.Connection, ground: RecoverySeed) -> None:
    connection.executemany(
        "INSERT INTO aliases VALUES (?, ?, ?, ?)",
        [(number, *alias) for number, alias in ground.aliases.items()],
    )
    connection.executemany("INSERT INTO eras VALUES (?, ?, ?)", ground.epochs)
    if ground.bd_seq is not None:
        connection.execute(SET_FACT, ("bd_seq", ground.bd_seq))
