"""The journal's file as the event loop sees it: one thread, a file that may fail and return."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import structlog

from config.edge import JournalSettings
from edge_agent.clock import Clock
from edge_agent.errors import JournalError, JournalFullError
from edge_agent.journal.base import Row
from edge_agent.journal.damage import JournalCorruptError, mark, set_aside
from edge_agent.journal.file import Batch, JournalFile, Recovered, Written
from edge_agent.journal.recovery import RecoverySeed

log = structlog.get_logger()
Result = TypeVar("Result")

_RETRY_S: Final = 60.0
_MOST_FAILED_READS: Final = 3


class Disk:
    """Runs a store's work in its thread and remembers what state the file is in.

    Attributes:
        store: None while the disk refuses to hold a journal at all.
        damaged: The file is to be set aside and replaced.
    """

    def __init__(self, settings: JournalSettings, clock: Clock, *, boot: str) -> None:
        self._settings = settings
        self._clock = clock
        self._boot = boot
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self.store: JournalFile | None = None
        self.damaged = False
        self._failed_reads = 0
        self._next_try_s = 0.0

    @property
    def usable(self) -> bool:
        """Whether there is a file that may be read and written."""
        return self.store is not None and not self.damaged

    @property
    def retry_due(self) -> bool:
        """Whether it is time to open or to replace the file."""
        return not self.usable and self._clock.monotonic_s() >= self._next_try_s

    async def open(self, ground: RecoverySeed | None = None) -> JournalFile:
        """Open the file, in place of a damaged one.

        Raises:
            JournalFullError: The disk refuses; ``retry_due`` says when to ask it again.
            JournalError: Another process has the file, or a newer version wrote it.
        """
        self._next_try_s = self._clock.monotonic_s() + _RETRY_S
        await self._set_aside()
        self.store = await self._in_worker(
            lambda: JournalFile.open(
                self._settings, now_ms=self._clock.now_ms(), boot=self._boot, ground=ground
            )
        )
        self._failed_reads = 0
        return self.store

    async def write(self, batch: Batch) -> Written:
        """Write a batch; JournalFullError and JournalCorruptError leave it unwritten."""
        return await self._watched(lambda store: store.write(batch))

    async def read(self, first: int, last: int, limit: int) -> list[Row]:
        """Return up to ``limit`` rows; nothing while there is no file. Raises JournalError."""
        if self.store is None:
            return []
        try:
            rows = await self._watched(lambda store: store.read(first, last, limit))
        except JournalFullError as error:
            self._failed_reads += 1
            # A sector that cannot be read stays so: pass over it, as over any other damage.
            if self._failed_reads >= _MOST_FAILED_READS:
                self.found_damaged(error)
            raise
        self._failed_reads = 0
        return rows

    async def settle(self, boot_offset_ms: int) -> int | None:
        """Close the open eras of the file; return the first offset that waited."""
        return await self._watched(lambda store: store.settle(boot_offset_ms))

    async def recover(self) -> Recovered:
        """Take over one chunk of a file set aside. Raises JournalError."""
        return await self._watched(JournalFile.recover)

    def found_damaged(self, error: JournalError) -> None:
        """Note that the file has to be replaced."""
        if not self.damaged:
            log.error("journal_damaged", path=str(self._settings.path), error=str(error))
            mark(self._settings.path)
            self.damaged, self._next_try_s = True, 0.0

    async def close(self) -> None:
        """Close the file and end the thread; a damaged one is set aside by the next start."""
        try:
            await self._close_store()
        finally:
            self._worker.shutdown()

    async def _set_aside(self) -> None:
        if not self.damaged:
            return
        await self._close_store()
        path = self._settings.path
        try:
            if path.exists():
                aside = await self._in_worker(lambda: set_aside(path, self._clock.now_ms()))
                log.error("journal_set_aside", path=str(path), kept_as=str(aside))
        except OSError as error:
            raise JournalFullError(f"{path}: {error}") from error
        self.damaged = False

    async def _close_store(self) -> None:
        store, self.store = self.store, None
        if store is not None:
            await self._in_worker(store.close)

    async def _watched(self, work: Callable[[JournalFile], Result]) -> Result:
        store = self.store
        if store is None or self.damaged:
            raise JournalFullError(f"{self._settings.path}: there is no journal file")
        try:
            return await self._in_worker(lambda: work(store))
        except JournalCorruptError as error:
            self.found_damaged(error)
            raise

    async def _in_worker(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)
