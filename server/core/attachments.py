"""Files that belong to records: in a folder beside the database, each named by what it holds.

A file is whole on disk before its row is written, so a crash leaves at most a file without a row,
which a sweep deletes. The same bytes are one file, whoever adds them.
"""

import hashlib
import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path

from server.core.errors import NotFoundError, StoreError

ATTACHMENTS = "attachments"
"""Folder in the data folder."""
ORPHAN_MS = 3_600_000
"""So old is a file without a row before it is deleted: an upload may still write its row."""
_NAME = re.compile(r"[0-9a-f]{64}(\.thumbnail)?")
_PARTIAL = ".partial"


class Attachments:
    """The folder; made with the first file."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / ATTACHMENTS

    def keep(self, content: bytes, *, thumbnail: bytes | None = None) -> str:
        """Write a file and its thumbnail to disk, and return the name.

        Raises:
            StoreError: They cannot be written.
        """
        digest = hashlib.sha256(content).hexdigest()
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if thumbnail is not None:
                self._write(f"{digest}.thumbnail", thumbnail)
            self._write(digest, content)
            _sync(self._folder)
        except OSError as error:
            raise StoreError(f"{self._folder}: {error.strerror}") from error
        return digest

    def read(self, digest: str, *, thumbnail: bool = False) -> bytes:
        """Return what a file holds.

        Raises:
            NotFoundError: It is not there.
        """
        try:
            return (self._folder / (f"{digest}.thumbnail" if thumbnail else digest)).read_bytes()
        except FileNotFoundError as error:
            raise NotFoundError(
                f"the file is missing in {self._folder}; was it restored?"
            ) from error

    def sweep(self, known: Collection[str], *, now: int) -> list[str]:
        """Delete what no row names and is older than an hour; return the names.

        Args:
            known: Digests that rows name.
            now: UTC ms.

        Raises:
            StoreError: The folder cannot be read or written.
        """
        deleted: list[str] = []
        try:
            for path in self._files():
                if path.name.partition(".")[0] in known and not path.name.endswith(_PARTIAL):
                    continue
                if not path.exists():
                    continue
                if now - path.stat().st_mtime_ns // 1_000_000 >= ORPHAN_MS:
                    path.unlink()
                    deleted.append(path.name)
        except OSError as error:
            raise StoreError(f"{self._folder}: {error.strerror}") from error
        return deleted

    def stored(self) -> list[Path]:
        """Return every whole file, for a backup."""
        return sorted(one for one in self._files() if _NAME.fullmatch(one.name))

    def _files(self) -> Sequence[Path]:
        # A partial file may get its name while this is read.
        return tuple(self._folder.iterdir()) if self._folder.is_dir() else ()

    def _write(self, name: str, content: bytes) -> None:
        path = self._folder / name
        partial = self._folder / f"{name}.{os.getpid()}-{os.urandom(4).hex()}{_PARTIAL}"
        with partial.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # Also over the same content: an old orphan is young again before its row is written.
        partial.replace(path)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
