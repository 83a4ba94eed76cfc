"""Takes the readable rows of a damaged file over, a chunk at a time, and goes on after a kill.

Rows keep their offsets: they are older than all of the new file, whose own offsets begin behind
them, and the file's new name tells its offsets from the old ones. The server knows readings by
their time, so one that it already has is not stored twice.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

from edge_agent.errors import JournalFullError
from edge_agent.journal.base import Alias, Row
from edge_agent.journal.clock_epochs import ProvisionalRow
from edge_agent.journal.damage import JournalCorruptError, translated

CHUNK = 2000
"""Rows a step: with a step per commit, faster than any backlog goes out."""

_NEXT = (
    "SELECT offset, device, fragment, taken_at, readings FROM rows"
    " WHERE offset > ? ORDER BY offset LIMIT ?"
)
_FURTHEST = 2**62


EpochRecord = tuple[int, str, int | None]


class RecoverySeed(NamedTuple):
    """What a new file takes over at once, before anything is numbered.

    Attributes:
        aliases: Alias number to what it stands for.
        bd_seq: Used twice, an old death could end a new birth; None when unknown.
        base: Every offset of the damaged file is below this.
        epochs: Era, boot and zero of rows whose time was not final.
    """

    aliases: dict[int, Alias]
    bd_seq: int | None
    base: int
    epochs: list[EpochRecord]


class Chunk(NamedTuple):
    """A few rows of a damaged file.

    Attributes:
        through: Everything up to this offset has been looked at.
        over: Whether nothing follows.
    """

    rows: list[Row]
    held: list[ProvisionalRow]
    through: int
    over: bool


def foundation(damaged: Path, *, now_ms: int) -> RecoverySeed | None:
    """Read what rows mean; None when that is lost, and with it the meaning of every row.

    Raises JournalFullError when the disk refuses for now.
    """
    try:
        with closing(_connect(damaged)) as source:
            aliases, facts, epochs = _aliases(source), _facts(source), _epochs(source)
    except sqlite3.DatabaseError as error:
        why = translated(error, damaged)
        if isinstance(why, JournalFullError):
            raise why from error
        return None
    # Without its facts nobody knows what was numbered: far beyond anything that can have been.
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
            held = list(_held(source, rows))
    except sqlite3.DatabaseError as error:
        raise translated(error, damaged) from error
    return Chunk(rows, held, through, over=not rows)


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


def _held(source: sqlite3.Connection, rows: list[Row]) -> Iterator[ProvisionalRow]:
    """Yield which of these rows had no final time, with the era as the damaged file has it."""
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
