"""What a backup is made of: its instant, its schemas, and a checksum of every file."""

import hashlib
import os
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from config.base import Settings
from server.core.errors import DowngradeError, ServerError
from server.core.instant import rfc3339
from server.core.schema import refuse_newer
from server.history.database import LAYOUT

MANIFEST = "manifest.json"
FORMAT = 1
RECORDS, HISTORY, FILES = "records.sqlite", "history", "files"
ATTACHMENTS = "attachments"
"""What is in the folder of a backup beside its manifest."""
_BLOCK = 1 << 20


class StoredFile(Settings):
    """A file of the backup."""

    name: str = Field(description="Path within the backup.")
    size: int = Field(description="Bytes.")
    sha256: str
    changed_ns: int = Field(description="When the original was last written, UTC ns.")


class NamedFile(Settings):
    """A file that the server file names, or the server file."""

    name: str = Field(description="Path within the backup.")
    path: str = Field(description="Where it was: from the server file's folder, or absolute.")
    mode: int = Field(description="Permissions.")


class Manifest(Settings):
    """One backup; written last, so a backup without one is torn."""

    format: int
    plantroom: str = Field(description="Version of the program.")
    at_ms: int = Field(description="The instant: everything acknowledged before is there, UTC ms.")
    records_kind: Literal["sqlite", "postgresql"]
    records_schema: str
    history: Literal["embedded"] | None = Field(description="None: it is in a store of its own.")
    history_layout: int = Field(default=0, description="Of its tables; 0 without one.")
    server_file: str = Field(description="Name of the server file.")
    named_files: tuple[NamedFile, ...]
    files: tuple[StoredFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(one.size for one in self.files)


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a backup.

    Raises:
        ServerError: There is none, or it is damaged: the backup is torn.
        DowngradeError: A newer program has made it.
    """
    path = folder / MANIFEST
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise ServerError(
            f"{folder} is no whole backup: {MANIFEST} cannot be read: {why}. A backup without it "
            "was interrupted"
        ) from error
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        _refuse_newer_format(text, folder)
        raise ServerError(f"{path} is damaged: {error.errors()[0]['msg']}") from error
    _refuse_newer_format(text, folder)
    refuse_newer(manifest.records_schema, f"the records in {folder}")
    if manifest.history_layout > LAYOUT:
        raise DowngradeError(
            f"the history in {folder} has layout {manifest.history_layout}, this Plantroom reads "
            f"up to {LAYOUT}: restore it with version {manifest.plantroom} or a newer one"
        )
    return manifest


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest; it is on disk when this returns."""
    path = folder / MANIFEST
    path.write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
    sync(path)
    sync(folder)


def name_of(at_ms: int) -> str:
    """Return the folder's name of a backup of this instant; names sort by time."""
    return rfc3339(at_ms)[:19].replace(":", "").replace("-", "") + "Z"


def digest_of(path: Path) -> str:
    """Return the checksum of a file.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy_with_digest(source: Path, target: Path) -> str:
    """Copy a file and its time; return its checksum. It is on disk when this returns.

    Raises:
        OSError: It cannot be read or written.
    """
    digest = hashlib.sha256()
    with source.open("rb") as read, target.open("wb") as write:
        while block := read.read(_BLOCK):
            digest.update(block)
            write.write(block)
        write.flush()
        os.fsync(write.fileno())
    state = source.stat()
    os.utime(target, ns=(state.st_atime_ns, state.st_mtime_ns))
    return digest.hexdigest()


def sync(path: Path) -> None:
    """Wait until a file or a folder is on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _refuse_newer_format(text: str, folder: Path) -> None:
    try:
        found = _Format.model_validate_json(text).format
    except ValidationError:
        return
    if found > FORMAT:
        raise DowngradeError(
            f"{folder} is a backup of format {found}, this Plantroom reads {FORMAT}: restore it "
            "with the version that has made it, or a newer one"
        )


class _Format(Settings):
    model_config = Settings.model_config | {"extra": "ignore"}

    format: int
