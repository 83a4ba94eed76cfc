"""One process per role and data folder."""

import fcntl
import os
from collections.abc import Container, Generator, Iterable
from contextlib import ExitStack, contextmanager
from pathlib import Path

from server.core.errors import ServerError

UNFINISHED = "restore-unfinished"
"""Name of a file in the data folder: what is there is not whole yet."""


@contextmanager
def claim_folder(
    folder: Path, roles: Iterable[str], *, shared: Container[str] = ()
) -> Generator[None]:
    """Hold the folder for these roles; the kernel lets go of it when the process ends, however.

    Args:
        folder: Made if need be.
        roles: What this process does.
        shared: Roles that other processes may have as well.

    Raises:
        ServerError: Another process has it, or it cannot be made.
    """
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for role in sorted(roles):
                handle = stack.enter_context((folder / f"{role}.lock").open("a+"))
                _lock(handle.fileno(), folder, role, shared=role in shared)
                if role in shared:
                    continue
                handle.seek(0)
                handle.truncate()
                handle.write(f"{os.getpid()}\n")
                handle.flush()
        except OSError as error:
            raise ServerError(f"data_dir {folder}: {error.strerror}") from error
        yield


def refuse_unfinished(folder: Path) -> None:
    """Refuse a data folder into which a backup was restored in part.

    Raises:
        ServerError: It is one.
    """
    if (folder / UNFINISHED).exists():
        raise ServerError(
            f"data_dir {folder}: a restore was interrupted; repeat it: plantroom server restore"
        )


def _lock(descriptor: int, folder: Path, role: str, *, shared: bool) -> None:
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError as error:
        owner = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
        raise ServerError(
            f"data_dir {folder} is used by another server (process {owner}, role {role}); "
            "stop it first or give this one a folder of its own"
        ) from error
