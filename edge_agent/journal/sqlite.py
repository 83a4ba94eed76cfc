"""The journal on disk: appends in memory, group commits, and what to do when the disk fails."""

import asyncio
import sys
import uuid
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

import structlog

from config.edge import JournalSettings
from edge_agent.clock import Clock, boot_id
from edge_agent.errors import JournalError, JournalFullError
from edge_agent.journal.aliases import AliasBook
from edge_agent.journal.base import Alias, JournalStats, Row
from edge_agent.journal.buffer import Buffer
from edge_agent.journal.damage import JournalCorruptError
from edge_agent.journal.disk import Disk
from edge_agent.journal.figures import Figures
from edge_agent.journal.file import JournalFile
from edge_agent.journal.group import Group
from edge_agent.journal.memory import MEMORY_BYTES
from edge_agent.journal.ranges import Range, RangeSet
from edge_agent.journal.recovery import RecoverySeed
from edge_agent.journal.schema import OFFSET_BLOCK

log = structlog.get_logger()


class SqliteJournal:
    """Rows in a SQLite file; what a power cut may cost is one commit interval.

    While the disk refuses, at the start or later, rows are kept in memory and the file is tried
    again every minute. A file that is found damaged is replaced while everything goes on.
    """

    def __init__(self, settings: JournalSettings, clock: Clock, *, boot: str | None = None) -> None:
        self._settings = settings
        self._clock = clock
        self._boot = boot_id() if boot is None else boot
        self._committing = asyncio.Lock()
        self.on_renamed: Callable[[], None] = lambda: None

    @property
    def journal_id(self) -> str:
        """Name of this journal, stored in the file."""
        return self._id

    @property
    def next_offset(self) -> int:
        """The offset that the next row will get."""
        return self._pending.next_offset

    async def __aenter__(self) -> Self:
        most_bytes = min(self._settings.max_bytes, MEMORY_BYTES)
        self._pending = Buffer(max_bytes=most_bytes, drop=self._settings.drop)
        self._group = Group(self._pending)
        self._disk = Disk(self._settings, self._clock, boot=self._boot)
        self._figures = Figures(self._settings, self._clock)
        self._arrivals: list[Range] = []
        self._bd_seq: int | None = None
        try:
            self._begin(await self._disk.open())
        except JournalFullError as error:
            # Polling goes on: live values still reach the server.
            path = str(self._settings.path)
            log.error("journal_in_memory_only", path=path, error=str(error))  # noqa: TRY400
            self._figures.refused(error, said_already=True)
            self._begin(None)
        except JournalError:
            await self._disk.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if not self._disk.usable and self._pending.rows:
                await self._reopen()
            # Everything up to here is on disk then, so the next run may go on from here.
            self._group.facts["reserved"] = self._pending.next_offset
            await self.commit()
        finally:
            await self._disk.close()

    def append(
        self,
        device: str,
        fragment: bytes,
        *,
        taken_at: int,
        readings: int = 1,
        boot_offset_ms: int | None = None,
    ) -> int:
        """Keep a message and return its offset; it is on disk after the next group commit."""
        offset = self._pending.append(device, fragment, taken_at=taken_at, readings=readings)
        if boot_offset_ms is not None:
            self._pending.hold(offset, boot_offset_ms)
            self._figures.held(readings)
        return offset

    def acknowledge(self, ranges: Iterable[Range]) -> None:
        """Delete these offsets; a row not yet committed never reaches the disk."""
        known = [(first, min(last, self.next_offset - 1)) for first, last in ranges]
        self._pending.remove(known)
        self._group.acknowledged.update(known)

    async def read(self, first: int, last: int, *, limit: int) -> list[Row]:
        """Return up to ``limit`` rows of the closed range, lowest offset first."""
        found: list[Row] = []
        while len(found) < limit and first <= last:
            rows = await self._read_disk(first, last, limit)
            rows += self._pending.within(first, last, limit - len(rows))
            # Acknowledged, and not deleted yet: they say nothing about what follows.
            found += [row for row in rows if row.offset not in self._group.acknowledged]
            if len(rows) < limit:
                break
            first = rows[-1].offset + 1
        return found[:limit]

    async def _read_disk(self, first: int, last: int, limit: int) -> list[Row]:
        try:
            async with self._committing:
                return await self._disk.read(first, last, limit)
        except JournalError as error:
            if self._disk.damaged:
                self._figures.refused(error, said_already=True)
            raise

    async def settle(self, boot_offset_ms: int) -> None:
        """Give rows that wait their true time: the machine started at UTC ms ``boot_offset_ms``."""
        async with self._committing:
            first, on_disk = self._pending.first_held(), None
            try:
                on_disk = await self._disk.settle(boot_offset_ms)
            except JournalError as error:
                self._figures.refused(error)
            self._pending.settle(boot_offset_ms)
        self._figures.settled()
        self._believed = True
        waited = [offset for offset in (first, on_disk) if offset is not None]
        if waited:
            self._arrivals.append((min(waited), self.next_offset - 1))

    @property
    def believed(self) -> bool:
        """Whether ``settle`` was called since the machine was started."""
        return self._believed

    def arrivals(self) -> list[Range]:
        """Return, once, ranges below ``next_offset`` in which there are rows to be sent now."""
        arrivals, self._arrivals = self._arrivals, []
        return arrivals

    def alias(self, device: str, point: str, datatype: int) -> int:
        """Return the alias of this point, a new one on first use."""
        return self._group.aliases.number(Alias(device, point, datatype))

    def aliases(self) -> dict[int, Alias]:
        """Return every alias ever given."""
        return self._group.aliases.all()

    @property
    def bd_seq(self) -> int | None:
        """The birth-death number of the last connect; None before the first."""
        return self._bd_seq

    def keep_bd_seq(self, bd_seq: int) -> None:
        """Remember the number of the connect that follows; durable after the next commit."""
        self._bd_seq = self._group.facts["bd_seq"] = bd_seq

    async def commit(self) -> None:
        """Put everything so far on disk; when the disk refuses it stays in memory."""
        async with self._committing:
            if not self._disk.usable:
                return
            if self._pending.reserved - self._pending.next_offset < OFFSET_BLOCK // 2:
                self._group.facts.setdefault("reserved", self._pending.reserved + OFFSET_BLOCK)
            batch = self._group.take(self._figures.age(self.next_offset))
            if batch is None:
                return
            try:
                written = await self._disk.write(batch)
            except (JournalFullError, JournalCorruptError) as error:
                self._group.restore(batch)
                self._figures.refused(error)
            else:
                self._pending.reserved = batch.facts.get("reserved", self._pending.reserved)
                self._figures.wrote(written)
            finally:
                self._group.writing = 0

    async def run(self) -> None:
        """Commit regularly, for ever; beside it mend what can be mended."""
        while True:
            await self._clock.sleep(self._settings.commit_interval_s)
            # Shielded: a commit under way is finished, not abandoned half known.
            await asyncio.shield(self.turn())

    async def turn(self) -> None:
        """Do what is due: open or replace the file, commit, take over a chunk of a damaged one."""
        if self._disk.retry_due:
            await self._reopen()
        await self.commit()
        store = self._disk.store
        if store is not None and store.salvaging:
            await self.recover()

    async def recover(self) -> bool:
        """Take over one chunk of a file set aside; return whether there may be more."""
        async with self._committing:
            try:
                salvaged = await self._disk.recover()
            except (JournalFullError, JournalCorruptError) as error:
                self._figures.refused(error)
                return False
        if salvaged.written is not None:
            self._figures.wrote(salvaged.written)
        if salvaged.arrived is not None:
            self._arrivals.append(salvaged.arrived)
        return salvaged.more

    def stats(self) -> JournalStats:
        """Return the figures of this moment."""
        return self._figures.of(self._group, self._disk.store)

    def _begin(self, store: JournalFile | None) -> None:
        """Start numbering: where the file goes on, or from 0 while there is none."""
        self._numbered = store is not None
        self._group.aliases = AliasBook({} if store is None else store.aliases)
        if store is None:
            self._id, self._believed = str(uuid.uuid4()), False
            self._pending.reserved = sys.maxsize
            return
        self._take(store)
        self._pending.next_offset = store.facts["first"]
        self._bd_seq = store.facts.get("bd_seq")

    def _take(self, store: JournalFile) -> None:
        self._id, self._believed = store.journal_id, store.epochs.believed
        self._pending.reserved = store.facts["reserved"]
        self._epochs = store.epochs
        self._pending.boot_offsets = store.epochs.boot_offsets
        self._pending.epoch = store.epochs.current
        self._figures.opened(store)

    async def _reopen(self) -> None:
        """Open the file that the disk refused, or replace the damaged one."""
        ground = None
        if self._numbered:
            epochs, base = self._epochs.records(), self._pending.reserved
            ground = RecoverySeed(self.aliases(), self._bd_seq, base, epochs)
        async with self._committing:
            try:
                store = await self._disk.open(ground)
            except JournalError as error:
                self._figures.refused(error)
                return
            self._replace(store)
        self._figures.writable()
        self.on_renamed()

    def _replace(self, store: JournalFile) -> None:
        """Go on in another file, with all that memory holds."""
        rows, held = self._pending.take()
        before, believed = self._group.aliases, self._believed
        first, bd_seq = store.facts["first"], self._bd_seq
        if not self._numbered:
            self._figures.settled()
        self._take(store)
        self._believed |= believed
        self._group.acknowledged = RangeSet()
        if bd_seq is not None:
            self._group.facts["bd_seq"] = bd_seq
        else:
            self._bd_seq = store.facts.get("bd_seq")
        if self._numbered:
            # The file begins behind everything that was numbered so far.
            self._pending.next_offset = max(first, self._pending.next_offset)
            before.news = [entry for entry in before.all().items() if entry[0] not in store.aliases]
            self._pending.put_back(rows, held)
            return
        # What was numbered without a file gets the file's numbers, its points go by name.
        self._numbered = True
        self._pending.next_offset = first
        self._group.aliases = AliasBook(store.aliases)
        for row in rows.values():
            waiting = held.get(row.offset)
            self.append(
                row.device,
                before.by_name(row.fragment),
                taken_at=row.taken_at,
                readings=row.readings,
                boot_offset_ms=None if waiting is None else waiting.boot_offset_ms,
            )
