"""The demo's folder: one demo at a time, and nothing is deleted that is not a demo's."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import IO

from plantroom.errors import DemoError

_LOCK = "demo.lock"
_OURS = {_LOCK, "server.yaml", "password", "logs"}
"""What every demo leaves; another folder has none of it."""


@contextlib.contextmanager
def demo_folder(folder: Path, *, fresh: bool) -> Generator[None]:
    """Hold the folder as long as the demo runs.

    Args:
        folder: It is made when it is missing.
        fresh: Delete first what an earlier run has left.

    Raises:
        DemoError: Another demo runs there, or the folder is something else.
    """
    try:
        there = {one.name for one in folder.iterdir()} if folder.exists() else set[str]()
        if there and not there & _OURS:
            raise DemoError(f"{folder} is no folder of a demo; name another one with --dir")
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / _LOCK).open("a+") as lock:
            _hold(lock, f"a demo runs in {folder} already")
            for held in sorted((folder / "data").glob("*.lock")):
                with held.open("a+") as other:
                    _hold(other, f"a server of an earlier demo still runs in {folder}")
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
            if fresh:
                _empty(folder)
            (folder / "logs").mkdir(exist_ok=True)
            yield
    except OSError as error:
        raise DemoError(f"{error.filename or folder}: {error.strerror}") from error


def _hold(lock: IO[str], message: str) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.seek(0)
        pid = lock.read(20).strip() or "unknown"
        raise DemoError(f"{message} (process {pid}); stop it first: kill -INT {pid}") from error


def _empty(folder: Path) -> None:
    for one in folder.iterdir():
        if one.name == _LOCK:
            continue
        if one.is_dir() and not one.is_symlink():
            shutil.rmtree(one)
        else:
            one.unlink()
