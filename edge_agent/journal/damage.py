"""A journal file that is damaged: recognised, set aside, and emptied of all that can be read."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from edge_agent.errors import JournalError, JournalFullError

_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_CHUNK = 500
_FROM_THE_FRONT = (
    "SELECT offset, device, fragment, taken_at, readings FROM rows"
    " WHERE offset > ? ORDER BY offset LIMIT ?"
)
_FROM_THE_BACK = (
    "SELECT offset, device, fragment, taken_at, readings FROM rows"
    " WHERE offset > ? AND offset < ? ORDER BY offset DESC LIMIT ?"
)
_BEYOND = 2**62

Record = tuple[int, str, bytes, int, int]


class JournalCorruptError(JournalError):
    """The file is damaged; nothing more can be read from it or written to it."""


def translated(error: Exception, path: Path | str = "journal") -> JournalError:
    """Return what an error of SQLite's means for a journal."""
    if isinstance(error, JournalError):
        return error
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _CORRUPT or isinstance(error, KeyError):
        return JournalCorruptError(f"{path}: {error}")
    if isinstance(error, sqlite3.OperationalError):
        # Full, read-only, I/O error, a reader that blocks: the disk refuses for now.
        return JournalFullError(f"{path}: {error}")
    return JournalError(f"{path}: {error}")


def mark(path: Path) -> None:
    """Leave a note for the next start, which does not read a large file through."""
    with suppress(OSError):
        _note(path).touch()


def is_marked(path: Path) -> bool:
    """Whether the last run found the file damaged."""
    return _note(path).exists()


def set_aside(path: Path, now_ms: int) -> Path:
    """Rename the file and what belongs to it; return its new name."""
    stamp = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%dT%H%M%S")
    aside = path.with_name(f"{path.name}.corrupt-{stamp}")
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    _note(path).unlink(missing_ok=True)
    return aside


def salvage(damaged: Path, into: sqlite3.Connection) -> int:
    """Copy what can be read of a damaged file into a new one; return how many rows that was.

    Rows get new offsets, because the new journal has another name; the server knows readings by
    their time, so one that it already has is not stored twice.
    """
    try:
        with closing(sqlite3.connect(damaged, timeout=1, isolation_level=None)) as source:
            aliases = source.execute("SELECT alias, device, point, datatype FROM aliases")
            into.execute("BEGIN IMMEDIATE")
            into.executemany("INSERT OR IGNORE INTO aliases VALUES (?, ?, ?, ?)", aliases)
            (first,) = into.execute("SELECT value FROM facts WHERE name = 'first'").fetchone()
            count = 0
            for record in _readable(source):
                into.execute(
                    "INSERT INTO rows VALUES (?, ?, ?, ?, ?)", (first + count, *record[1:])
                )
                count += 1
            into.execute("UPDATE facts SET value = ? WHERE name = 'first'", (first + count,))
            into.execute("INSERT OR REPLACE INTO facts VALUES ('rows', ?)", (count,))
            into.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", _facts(source))
            into.execute("COMMIT")
            return count
    except sqlite3.DatabaseError:
        # Without its aliases a row means nothing; the file stays for somebody with more tools.
        if into.in_transaction:
            into.execute("ROLLBACK")
        return 0


def _facts(source: sqlite3.Connection) -> list[tuple[str, int]]:
    """Return the birth-death number: used twice, an old death could end a new birth."""
    try:
        return source.execute("SELECT name, value FROM facts WHERE name = 'bd_seq'").fetchall()
    except sqlite3.DatabaseError:
        return []


def _readable(source: sqlite3.Connection) -> Iterator[Record]:
    """Yield rows from the front up to the damage, then those behind it."""
    last = -1
    for record in _walk(source, _FROM_THE_FRONT, last):
        last = record[0]
        yield record
    yield from reversed(list(_walk(source, _FROM_THE_BACK, last, _BEYOND)))


def _walk(source: sqlite3.Connection, query: str, *bounds: int) -> Iterator[Record]:
    """Yield rows in the query's order until there is none, or one cannot be read."""
    at, limit = bounds[-1], _CHUNK
    while True:
        try:
            rows: list[Record] = source.execute(query, (*bounds[:-1], at, limit)).fetchall()
        except sqlite3.DatabaseError:
            if limit == 1:
                return
            limit = max(1, limit // 4)
            continue
        if not rows:
            return
        at = rows[-1][0]
        yield from rows


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.damaged")
