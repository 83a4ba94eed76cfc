"""Both stores at one instant, as files beside them that nobody changes any more.

The files of past days are only named a second time. What is being written today, and the records,
are copied. The folders are on the stores' own disks, so whoever takes them away may be slow.
"""

import shutil
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from config.server import ServerSettings
from server.backup.manifest import RECORDS
from server.backup.records_snapshot import RecordsSnapshot
from server.core.clock import Clock
from server.core.errors import ServerError, StoreError
from server.history.duckdb import DuckHistory
from server.history.snapshot import HistorySnapshot

T = TypeVar("T")
STAGING = ".backup-in-progress"


class AtRest(Protocol):
    """Runs quick work while nothing is evaluated and everything evaluated is stored."""

    def __call__(self, work: Callable[[], T], /) -> T:
        """Return what the work returns."""
        ...


class Staged(NamedTuple):
    """Where the copies are."""

    at_ms: int
    """The instant, UTC ms."""
    records: str
    records_kind: str
    records_schema: str
    history: str | None
    """Folder; None when the readings are in a store of its own."""


class _Pinned:
    """What both stores hold at one instant."""

    def __init__(
        self, settings: ServerSettings, history: HistorySnapshot | None, clock: Clock
    ) -> None:
        self.history = history
        try:
            self.records = RecordsSnapshot(settings.records.url)
        except StoreError:
            if history is not None:
                history.close()
            raise
        self.at_ms = clock.now_ms()

    def link_files(self, folder: Path) -> None:
        if self.history is not None:
            self.history.link_files(folder)

    def close(self) -> None:
        self.records.close()
        if self.history is not None:
            self.history.close()


def stage(
    settings: ServerSettings, history: DuckHistory | None, *, at_rest: AtRest, clock: Clock
) -> Staged:
    """Copy both stores; in a thread of its own, it takes a while.

    Args:
        settings: Where the stores are.
        history: The embedded one, open; None when the readings are elsewhere.
        at_rest: Gives the instant.
        clock: Says which instant it is.

    Raises:
        StoreError: A store cannot be read, or the disk is full.
    """
    clear_staging(settings)
    own, beside = _folders(settings)
    try:
        own.mkdir(mode=0o700)
        if history is None:
            with closing(at_rest(lambda: _Pinned(settings, None, clock))) as pinned:
                return _write(pinned, own, None)
        beside.mkdir(mode=0o700)
        with ExitStack() as stack:
            with history.files_kept():
                pinned = at_rest(lambda: _Pinned(settings, history.snapshot(), clock))
                stack.callback(pinned.close)
                pinned.link_files(beside)
            return _write(pinned, own, beside)
    except OSError as error:
        clear_staging(settings)
        raise StoreError(f"no copy can be made in {own}: {error.strerror}") from error
    except ServerError:
        clear_staging(settings)
        raise


def clear_staging(settings: ServerSettings) -> None:
    """Delete the copies, or what an interrupted backup has left of them."""
    for folder in _folders(settings):
        shutil.rmtree(folder, ignore_errors=True)


def _folders(settings: ServerSettings) -> tuple[Path, Path]:
    return settings.data_dir / STAGING, settings.history.path / STAGING


def _write(pinned: _Pinned, own: Path, beside: Path | None) -> Staged:
    if pinned.history is not None and beside is not None:
        pinned.history.write_hot(beside)
    path = own / RECORDS
    pinned.records.write(path)
    return Staged(
        pinned.at_ms,
        str(path),
        pinned.records.kind,
        pinned.records.revision,
        None if beside is None else str(beside),
    )
