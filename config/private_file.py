"""Files that hold a secret: nobody but their owner may read them."""

import stat
from pathlib import Path
from typing import Final

from config.connection_files import unreadable
from config.errors import ConfigError

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_MOST_BYTES: Final = 1_000_000


def private_problem(path: Path) -> str:
    """Return why no secret is read from this file, as words behind its name; empty: it may be."""
    why = unreadable(path)
    if why:
        return why
    state = path.stat()
    if stat.S_IMODE(state.st_mode) & _OTHERS:
        mode = stat.S_IMODE(state.st_mode)
        return f"may be read or changed by others (mode {mode:04o}); allowed is 0600: chmod 600"
    return "" if state.st_size <= _MOST_BYTES else "is too long"


def private_text(path: Path) -> str:
    """Return the text of such a file.

    Raises:
        ConfigError: It is missing, open to others, or no text; the message names it.
    """
    why = private_problem(path)
    if why:
        raise ConfigError(f"{path} {why}")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is no text in UTF-8") from None
