"""Where the door is: a socket in the data folder, however long the folder's path is."""

import os
import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from server.core.errors import StoreError
from server.core.shard import WHOLE, Shard

SOCKET = "control.sock"
"""Of a server that ingests all sites; each shard has one of its own."""


def socket_name(shard: Shard) -> str:
    """Return the name of the socket of who ingests this."""
    return SOCKET if shard.is_whole else f"control-{shard.number}-of-{shard.count}.sock"


@contextmanager
def listening(folder: Path, shard: Shard = WHOLE) -> Generator[socket.socket]:
    """Give a listening socket for this process's user; what an earlier process left is replaced.

    Raises:
        StoreError: It cannot be made.
    """
    name = socket_name(shard)
    with socket.socket(socket.AF_UNIX) as listener, _short(folder) as short:
        path = folder / name
        try:
            path.unlink(missing_ok=True)
            listener.bind(f"{short}/{name}")
            path.chmod(0o600)  # nobody can connect before it listens
            listener.listen()
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}") from error
        listener.setblocking(False)  # noqa: FBT003 (its name says it)
        try:
            yield listener
        finally:
            path.unlink(missing_ok=True)


def connect(folder: Path, shard: Shard = WHOLE) -> socket.socket | None:
    """Return a connection to the server of this data folder; None when none runs.

    Args:
        folder: The data folder.
        shard: What it ingests.

    Raises:
        StoreError: One runs, but this user may not talk to it.
    """
    end = socket.socket(socket.AF_UNIX)
    try:
        with _short(folder) as short:
            end.connect(f"{short}/{socket_name(shard)}")
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        end.close()
        return None
    except OSError as error:
        end.close()
        place = folder / socket_name(shard)
        raise StoreError(
            f"{place}: {error.strerror}; use this command as the server's user"
        ) from error
    return end


@contextmanager
def _short(folder: Path) -> Generator[str]:
    """Give a short name of the folder: the address of a socket has at most 107 bytes."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)
