"""Damaged files of the history: recognised, moved aside under a telling name, never deleted."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import duckdb
import structlog

_log = structlog.get_logger()
_MARK = ".damaged-"
_OF_THE_FILE = (
    "Corrupt database file",
    "not a valid DuckDB database file",
)
_OF_ANOTHER_VERSION = "storage version number"
_OF_THE_WAL = ("replaying WAL", "Corrupt WAL file")
_OF_THIS_PATH = ("Could not read enough bytes", "Is a directory")


class Damage(NamedTuple):
    """A file that could not be read."""

    file: str
    moved_to: str
    """Its name now, in the same folder."""
    error: str


OnDamage = Callable[[Damage], None]


def is_damage(error: BaseException | None, path: Path) -> bool:
    """Return whether the database itself cannot be read, and will not be by trying again.

    A full disk, a lock of another process and a damaged Parquet file are something else.
    """
    if isinstance(error, duckdb.SerializationException):
        return True
    text = str(error)
    if any(words in text for words in _OF_THIS_PATH):
        return str(path) in text
    return isinstance(error, duckdb.Error) and any(
        words in text for words in (*_OF_THE_FILE, *_OF_THE_WAL)
    )


def is_of_another_version(error: BaseException) -> bool:
    """Return whether another DuckDB has written the file; its checksums are right."""
    return isinstance(error, duckdb.Error) and _OF_ANOTHER_VERSION in str(error)


def only_wal(error: BaseException) -> bool:
    """Return whether what was not yet in the file is damaged, and the file may be good."""
    return any(words in str(error) for words in _OF_THE_WAL)


def set_aside(path: Path, error: object, on_damage: OnDamage) -> Path | None:
    """Move a damaged file aside and report it; None when it is not there.

    Raises:
        OSError: It cannot be moved.
    """
    if not path.exists():
        return None
    number = 1
    while (place := path.with_name(f"{path.name}{_MARK}{number}")).exists():
        number += 1
    path.rename(place)
    _sync(path.parent)
    damage = Damage(path.name, place.name, str(error)[:300])
    _log.error("history_file_damaged", **damage._asdict())
    on_damage(damage)
    return place


def wal_of(path: Path) -> Path:
    """Return where DuckDB keeps what is not yet in a file."""
    return path.with_name(f"{path.name}.wal")


def files_aside(folder: Path) -> list[str]:
    """Return the names of the damaged files in the folder, oldest name first."""
    marks = (f"*{_MARK}*", "*.broken")  # the name that version 0.1 gave
    return sorted(one.name for mark in marks for one in folder.glob(mark))


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
