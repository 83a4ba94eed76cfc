"""The folder of the backups of one server: one folder for each, named by its instant."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from server.backup.manifest import MANIFEST, Manifest, read_manifest
from server.core.errors import ConflictError, ServerError

PARTIAL = ".partial"
"""Ends the name of a backup that is being made, or was interrupted."""
_NAME = re.compile(r"\d{8}T\d{6}Z(\.partial)?")
_NAMED = 3
"""Files in an error message."""


def prepare_folder(folder: Path) -> list[str]:
    """Make the folder when it is missing; return the names of interrupted backups, now deleted.

    Raises:
        ConflictError: There is something else in it.
        ServerError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        strangers = sorted(one.name for one in folder.iterdir() if not _NAME.fullmatch(one.name))
        if strangers:
            some = ", ".join(strangers[:_NAMED]) + (", ..." if len(strangers) > _NAMED else "")
            raise ConflictError(
                f"{folder} holds something else ({some}): give backups a folder of their own"
            )
        torn = sorted(folder.glob(f"*{PARTIAL}"))
        for one in torn:
            shutil.rmtree(one)
    except OSError as error:
        raise ServerError(f"{folder}: {error.strerror}") from error
    return [one.name for one in torn]


def newest_backup(folder: Path) -> tuple[Path, Manifest]:
    """Return the newest whole backup; ``folder`` may also be a backup itself.

    Raises:
        ServerError: There is none.
    """
    if (folder / MANIFEST).exists() or _NAME.fullmatch(folder.absolute().name):
        return folder, read_manifest(folder)
    for path in _newest_first(folder):
        if (path / MANIFEST).exists():
            return path, read_manifest(path)
    torn = sorted(one.name for one in folder.glob(f"*{PARTIAL}")) if folder.is_dir() else []
    what = f"; {', '.join(torn)} was interrupted and is not whole" if torn else ""
    raise ServerError(f"{folder}: there is no backup{what}")


def find_backup_before(folder: Path) -> tuple[Path, Manifest] | None:
    """Return the newest whole backup whose files may be named a second time."""
    for path in _newest_first(folder):
        try:
            return path, read_manifest(path)
        except ServerError:
            continue
    return None


def delete_old(folder: Path, keep: int) -> list[str]:
    """Delete all but the newest ``keep`` backups; return their names."""
    old = list(_newest_first(folder))[keep:]
    for path in old:
        # Without its manifest it is no backup any more, whatever happens next.
        (path / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(path)
    return [path.name for path in old]


def _newest_first(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        names = sorted(folder.iterdir(), reverse=True)
        yield from (one for one in names if _NAME.fullmatch(one.name) and one.suffix != PARTIAL)
