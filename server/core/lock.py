"""One process per role and data folder."""

import fcntl
import os
from collections.abc import Generator, Iterable
from contextlib import ExitStack, contextmanager
from pathlib import Path

from server.core.errors import ServerError


@contextmanager
def claim_folder(folder: Path, roles: Iterable[str]) -> Generator[None]:
    """Hold the folder for these roles; the kernel lets go of it when the process ends, however.

    Raises:
        ServerError: Another process has it, or it cannot be made.
    """
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for role in sorted(roles):
                handle = stack.enter_context((folder / f"{role}.lock").open("a+"))
                _lock(handle.fileno(), folder, role)
                handle.seek(0)
                handle.truncate()
                handle.write(f"{os.getpid()}\n")
                handle.flush()
        except OSError as error:
            raise ServerError(f"data_dir {folder}: {error.strerror}") from error
        yield


def _lock(descriptor: int, folder: Path, role: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        owner = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
        raise ServerError(
            f"data_dir {folder} is used by another server (process {owner}, role {role}); "
            "stop it first or give this one a folder of its own"
        ) from error
