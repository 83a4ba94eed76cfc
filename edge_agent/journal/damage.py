"""A journal file that is damaged: recognised and set aside; salvage.py empties it."""

import sqlite3
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

from edge_agent.errors import JournalError, JournalFullError

log = structlog.get_logger()

_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_PARTS = ("", "-wal", "-shm")
_DONE: Final = ".salvaged"
_UNREADABLE: Final = ".unreadable"
MOST_ASIDE: Final = 3
"""Damaged files kept for somebody with more tools; the oldest give way."""


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
    """Whether the file was found damaged and not set aside yet."""
    return _note(path).exists()


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
    _note(path).unlink(missing_ok=True)
    _keep_few(path)
    return aside


def waiting(path: Path) -> list[Path]:
    """Return the files set aside of which rows may still be taken over, oldest first.

    The name says so, and nothing else has to: a kill between any two steps loses no file.
    """
    found = path.parent.glob(f"{path.name}.corrupt-*")
    return sorted(
        file for file in found if not file.name.endswith((*_PARTS[1:], _DONE, _UNREADABLE))
    )


def finish(aside: Path, *, readable: bool) -> None:
    """Note in its name that nothing more is taken from a file; it stays for people."""
    suffix = _DONE if readable else _UNREADABLE
    for part in _PARTS[1:]:
        aside.with_name(aside.name + part).unlink(missing_ok=True)
    aside.rename(aside.with_name(aside.name + suffix))


def _keep_few(path: Path) -> None:
    """Delete the oldest files set aside; those that still wait go last."""
    pending = waiting(path)
    done = [
        file
        for ending in (_DONE, _UNREADABLE)
        for file in path.parent.glob(f"{path.name}.corrupt-*{ending}")
    ]
    surplus = len(pending) + len(done) - MOST_ASIDE
    for file in [*sorted(done), *pending][: max(0, surplus)]:
        log.error("journal_aside_deleted", file=str(file), kept=MOST_ASIDE)
        for part in _PARTS:
            file.with_name(file.name + part).unlink(missing_ok=True)


def _family(aside: Path) -> list[Path]:
    return list(aside.parent.glob(f"{aside.name}*"))


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.damaged")
