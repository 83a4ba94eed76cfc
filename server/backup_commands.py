"""``plantroom server backup`` and ``restore``."""

from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import click

from config.history import EmbeddedBackend
from config.load_server import load_server
from config.server import ServerSettings
from server.backup.folder import newest_backup, prepare_folder
from server.backup.make import Made, make_backup, missing_attachments, plan
from server.backup.restore import check_backup, restore
from server.backup.staging import Staged, clear_staging, stage
from server.backup.tables import is_there
from server.control.visitor import visit
from server.core.clock import SystemClock
from server.core.errors import ConflictError
from server.core.instant import rfc3339
from server.core.lock import claim_folder, refuse_unfinished
from server.exits import failing
from server.history.duckdb import DuckHistory
from server.migrate_command import tell_rows
from server.roles.split import ROLES, why_one_process

T = TypeVar("T")
_COPY_S = 6 * 3600.0
"""Longest wait until the server has copied its day and its records."""
_FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
_FOLDER = click.argument("folder", type=click.Path(path_type=Path, file_okay=False))


@click.command()
@_FILE
@_FOLDER
@click.option(
    "--keep", type=click.IntRange(min=1), help="Keep so many backups, delete older ones; else all."
)
@click.option(
    "--whole",
    is_flag=True,
    help="Copy and add up every day anew instead of sharing files with the backup before.",
)
def backup(file: Path, folder: Path, keep: int | None, *, whole: bool) -> None:
    """Back up records, history, the server file and its secrets, also while the server runs.

    Makes FOLDER/20261129T045200Z, named by the instant (UTC) of which it is: what was acknowledged
    to a gateway before is in it, and records and history are of the same instant. A day of the
    history that the backup before has is shared with it (hard link), so a backup costs as much
    space as what is new. An interrupted backup is named *.partial and is never restored.

    FOLDER holds secrets: keep it as safe as the server. Readings in InfluxDB or VictoriaMetrics are
    not in it: make their own backup directly before this one. In a house that is divided, use it on
    a machine that has the folder with the files of work orders.

    Example: plantroom server backup server.yaml /mnt/backup/plantroom --keep 14
    """
    with failing():
        settings = load_server(file)
        torn = prepare_folder(folder)
        with _staged(settings) as staged:
            files = plan(staged, settings, file)
            missing = missing_attachments(staged, settings)
            size = sum(one.source.stat().st_size for one in files)
            with click.progressbar(length=size, label="copying") as bar:
                made = make_backup(
                    staged,
                    files,
                    folder=folder,
                    server_file=file,
                    version=version("plantroom"),
                    keep=keep,
                    whole=whole,
                    progress=bar.update,
                )
    for name in torn:
        click.echo(f"deleted {name}, which was interrupted")
    if missing:
        click.echo(
            f"warning {missing} files of work orders are not in {settings.data_dir}, and so not in "
            "it: use this command where they are",
            err=True,
        )
    _tell(made)


@click.command(name="restore")
@_FILE
@_FOLDER
def restore_(file: Path, folder: Path) -> None:
    """Put the newest backup of FOLDER, or the backup FOLDER, into empty places.

    Every file is compared with its checksum before anything is written. When FILE is missing, the
    backup's server file and secrets are put there; otherwise FILE says where everything goes, and
    what it names and is there already stays. Records may go to PostgreSQL although they come from
    SQLite, and the other way. Records or a history that are there already are refused.

    Run it as the user of the server, and start the server afterwards. What gateways have not been
    told to forget comes again; what they were told between the backup and now is lost, and
    messages that waited then are sent once more.

    Example: plantroom server restore server.yaml /mnt/backup/plantroom
    """
    with failing():
        with click.progressbar(length=_size_of(folder), label="checking") as bar:
            found = check_backup(folder, bar.update)
        with click.progressbar(length=found.manifest.size, label="restoring") as bar:
            done = restore(found, file, roles=ROLES, progress=bar.update, rows=tell_rows)
    at = rfc3339(found.manifest.at_ms)
    by = found.manifest.plantroom
    click.echo(f"restored {found.folder}, as everything was at {at}, made by Plantroom {by}")
    for path in done.written:
        click.echo(f"written {path}")
    for path in done.kept:
        click.echo(f"kept    {path}, which says something else than that of the backup")
    if found.manifest.history is None:
        click.echo("note    the readings are not in this backup: restore those of their own store")
    click.echo(f"now     plantroom server run {file}")


@contextmanager
def _staged(settings: ServerSettings) -> Generator[Staged]:
    """Have the server copy its stores; without one this process does it."""
    with visit(settings.data_dir) as server:
        if server is not None:
            click.echo("the server copies its records and its day", err=True)
            yield Staged(**server.ask("copy", {}, timeout_s=_COPY_S).head)
            return
    if not is_there(settings.records.url):
        raise ConflictError(f"there are no records in {settings.data_dir}: nothing to back up")
    # What PostgreSQL and another server hold is copied beside whoever writes there.
    alone = ROLES if why_one_process(settings) else ("backup",)
    with claim_folder(settings.data_dir, alone):
        refuse_unfinished(settings.data_dir)
        with ExitStack() as stack:
            history: DuckHistory | None = None
            if isinstance(settings.history.backend, EmbeddedBackend):
                history = DuckHistory(
                    settings.history.path, memory_limit_mb=settings.history.memory_limit_mb
                )
                stack.callback(history.close)
            stack.callback(clear_staging, settings)
            yield stage(settings, history, at_rest=_now, clock=SystemClock())


def _now(work: Callable[[], T]) -> T:
    """Nobody else writes."""
    return work()


def _size_of(folder: Path) -> int:
    return newest_backup(folder)[1].size


def _tell(made: Made) -> None:
    manifest = made.manifest
    for name in made.deleted:
        click.echo(f"deleted {name}, which is old")
    shared = f", {made.linked} shared with the backup before" if made.linked else ""
    click.echo(f"files   {len(manifest.files)}, {manifest.size / 1e6:,.1f} MB{shared}")
    if manifest.history is None:
        click.echo(
            "note    the readings are not in it: their own store needs its own backup, made before"
        )
    click.echo(f"made    {made.folder}, as everything was at {rfc3339(manifest.at_ms)}")
