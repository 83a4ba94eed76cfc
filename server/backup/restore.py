"""Puts a backup into empty places: records, history, server file and secrets."""

import json
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from config.load_server import load_server
from config.server import ServerSettings
from server.backup.folder import newest_backup
from server.backup.manifest import (
    ATTACHMENTS,
    HISTORY,
    RECORDS,
    Manifest,
    copy_with_digest,
    digest_of,
    sync,
)
from server.backup.tables import OnProgress, copy_all, is_empty
from server.core.errors import ConflictError, ServerError, StoreError
from server.core.lock import UNFINISHED, claim_folder
from server.core.records import Records
from server.core.schema import upgrade

OnBytes = Callable[[int], None]
_NAMED = 3


class Backup(NamedTuple):
    """A whole backup."""

    folder: Path
    manifest: Manifest


class Restored(NamedTuple):
    """What became of it."""

    settings: ServerSettings
    written: list[str]
    """Files besides the stores that were put back."""
    kept: list[str]
    """Files that were there already and say something else."""


def check_backup(folder: Path, progress: OnBytes) -> Backup:
    """Find the newest backup and read all of it.

    Args:
        folder: Of all backups, or of one.
        progress: Hears of bytes that were read.

    Raises:
        ServerError: There is none, it is torn, or a file of it is missing or damaged.
    """
    path, manifest = newest_backup(folder)
    for one in manifest.files:
        file = path / one.name
        try:
            digest = digest_of(file)
        except OSError as error:
            raise ServerError(f"{file}: {error.strerror}; this backup is not whole") from error
        if digest != one.sha256:
            raise ServerError(
                f"{file} is damaged: its checksum is not that of the backup. Nothing was changed; "
                "use another backup"
            )
        progress(one.size)
    return Backup(path, manifest)


def restore(
    backup: Backup,
    server_file: Path,
    *,
    roles: tuple[str, ...],
    progress: OnBytes,
    rows: OnProgress,
) -> Restored:
    """Put a backup that was checked into empty places.

    A server file that is there already says where; otherwise that of the backup is put back.
    Interrupted, it may be repeated, and no server starts before it has succeeded.

    Args:
        backup: What ``check_backup`` returned.
        server_file: Of the server that is restored.
        roles: All that might use its data folder.
        progress: Hears of bytes that are done.
        rows: Hears of rows that are done, when the records go to PostgreSQL.

    Raises:
        ConfigError: The server file is wrong.
        ServerError: A place is not empty, or cannot be written.
    """
    written, kept = _put_files(backup, server_file)
    manifest = backup.manifest
    with ExitStack() as undo:
        for path in written:
            undo.callback(Path(path).unlink)
        settings = load_server(server_file)
        marker = settings.data_dir / UNFINISHED
        if not marker.exists():
            _refuse_what_is_there(settings, manifest)
        undo.pop_all()
    with claim_folder(settings.data_dir, roles):
        marker.write_text(json.dumps({"backup": str(backup.folder)}) + "\n", encoding="utf-8")
        sync(settings.data_dir)
        try:
            if manifest.history is not None:
                _put_history(backup, settings.history.path, progress)
            _put_attachments(backup, settings.data_dir / ATTACHMENTS, progress)
            _put_records(backup, settings.records.url, progress, rows)
        except OSError as error:
            raise StoreError(f"{error.filename}: {error.strerror}; try again") from error
        marker.unlink()
        sync(settings.data_dir)
    return Restored(settings, written, kept)


def _put_files(backup: Backup, server_file: Path) -> tuple[list[str], list[str]]:
    """Put back what is missing; return names that were written, and those that differ."""
    base = server_file.absolute().parent
    written: list[str] = []
    kept: list[str] = []
    for number, one in enumerate(backup.manifest.named_files):
        target = server_file.absolute() if number == 0 else base / one.path
        source = backup.folder / one.name
        try:
            if target.exists():
                if digest_of(target) != digest_of(source):
                    kept.append(str(target))
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = target.with_name(target.name + ".restoring")
            copy_with_digest(source, partial)
            partial.chmod(one.mode)
            partial.replace(target)
        except OSError as error:
            raise ServerError(f"{target}: {error.strerror}") from error
        written.append(str(target))
    return written, kept


def _refuse_what_is_there(settings: ServerSettings, manifest: Manifest) -> None:
    backend = settings.history.backend.kind
    if manifest.history is not None and backend != manifest.history:
        raise ConflictError(
            f"history.backend is {backend}, but the backup holds files of the embedded store: "
            "restore with backend embedded"
        )
    if not is_empty(settings.records.url):
        raise ConflictError(
            "there are records already where these would go; restore into an empty place: move "
            f"{settings.data_dir} away, or make an empty database"
        )
    folder = settings.history.path
    if manifest.history is not None and folder.is_dir():
        there = sorted(one.name for one in folder.iterdir())
        if there:
            raise ConflictError(
                f"{folder} is not empty ({', '.join(there[:_NAMED])}): move it away first"
            )


def _put_history(backup: Backup, folder: Path, progress: OnBytes) -> None:
    if folder.is_dir():
        shutil.rmtree(folder)  # of a restore that was interrupted
    folder.mkdir(parents=True)
    for one in backup.manifest.files:
        if one.name.startswith(f"{HISTORY}/"):
            copy_with_digest(backup.folder / one.name, folder / Path(one.name).name)
            progress(one.size)
    sync(folder)


def _put_attachments(backup: Backup, folder: Path, progress: OnBytes) -> None:
    """Put back what belongs to the records; a file that is there already holds the same."""
    stored = [one for one in backup.manifest.files if one.name.startswith(f"{ATTACHMENTS}/")]
    if not stored:
        return
    folder.mkdir(mode=0o700, exist_ok=True)
    for one in stored:
        copy_with_digest(backup.folder / one.name, folder / Path(one.name).name)
        progress(one.size)
    sync(folder)


def _put_records(backup: Backup, url: str, progress: OnBytes, rows: OnProgress) -> None:
    source = backup.folder / RECORDS
    if url.startswith("sqlite:///"):
        target = Path(url.removeprefix("sqlite:///"))
        target.parent.mkdir(parents=True, exist_ok=True)
        for rest in ("-wal", "-shm"):
            target.with_name(target.name + rest).unlink(missing_ok=True)
        copy_with_digest(source, target)
        sync(target.parent)
    else:
        _put_rows(source, url, rows)
    progress(source.stat().st_size)


def _put_rows(source: Path, url: str, rows: OnProgress) -> None:
    with TemporaryDirectory(prefix="plantroom-restore-") as name:
        # The backup stays as it is, whatever schema it has.
        ours = f"sqlite:///{shutil.copyfile(source, Path(name) / RECORDS)}"
        upgrade(ours)
        upgrade(url)
        with Records.open(ours, read_only=True) as old, Records.open(url) as new:
            copy_all(old, new, rows)
