"""The journal's SQLite file: its statements, and the one thread in which they run."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Final, NamedTuple, Self, TypeVar

import structlog

from config.edge import JournalSettings
from edge_agent.clock import Clock
from edge_agent.errors import JournalCorruptError, JournalError, JournalFullError
from edge_agent.journal import schema
from edge_agent.journal.base import Alias, Row
from edge_agent.journal.buffer import Batch
from edge_agent.journal.clock_epochs import ClockEpochs, moved
from edge_agent.journal.ranges import Range
from edge_agent.journal.recovery import (
    RecoverySeed,
    finish,
    is_marked,
    mark,
    read_chunk,
    seed_of,
    set_aside,
    translated,
    waiting,
)
from edge_agent.journal.schema import Age, Bounds

log = structlog.get_logger()
Result = TypeVar("Result")

# Names in files of earlier versions, too: a recovery that was interrupted by an update goes on.
_ROWS_RECOVERED, _RECOVERED_TO = "salvaged", "salvaged_to"
_READ = (
    "SELECT rows.*, era, zero_ms FROM rows LEFT JOIN held USING (offset)"
    " WHERE rows.offset BETWEEN ? AND ? AND (era IS NULL OR era NOT IN (@))"
    " ORDER BY rows.offset LIMIT ?"
)
_RETRY_S: Final = 60.0
_MOST_FAILED_READS: Final = 3


class Written(NamedTuple):
    """What became of a batch, and what the file holds after it."""

    rows: int
    dropped: int
    disk_bytes: int
    oldest_at: int | None
    provisional_readings: int


class Recovered(NamedTuple):
    """What one step of a recovery took over; ``more`` while another step is worth it."""

    written: Written | None
    arrived: Range | None
    more: bool


class JournalFile:
    """An open journal file, locked against every other agent; others may read it.

    Attributes:
        journal_id: Name stored in the file.
        facts: Numbers stored in the file, such as ``reserved`` and ``bd_seq``.
        aliases: All aliases stored in the file when it was opened.
        epochs: The clock epochs of its rows.
        recovering: Whether rows of a damaged file may still be taken over.
    """

    def __init__(
        self, connection: sqlite3.Connection, lock: IO[bytes], settings: JournalSettings, boot: str
    ) -> None:
        self._connection = connection
        self._lock = lock
        self._path = settings.path
        self._bounds = Bounds(connection, settings)
        facts = dict(connection.execute("SELECT name, value FROM facts"))
        self.journal_id = str(facts.pop("journal_id"))
        self.facts: dict[str, int] = {name: int(value) for name, value in facts.items()}
        self.aliases = {
            int(alias): Alias(device, point, datatype)
            for alias, device, point, datatype in connection.execute("SELECT * FROM aliases")
        }
        self.epochs = ClockEpochs(connection, boot)
        self.recovering = bool(waiting(self._path))

    @classmethod
    def open(
        cls,
        settings: JournalSettings,
        *,
        now_ms: int,
        boot: str,
        seed: RecoverySeed | None = None,
    ) -> Self:
        """Open the file, or make it; a damaged one is renamed and a new one started.

        Args:
            settings: Where it is and what it may hold.
            now_ms: UTC ms, for the name of a file that is set aside.
            boot: Name of the machine's present run.
            seed: This process's own file has been found damaged, and this is what it knows.

        Raises JournalError when another process holds it, JournalFullError on a full disk.
        """
        path = settings.path
        lock = schema.lock(path)
        try:
            try:
                if not is_marked(path):
                    return cls._open(lock, settings, now_ms=now_ms, boot=boot, seed=seed)
                damage = "found damaged while it was in use"
            except JournalCorruptError as error:
                damage = str(error)
            if path.exists():
                aside = set_aside(path, now_ms)
                log.error("journal_set_aside", path=str(path), kept_as=str(aside), error=damage)
            return cls._open(lock, settings, now_ms=now_ms, boot=boot, seed=seed)
        except (JournalError, OSError) as error:
            lock.close()
            raise (
                error if isinstance(error, JournalError) else JournalFullError(f"{path}: {error}")
            ) from error

    @classmethod
    def _open(
        cls,
        lock: IO[bytes],
        settings: JournalSettings,
        *,
        now_ms: int,
        boot: str,
        seed: RecoverySeed | None,
    ) -> Self:
        path = settings.path
        connection: sqlite3.Connection | None = None
        try:
            connection = sqlite3.connect(path, timeout=1, isolation_level=None)
            if seed is None and schema.is_new(connection):
                seed = seed_of(path, now_ms)
            schema.prepare(connection, path, seed)
            return cls(connection, lock, settings, boot)
        except (sqlite3.Error, KeyError, JournalError) as error:
            if connection is not None:
                connection.close()
            raise translated(error, path) from error

    def write(self, batch: Batch, age: Age | None = None) -> Written:
        """Write a batch in one transaction; on an error nothing of it is written."""
        connection = self._connection
        rows = self.facts.get("rows", 0)
        try:
            connection.execute("BEGIN IMMEDIATE")
            rows -= connection.executemany(
                "DELETE FROM rows WHERE offset BETWEEN ? AND ?", batch.acknowledged
            ).rowcount
            dropped = 0
            if age is not None:
                dropped = self._bounds.give_up_older(age)
                self.epochs.prune(self._bounds.lowest())
            # Ignored if known: a file that was lost and found again has some of them.
            connection.executemany(
                "INSERT OR IGNORE INTO aliases VALUES (?, ?, ?, ?)",
                [(number, *alias) for number, alias in batch.aliases],
            )
            kept, refused = self._bounds.admit(batch.rows)
            rows += connection.executemany(
                "INSERT OR IGNORE INTO rows VALUES (?, ?, ?, ?, ?)", kept
            ).rowcount
            self.epochs.add(batch.provisional, kept)
            dropped += self._bounds.make_room(rows - dropped)
            rows -= dropped
            facts = batch.facts | {"rows": rows}
            if age is not None:
                facts["age_ms"] = age.now_ms
            connection.executemany(schema.SET_FACT, facts.items())
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise self._failed(error) from error
        self.facts |= facts
        self.epochs.saved()
        return Written(
            rows,
            dropped + refused,
            self._bounds.used_bytes(),
            self._bounds.oldest_at(),
            self.epochs.provisional_readings,
        )

    def read(self, first: int, last: int, limit: int) -> list[Row]:
        """Return up to ``limit`` rows of the closed range whose time is final, lowest first."""
        open_epochs = self.epochs.open_epochs()
        places = ",".join("?" * len(open_epochs))
        boot_offsets = self.epochs.boot_offsets
        try:
            found = self._connection.execute(
                _READ.replace("@", places), (first, last, *open_epochs, limit)
            )
            rows: list[Row] = []
            for *row, epoch, boot_offset_ms in found:
                true_ms = None if epoch is None else boot_offsets.get(epoch)
                rows.append(moved(Row(*row), 0 if true_ms is None else true_ms - boot_offset_ms))
        except sqlite3.Error as error:
            raise self._failed(error) from error
        return rows

    def close_epochs(self, boot_offset_ms: int) -> int | None:
        """Close the open clock epochs; return the first offset that waited for it.

        What the disk refuses now the next write takes along.
        """
        try:
            return self.epochs.close(boot_offset_ms)
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def recover(self) -> Recovered:
        """Take over one chunk of the oldest file set aside.

        Raises JournalFullError when the disk refuses for now.
        """
        asides = waiting(self._path)
        self.recovering = bool(asides)
        if not asides:
            return Recovered(None, None, more=False)
        aside, rows = asides[0], self.facts.get(_ROWS_RECOVERED, 0)
        chunk, problem = None, None
        try:
            chunk = read_chunk(aside, self.facts.get(_RECOVERED_TO, -1), self.aliases)
        except JournalCorruptError as error:
            problem = str(error)
        if chunk is not None and chunk.rows:
            known = self.epochs.boot_offsets
            batch = Batch(
                rows=chunk.rows,
                provisional=[row for row in chunk.provisional if row.epoch in known],
                facts={_RECOVERED_TO: chunk.through, _ROWS_RECOVERED: rows + len(chunk.rows)},
            )
            arrived = (chunk.rows[0].offset, chunk.rows[-1].offset)
            return Recovered(self.write(batch), arrived, more=True)
        self.write(Batch(facts={_RECOVERED_TO: -1, _ROWS_RECOVERED: 0}))
        finish(aside, rows=rows, error=problem)
        return Recovered(None, None, more=True)

    def close(self) -> None:
        """Close the file; the write-ahead log is folded in."""
        self._connection.close()
        self._lock.close()

    def _failed(self, error: sqlite3.Error) -> JournalError:
        failure = translated(error, self._path)
        if isinstance(failure, JournalCorruptError):
            mark(self._path)
        return failure


class Disk:
    """Runs the work of a file in its thread and remembers what state the file is in.

    Attributes:
        file: None while the disk refuses to hold a journal at all.
        damaged: The file is to be set aside and replaced.
    """

    def __init__(self, settings: JournalSettings, clock: Clock, *, boot: str) -> None:
        self._settings = settings
        self._clock = clock
        self._boot = boot
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self.file: JournalFile | None = None
        self.damaged = False
        self._failed_reads = 0
        self._next_try_s = 0.0

    @property
    def usable(self) -> bool:
        """Whether there is a file that may be read and written."""
        return self.file is not None and not self.damaged

    @property
    def retry_due(self) -> bool:
        """Whether it is time to open or to replace the file."""
        return not self.usable and self._clock.monotonic_s() >= self._next_try_s

    async def open(self, seed: RecoverySeed | None = None) -> JournalFile:
        """Open the file, in place of a damaged one.

        Raises:
            JournalFullError: The disk refuses; ``retry_due`` says when to ask it again.
            JournalError: Another process has the file, or a newer version wrote it.
        """
        self._next_try_s = self._clock.monotonic_s() + _RETRY_S
        await self._set_aside()
        self.file = await self._in_worker(
            lambda: JournalFile.open(
                self._settings, now_ms=self._clock.now_ms(), boot=self._boot, seed=seed
            )
        )
        self._failed_reads = 0
        return self.file

    async def run(self, work: Callable[[JournalFile], Result]) -> Result:
        """Do a piece of work in the thread of the file.

        Raises:
            JournalFullError: The disk refuses, or there is no file.
            JournalCorruptError: The file has been found damaged.
        """
        file = self.file
        if file is None or self.damaged:
            raise JournalFullError(f"{self._settings.path}: there is no journal file")
        try:
            return await self._in_worker(lambda: work(file))
        except JournalCorruptError as error:
            self.found_damaged(error)
            raise

    async def read(self, first: int, last: int, limit: int) -> list[Row]:
        """Return up to ``limit`` rows; nothing while there is no file. Raises JournalError."""
        if self.file is None:
            return []
        try:
            rows = await self.run(lambda file: file.read(first, last, limit))
        except JournalFullError as error:
            self._failed_reads += 1
            # A sector that cannot be read stays so: pass over it, as over any other damage.
            if self._failed_reads >= _MOST_FAILED_READS:
                self.found_damaged(error)
            raise
        self._failed_reads = 0
        return rows

    def found_damaged(self, error: JournalError) -> None:
        """Have the file replaced at the next opportunity."""
        if not self.damaged:
            log.error("journal_damaged", path=str(self._settings.path), error=str(error))
            mark(self._settings.path)
            self.damaged, self._next_try_s = True, 0.0

    async def close(self) -> None:
        """Close the file and end the thread; a damaged one is set aside by the next start."""
        try:
            await self._close_file()
        finally:
            self._worker.shutdown()

    async def _set_aside(self) -> None:
        if not self.damaged:
            return
        await self._close_file()
        path = self._settings.path
        try:
            if path.exists():
                aside = await self._in_worker(lambda: set_aside(path, self._clock.now_ms()))
                log.error("journal_set_aside", path=str(path), kept_as=str(aside))
        except OSError as error:
            raise JournalFullError(f"{path}: {error}") from error
        self.damaged = False

    async def _close_file(self) -> None:
        file, self.file = self.file, None
        if file is not None:
            await self._in_worker(file.close)

    async def _in_worker(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)
