"""Files that are on disk when it is said so, and their names in SQL."""

import os
from collections.abc import Iterable
from pathlib import Path


def sync(path: Path) -> None:
    """Return when a file, or what a folder holds, is on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def quote(text: str) -> str:
    """Return a text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def quoted(paths: Iterable[str]) -> str:
    """Return paths as a list in SQL."""
    return "[" + ", ".join(map(quote, paths)) + "]"
