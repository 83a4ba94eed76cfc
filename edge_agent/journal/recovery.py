"""A damaged journal file: recognised, set aside, and its readable rows taken over.

Rows are taken over a chunk at a time; a kill in between resumes it. They keep their offsets: they
are older than all of the new file, whose own offsets begin behind them, and the file's new name
tells its offsets from the old ones. The server knows readings by their time, so one that it already
has is not stored twice.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from edge_agent.errors import JournalCorruptError, JournalError, JournalFullError
from edge_agent.journal.base import Alias, Row
from edge_agent.journal.clock_epochs import EpochRecord, ProvisionalRow

log = structlog.get_logger()

CHUNK = 2000
"""Rows a step: with a step per commit, faster than any backlog goes out."""
MOST_ASIDE: Final = 3
"""Damaged files kept for people with more tools; the oldest give way."""

_CORRUPT: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_PARTS: Final = ("", "-wal", "-shm")
_RECOVERED: Final = ".recovered"
_UNREADABLE: Final = ".unreadable"
_DONE: Final = (_RECOVERED, _UNREADABLE, ".salvaged")
"""Ends of the names of files of which nothing more is taken; earlier versions wrote the last."""
_NEXT: Final = (
    "SELECT offset, device, fragment, taken_at, readings FROM rows"
    " WHERE offset > ? ORDER BY offset LIMIT ?"
)
_FURTHEST: Final = 2**62


class RecoverySeed(NamedTuple):
    """What a new file takes over at once, before anything is numbered.

    Attributes:
        aliases: Alias number to what it stands for.
        bd_seq: Used twice, an old death could end a new birth; None when unknown.
        base: Every offset of the damaged file is below this.
        epochs: Its clock epochs.
    """

    aliases: dict[int, Alias]
    bd_seq: int | None
    base: int
    epochs: list[EpochRecord]


class Chunk(NamedTuple):
    """A few rows of a damaged file.

    Attributes:
        rows: Empty when nothing follows.
        through: Everything up to this offset has been read.
    """

    rows: list[Row]
    provisional: list[ProvisionalRow]
    through: int


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
    """Mark the file for the next start, which does not read a large file through."""
    with suppress(OSError):
        _marker(path).touch()


def is_marked(path: Path) -> bool:
    """Whether the file was found damaged and not set aside yet."""
    return _marker(path).exists()


def set_aside(path: Path, now_ms: int) -> Path:
    """Rename the file and what belongs to it; return its new name."""
    stamp = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%dT%H%M%S")
    aside = path.with_name(f"{path.name}.corrupt-{stamp}")
    number = 1
    while any(_family(aside)):
        number += 1
        aside = path.with_name(f"{path.name}.corrupt-{stamp}-{number}")
    for suffix in _PARTS:
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    _marker(path).unlink(missing_ok=True)
    _keep_few(path)
    return aside


def waiting(path: Path) -> list[Path]:
    """Return the files set aside of which rows may still be taken over, oldest first.

    Only the name says so: a kill between any two steps loses no file.
    """
    found = path.parent.glob(f"{path.name}.corrupt-*")
    return sorted(file for file in found if not file.name.endswith((*_PARTS[1:], *_DONE)))


def finish(aside: Path, *, rows: int, error: str | None = None) -> None:
    """Rename a file of which nothing more is taken; it stays for people.

    Args:
        aside: The file.
        rows: How many were taken over.
        error: Why no more of it can be read; None when all of it was.

    Raises JournalFullError when the disk refuses.
    """
    try:
        for part in _PARTS[1:]:
            aside.with_name(aside.name + part).unlink(missing_ok=True)
        aside.rename(aside.with_name(aside.name + (_RECOVERED if error is None else _UNREADABLE)))
    except OSError as failure:
        raise JournalFullError(f"{aside}: {failure}") from failure
    # The former name of the event is in the line for filters that look for it.
    if error is None:
        log.warning("journal_recovered", rows=rows, file=str(aside), formerly="journal_salvaged")
    else:
        log.error(
            "journal_not_recovered",
            rows=rows,
            file=str(aside),
            error=error,
            formerly="journal_not_salvaged",
        )


def _keep_few(path: Path) -> None:
    """Delete the oldest files set aside; those that still wait go last."""
    pending = waiting(path)
    done = [file for ending in _DONE for file in path.parent.glob(f"{path.name}.corrupt-*{ending}")]
    surplus = len(pending) + len(done) - MOST_ASIDE
    for file in [*sorted(done), *pending][: max(0, surplus)]:
        log.error("journal_aside_deleted", file=str(file), kept=MOST_ASIDE)
        for part in _PARTS:
            file.with_name(file.name + part).unlink(missing_ok=True)


def _family(aside: Path) -> list[Path]:
    return list(aside.parent.glob(f"{aside.name}*"))


def _marker(path: Path) -> Path:
    return path.with_name(f"{path.name}.damaged")


def seed_of(path: Path, now_ms: int) -> RecoverySeed | None:
    """Return what the last file set aside knows; one that knows nothing is given up.

    Args:
        path: Of the journal.
        now_ms: UTC ms; numbers the rows of a file that has lost its facts.

    Raises JournalFullError when the disk refuses for now.
    """
    for aside in reversed(waiting(path)):
        seed = _seed(aside, now_ms)
        if seed is not None:
            return seed
        finish(aside, rows=0, error="its aliases are lost")
    return None


def _seed(damaged: Path, now_ms: int) -> RecoverySeed | None:
    """Read what rows mean; None when that is lost, and with it the meaning of every row."""
    try:
        with closing(_connect(damaged)) as source:
            aliases, facts, epochs = _aliases(source), _facts(source), _epochs(source)
    except sqlite3.DatabaseError as error:
        why = translated(error, damaged)
        if isinstance(why, JournalFullError):
            raise why from error
        return None
    # Without its facts it is unknown what was numbered: far beyond anything that can have been.
    base = facts.get("reserved") or max(2**40, now_ms * 1000)
    return RecoverySeed(aliases, facts.get("bd_seq"), base, epochs)


def read_chunk(damaged: Path, after: int, known: dict[int, Alias]) -> Chunk:
    """Return the first rows behind offset ``after``, passing over what cannot be read.

    Raises:
        JournalCorruptError: Its aliases are lost, or are not those of the new file.
        JournalFullError: The disk refuses for now.
    """
    try:
        with closing(_connect(damaged)) as source:
            if _aliases(source).items() - known.items():
                raise JournalCorruptError(f"{damaged}: its aliases mean something else by now")
            rows, through = _rows(source, after)
            provisional = list(_provisional(source, rows))
    except sqlite3.DatabaseError as error:
        raise translated(error, damaged) from error
    return Chunk(rows, provisional, through)


def _connect(damaged: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{damaged.absolute().as_uri()}?mode=rw", timeout=1, uri=True)


def _aliases(source: sqlite3.Connection) -> dict[int, Alias]:
    found = source.execute("SELECT alias, device, point, datatype FROM aliases")
    return {number: Alias(device, point, datatype) for number, device, point, datatype in found}


def _facts(source: sqlite3.Connection) -> dict[str, int]:
    with suppress(sqlite3.DatabaseError):
        found = source.execute("SELECT name, value FROM facts WHERE name IN ('bd_seq', 'reserved')")
        return {name: int(value) for name, value in found}
    return {}


def _epochs(source: sqlite3.Connection) -> list[EpochRecord]:
    with suppress(sqlite3.DatabaseError):
        return source.execute("SELECT era, boot, zero_ms FROM eras").fetchall()
    return []


def _rows(source: sqlite3.Connection, after: int) -> tuple[list[Row], int]:
    limit = CHUNK
    while True:
        try:
            rows = [Row(*found) for found in source.execute(_NEXT, (after, limit))]
        except sqlite3.DatabaseError:
            if limit > 1:
                limit = max(1, limit // 4)
                continue
            if after >= _FURTHEST:
                return [], after
            after = _behind_the_damage(source, after)
            limit = CHUNK
            continue
        return rows, rows[-1].offset if rows else _FURTHEST


def _behind_the_damage(source: sqlite3.Connection, after: int) -> int:
    """Return the lowest offset behind which reading works again; the furthest if none is."""
    bad, step = after, 1
    while not _works(source, after + step):
        bad = after + step
        if bad >= _FURTHEST:
            return _FURTHEST
        step *= 2
    good = after + step
    while good - bad > 1:
        middle = (good + bad) // 2
        if _works(source, middle):
            good = middle
        else:
            bad = middle
    return good


def _works(source: sqlite3.Connection, after: int) -> bool:
    try:
        source.execute(_NEXT, (after, 1)).fetchone()
    except sqlite3.DatabaseError:
        return False
    return True


def _provisional(source: sqlite3.Connection, rows: list[Row]) -> Iterator[ProvisionalRow]:
    """Yield which of these rows are provisional, with the epoch of the damaged file."""
    if not rows:
        return
    with suppress(sqlite3.DatabaseError):
        yield from (
            ProvisionalRow(*found)
            for found in source.execute(
                "SELECT offset, era, zero_ms FROM held WHERE offset BETWEEN ? AND ?",
                (rows[0].offset, rows[-1].offset),
            )
        )
