"""Makes a backup out of what was staged: copies, checksums, and the manifest last."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from config.named_files import named_files
from config.server import ServerSettings
from server.backup.folder import PARTIAL, delete_old, find_backup_before
from server.backup.manifest import (
    ATTACHMENTS,
    FILES,
    FORMAT,
    HISTORY,
    RECORDS,
    Manifest,
    NamedFile,
    StoredFile,
    copy_with_digest,
    name_of,
    sync,
    write_manifest,
)
from server.backup.staging import Staged
from server.core.attachments import Attachments
from server.core.errors import ConflictError, ServerError
from server.history.database import LAYOUT

_DAY_SUFFIX = ".parquet"
_FOLDERS = (HISTORY, FILES, ATTACHMENTS)
OnBytes = Callable[[int], None]


class Made(NamedTuple):
    """What became of it."""

    folder: Path
    manifest: Manifest
    linked: int
    """Files that are those of the backup before."""
    deleted: list[str]
    """Old backups that were deleted."""


class Plan(NamedTuple):
    """What is copied where."""

    name: str
    source: Path
    named: NamedFile | None = None


def plan(staged: Staged, settings: ServerSettings, server_file: Path) -> list[Plan]:
    """Return every file of the backup.

    Raises:
        ServerError: A file that the server file names is missing.
    """
    found = [Plan(RECORDS, Path(staged.records))]
    if staged.history is not None:
        folder = Path(staged.history)
        found += [Plan(f"{HISTORY}/{one.name}", one) for one in sorted(folder.iterdir())]
    # After the records: what their rows name was on disk before them.
    stored = Attachments(settings.data_dir).stored()
    found += [Plan(f"{ATTACHMENTS}/{one.name}", one) for one in stored]
    found += _files(settings, server_file)
    return found


def missing_attachments(staged: Staged, settings: ServerSettings) -> int:
    """Return how many files the copied records name that are not in the folder of this machine."""
    there = {one.name for one in Attachments(settings.data_dir).stored()}
    with closing(sqlite3.connect(f"file:{staged.records}?mode=ro", uri=True)) as records:
        named = records.execute(
            "SELECT sha256 FROM work_order_files UNION SELECT sha256 FROM equipment_documents"
        ).fetchall()
    return sum(name not in there for (name,) in named)


def make_backup(
    staged: Staged,
    files: list[Plan],
    *,
    folder: Path,
    server_file: Path,
    version: str,
    keep: int | None,
    whole: bool,
    progress: OnBytes,
) -> Made:
    """Copy the files into a new folder of ``folder``.

    Args:
        staged: Both stores at one instant.
        files: What ``plan`` returned.
        folder: Of all backups, prepared.
        server_file: The server's.
        version: Of this program.
        keep: So many backups stay, this one included; None: all.
        whole: Copy and add up also what the backup before has.
        progress: Hears of bytes that are done.

    Raises:
        ServerError: The folder cannot be written.
    """
    path = folder / name_of(staged.at_ms)
    if path.exists():
        raise ConflictError(f"{path} is there already: wait a second")
    partial = path.with_name(path.name + PARTIAL)
    before = None if whole else find_backup_before(folder)
    known = {one.name: one for one in before[1].files} if before else {}
    stored: list[StoredFile] = []
    linked = 0
    try:
        for part in (partial, *(partial / name for name in _FOLDERS)):
            part.mkdir(mode=0o700)
        for one in files:
            state = one.source.stat()
            old = known.get(one.name)
            if before and old and _is_the_same(one, state, old):
                _name_again(before[0] / one.name, partial / one.name, one.source)
                stored.append(old)
                linked += 1
            else:
                digest = copy_with_digest(one.source, partial / one.name)
                if one.named is not None:
                    (partial / one.name).chmod(0o600)
                stored.append(
                    StoredFile(
                        name=one.name,
                        size=state.st_size,
                        sha256=digest,
                        changed_ns=state.st_mtime_ns,
                    )
                )
            progress(state.st_size)
        for name in _FOLDERS:
            sync(partial / name)
        manifest = Manifest(
            format=FORMAT,
            plantroom=version,
            at_ms=staged.at_ms,
            records_kind="sqlite" if staged.records_kind == "sqlite" else "postgresql",
            records_schema=staged.records_schema,
            history=None if staged.history is None else "embedded",
            history_layout=0 if staged.history is None else LAYOUT,
            server_file=server_file.name,
            named_files=tuple(one.named for one in files if one.named is not None),
            files=tuple(stored),
        )
        write_manifest(partial, manifest)
        partial.rename(path)
        sync(folder)
        deleted = [] if keep is None else delete_old(folder, keep)
    except OSError as error:
        raise ServerError(
            f"{partial}: {error.strerror}; what is there is no backup and will be deleted by the "
            "next one"
        ) from error
    return Made(path, manifest, linked, deleted)


def _files(settings: ServerSettings, server_file: Path) -> Iterator[Plan]:
    base = server_file.absolute().parent
    for number, source in enumerate([server_file.absolute(), *named_files(settings)]):
        name = f"{FILES}/{number}-{source.name}"
        try:
            mode = source.stat().st_mode & 0o777
        except OSError as error:
            raise ServerError(f"{source}: {error.strerror}; the server file names it") from error
        path = source.relative_to(base) if source.is_relative_to(base) else source
        yield Plan(name, source, NamedFile(name=name, path=str(path), mode=mode))


def _is_the_same(one: Plan, state: os.stat_result, old: StoredFile) -> bool:
    """A day's file is never written again, nor an attachment: what changed has another name."""
    lasting = one.name.endswith(_DAY_SUFFIX) or one.name.startswith(f"{ATTACHMENTS}/")
    return lasting and (state.st_size, state.st_mtime_ns) == (
        old.size,
        old.changed_ns,
    )


def _name_again(before: Path, path: Path, source: Path) -> None:
    """Let two backups share a file; where a disk cannot do that, copy it."""
    try:
        os.link(before, path)
    except OSError:
        copy_with_digest(source, path)
