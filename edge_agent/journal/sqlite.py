"""The journal on disk: appends in memory, one thread that commits groups."""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import Self, TypeVar

import structlog

from config.edge import JournalSettings
from edge_agent.clock import Clock
from edge_agent.errors import JournalError, JournalFullError
from edge_agent.journal.base import Alias, JournalStats, Row
from edge_agent.journal.memory import MEMORY_BYTES
from edge_agent.journal.pending import Pending
from edge_agent.journal.ranges import Range, RangeSet
from edge_agent.journal.store import OFFSET_BLOCK, Batch, Store, Written

log = structlog.get_logger()
Result = TypeVar("Result")

_AGE_CHECK_S = 60.0


class SqliteJournal:
    """Rows in a SQLite file; what a power cut may cost is one commit interval."""

    def __init__(self, settings: JournalSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._stats = JournalStats()
        self._committing = asyncio.Lock()
        self._writing: dict[int, Row] = {}
        self._acknowledged = RangeSet()
        self._new_aliases: list[tuple[int, Alias]] = []
        self._new_facts: dict[str, int] = {}
        self._next_age_check_s = 0.0

    @property
    def journal_id(self) -> str:
        """Name of this journal, stored in the file."""
        return self._store.journal_id

    @property
    def next_offset(self) -> int:
        """The offset that the next row will get."""
        return self._pending.next_offset

    async def __aenter__(self) -> Self:
        self._pending = Pending(
            max_bytes=min(self._settings.max_bytes, MEMORY_BYTES), drop=self._settings.drop
        )
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="journal")
        try:
            self._store = await self._in_worker(
                lambda: Store.open(self._settings, now_ms=self._clock.now_ms())
            )
        except JournalError:
            self._worker.shutdown()
            raise
        facts = self._store.facts
        self._pending.next_offset = facts["first"]
        self._pending.reserved = facts["reserved"]
        self._bd_seq = facts.get("bd_seq")
        self._aliases = {alias: number for number, alias in self._store.aliases.items()}
        self._next_alias = max(self._store.aliases, default=0) + 1
        self._stats = JournalStats(rows=facts.get("rows", 0))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            # A journal found damaged at the end is set aside by the next start.
            with suppress(JournalError):
                # Everything up to here is on disk then, so the next run may go on from here.
                self._new_facts["reserved"] = self._pending.next_offset
                await self.commit()
            await self._in_worker(self._store.close)
        finally:
            self._worker.shutdown()

    def append(self, device: str, fragment: bytes, *, taken_at: int, readings: int = 1) -> int:
        """Keep a message and return its offset; it is on disk after the next group commit."""
        return self._pending.append(device, fragment, taken_at=taken_at, readings=readings)

    def acknowledge(self, ranges: Iterable[Range]) -> None:
        """Delete these offsets; a row not yet committed never reaches the disk."""
        known = [(first, min(last, self.next_offset - 1)) for first, last in ranges]
        self._pending.remove(known)
        self._acknowledged.update(known)

    async def read(self, first: int, last: int, *, limit: int) -> list[Row]:
        """Return up to ``limit`` rows of the closed range, lowest offset first."""
        async with self._committing:
            rows = await self._in_worker(lambda: self._store.read(first, last, limit))
        for row in self._pending.rows.values():
            if len(rows) >= limit or row.offset > last:
                break
            if row.offset >= first:
                rows.append(row)
        return [row for row in rows if row.offset not in self._acknowledged]

    def alias(self, device: str, point: str, datatype: int) -> int:
        """Return the alias of this point, a new one on first use."""
        wanted = Alias(device, point, datatype)
        number = self._aliases.get(wanted)
        if number is None:
            number = self._next_alias
            self._next_alias += 1
            self._aliases[wanted] = number
            self._new_aliases.append((number, wanted))
        return number

    def aliases(self) -> dict[int, Alias]:
        """Return every alias ever given."""
        return {number: alias for alias, number in self._aliases.items()}

    @property
    def bd_seq(self) -> int | None:
        """The birth-death number of the last connect; None before the first."""
        return self._bd_seq

    def keep_bd_seq(self, bd_seq: int) -> None:
        """Remember the number of the connect that follows; durable after the next commit."""
        self._bd_seq = self._new_facts["bd_seq"] = bd_seq

    async def commit(self) -> None:
        """Put everything so far on disk; when the disk refuses it stays in memory.

        Raises JournalError when the file is damaged.
        """
        async with self._committing:
            if self._pending.reserved - self._pending.next_offset < OFFSET_BLOCK // 2:
                self._new_facts.setdefault("reserved", self._pending.reserved + OFFSET_BLOCK)
            batch = self._batch()
            if batch is None:
                return
            try:
                written = await self._in_worker(lambda: self._store.write(batch))
            except JournalFullError as error:
                self._restore(batch)
                self._refused(error)
            else:
                self._wrote(batch, written)
            finally:
                self._writing = {}

    async def run(self) -> None:
        """Commit regularly, for ever."""
        while True:
            await self._clock.sleep(self._settings.commit_interval_s)
            # Shielded: a commit under way is finished, not abandoned half known.
            await asyncio.shield(self.commit())

    def stats(self) -> JournalStats:
        """Return the figures of this moment."""
        stats = self._stats
        return JournalStats(
            rows=stats.rows + len(self._pending.rows) + len(self._writing),
            disk_bytes=stats.disk_bytes,
            dropped_rows=stats.dropped_rows + self._pending.dropped,
            oldest_at=stats.oldest_at,
            writable=stats.writable,
            commits=stats.commits,
        )

    def _batch(self) -> Batch | None:
        older_than = None
        if self._clock.monotonic_s() >= self._next_age_check_s:
            self._next_age_check_s = self._clock.monotonic_s() + _AGE_CHECK_S
            older_than = self._clock.now_ms() - int(self._settings.max_age_s * 1000)
        acknowledged = list(self._acknowledged)
        news = self._pending.rows or acknowledged or self._new_facts or self._new_aliases
        if not news and (older_than is None or not self._stats.rows):
            return None
        self._writing = self._pending.take()
        batch = Batch(
            acknowledged=acknowledged,
            aliases=self._new_aliases,
            rows=list(self._writing.values()),
            facts=self._new_facts,
            older_than=older_than,
        )
        self._acknowledged, self._new_aliases, self._new_facts = RangeSet(), [], {}
        return batch

    def _wrote(self, batch: Batch, written: Written) -> None:
        self._pending.reserved = batch.facts.get("reserved", self._pending.reserved)
        stats = self._stats
        if not stats.writable:
            log.info("journal_writable_again", path=str(self._settings.path))
        stats.writable = True
        stats.rows = written.rows
        stats.disk_bytes = written.disk_bytes
        stats.oldest_at = written.oldest_at
        stats.commits += 1
        if written.dropped and not stats.dropped_rows:
            log.error("journal_bound_reached", drop=self._settings.drop, rows=written.dropped)
        stats.dropped_rows += written.dropped

    def _restore(self, batch: Batch) -> None:
        # Acknowledged while being written: must not come back.
        rows = {at: row for at, row in self._writing.items() if at not in self._acknowledged}
        self._pending.put_back(rows)
        self._acknowledged.update(batch.acknowledged)
        self._new_aliases = batch.aliases + self._new_aliases
        self._new_facts = batch.facts | self._new_facts

    def _refused(self, error: JournalFullError) -> None:
        if self._stats.writable:
            log.error("journal_not_writable", path=str(self._settings.path), error=str(error))
        self._stats.writable = False

    async def _in_worker(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)
