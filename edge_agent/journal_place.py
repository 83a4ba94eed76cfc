"""Whether there can be a journal where the agent file wants one, asked once at the start."""

import errno
from pathlib import Path
from tempfile import TemporaryFile

from edge_agent.errors import JournalError

_MISTAKES = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR}
)


def refuse_hopeless_place(path: Path) -> None:
    """Refuse a path where no file can ever be written.

    A gateway that loses what it could not send at its next start would look like one that works.
    A disk that is full is none of this, nor one that holds a journal and turned read-only: that
    is a fault, and polling goes on.

    Raises:
        JournalError: A folder's rights, a read-only folder, a wrong name or a folder's name.
    """
    if path.is_dir():
        raise JournalError(f"{path} is a folder; set journal.path to a file in it")
    folder = path.parent
    while not folder.exists() and folder != folder.parent:
        # The journal makes its folder itself.
        folder = folder.parent
    try:
        with TemporaryFile(dir=folder):
            return
    except OSError as error:
        fault = error.errno == errno.EROFS and path.exists()
        if error.errno in _MISTAKES and not fault:
            why = f"{path}: {error.strerror}: no journal can be written there"
            raise JournalError(f"{why}; set journal.path") from error
