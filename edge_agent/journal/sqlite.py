"""The journal on disk: group commits, figures, and what to do when the disk fails."""

import asyncio
import sys
import uuid
from collections.abc import Iterable
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

import structlog

from config.edge import JournalSettings
from edge_agent.clock import Clock, boot_id
from edge_agent.errors import JournalCorruptError, JournalError, JournalFullError
from edge_agent.journal.base import JournalStats, OnRenamed, Row, ignore_renaming
from edge_agent.journal.buffer import Batch, Buffer, by_name
from edge_agent.journal.file import Disk, JournalFile, Written
from edge_agent.journal.ranges import Range
from edge_agent.journal.recovery import RecoverySeed
from edge_agent.journal.schema import OFFSET_BLOCK, Age

log = structlog.get_logger()

_AGE_CHECK_S: Final = 60.0


class SqliteJournal(Buffer):
    """Rows in a SQLite file; what a power cut may cost is one commit interval.

    While the disk refuses, at the start or later, rows are kept in memory and the file is tried
    again every minute. A file that is found damaged is replaced while everything goes on.
    """

    def __init__(self, settings: JournalSettings, clock: Clock, *, boot: str | None = None) -> None:
        super().__init__(settings, clock)
        self._boot = boot_id() if boot is None else boot
        self._committing = asyncio.Lock()

    async def __aenter__(self) -> Self:
        self._clear()
        self._disk = Disk(self._settings, self._clock, boot=self._boot)
        self._stats = JournalStats()
        self._next_age_check_s = 0.0
        self._bd_seq: int | None = None
        try:
            self._begin(await self._disk.open())
        except JournalFullError as error:
            # Polling goes on: live values still reach the server.
            path = str(self._settings.path)
            log.error("journal_in_memory_only", path=path, error=str(error))  # noqa: TRY400
            self._stats.writable = False
            self._begin(None)
        except JournalError:
            await self._disk.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if not self._disk.usable and self._rows:
                await self._reopen()
            # Everything up to here is on disk then, so the next run may go on from here.
            self._facts["reserved"] = self.next_offset
            await self.commit()
        finally:
            await self._disk.close()

    def acknowledge(self, ranges: Iterable[Range]) -> None:
        """Delete these offsets; a row not yet committed never reaches the disk."""
        known = [(first, min(last, self.next_offset - 1)) for first, last in ranges]
        self._remove(known)
        self._acknowledged.update(known)

    async def read(self, first: int, last: int, *, limit: int) -> list[Row]:
        """Return up to ``limit`` rows of the closed range, lowest offset first."""
        found: list[Row] = []
        while len(found) < limit and first <= last:
            rows = await self._read_disk(first, last, limit)
            rows += self._within(first, last, limit - len(rows))
            # Acknowledged, and not deleted yet: they say nothing about what follows.
            found += [row for row in rows if row.offset not in self._acknowledged]
            if len(rows) < limit:
                break
            first = rows[-1].offset + 1
        return found[:limit]

    async def _read_disk(self, first: int, last: int, limit: int) -> list[Row]:
        try:
            async with self._committing:
                return await self._disk.read(first, last, limit)
        except JournalError:
            if self._disk.damaged:
                self._stats.writable = False
            raise

    async def close_epochs(self, boot_offset_ms: int) -> None:
        """Make provisional timestamps final: the machine started at UTC ms ``boot_offset_ms``."""
        async with self._committing:
            first, on_disk = self._first_provisional(), None
            try:
                on_disk = await self._disk.run(lambda file: file.close_epochs(boot_offset_ms))
            except JournalError as error:
                self._refused(error)
            self._close_epoch(boot_offset_ms)
        self._stats.provisional_readings = 0
        self._believed = True
        waited = [offset for offset in (first, on_disk) if offset is not None]
        if waited:
            self._arrivals.append((min(waited), self.next_offset - 1))

    @property
    def believed(self) -> bool:
        """Whether ``close_epochs`` was called since the machine was started."""
        return self._believed

    @property
    def bd_seq(self) -> int | None:
        """The birth-death number of the last connect; None before the first."""
        return self._bd_seq

    def keep_bd_seq(self, bd_seq: int) -> None:
        """Remember the number of the connect that follows; durable after the next commit."""
        self._bd_seq = self._facts["bd_seq"] = bd_seq

    async def commit(self) -> None:
        """Put everything so far on disk; when the disk refuses it stays in memory."""
        async with self._committing:
            if not self._disk.usable:
                return
            if self._reserved - self.next_offset < OFFSET_BLOCK // 2:
                self._facts.setdefault("reserved", self._reserved + OFFSET_BLOCK)
            age, batch = self._age(), self._take()
            if not batch and age is None:
                return
            self._writing = batch
            try:
                written = await self._disk.run(lambda file: file.write(batch, age))
            except (JournalFullError, JournalCorruptError) as error:
                self._restore(batch)
                self._refused(error)
            else:
                self._reserved = batch.facts.get("reserved", self._reserved)
                self._wrote(written)
            finally:
                self._writing = Batch()

    async def run(self, on_renamed: OnRenamed) -> None:
        """Commit regularly, for ever; beside it mend what can be mended."""
        while True:
            await self._clock.sleep(self._settings.commit_interval_s)
            # Shielded: a commit under way is finished, not abandoned half known.
            await asyncio.shield(self.turn(on_renamed))

    async def turn(self, on_renamed: OnRenamed = ignore_renaming) -> None:
        """Do what is due: open or replace the file, commit, take over a chunk of a damaged one."""
        if self._disk.retry_due and await self._reopen():
            on_renamed()
        await self.commit()
        file = self._disk.file
        if file is not None and file.recovering:
            await self.recover()

    async def recover(self) -> bool:
        """Take over one chunk of a file set aside; return whether there may be more."""
        async with self._committing:
            try:
                recovered = await self._disk.run(JournalFile.recover)
            except (JournalFullError, JournalCorruptError) as error:
                self._refused(error)
                return False
        if recovered.written is not None:
            self._wrote(recovered.written)
        if recovered.arrived is not None:
            self._arrivals.append(recovered.arrived)
        return recovered.more

    def stats(self) -> JournalStats:
        """Return the figures of this moment: of the file, and of what is not in it yet."""
        of_file, file = self._stats, self._disk.file
        return replace(
            of_file,
            rows=of_file.rows + len(self._rows) + len(self._writing.rows),
            dropped_rows=of_file.dropped_rows + self._dropped,
            provisional_readings=of_file.provisional_readings + self._provisional_readings(),
            recovering=file is not None and file.recovering,
        )

    def _begin(self, file: JournalFile | None) -> None:
        """Start numbering: where the file goes on, or from 0 while there is none."""
        self._file = None
        self.journal_id, self._believed = str(uuid.uuid4()), False
        if file is None:
            self._reserved = sys.maxsize
            return
        self._adopt(file)
        self._take_aliases(file.aliases)
        self.next_offset = file.facts["first"]
        self._bd_seq = file.facts.get("bd_seq")

    def _adopt(self, file: JournalFile) -> None:
        """Take what a file says of name, offsets, clock epochs and age."""
        self._file, epochs = file, file.epochs
        self.journal_id, self._believed = file.journal_id, self._believed or epochs.believed
        self._reserved = file.facts["reserved"]
        self._boot_offsets, self._epoch = epochs.boot_offsets, epochs.current
        self._age_ms, self._opened_s = file.facts.get("age_ms", 0), self._clock.monotonic_s()
        self._stats.rows = file.facts.get("rows", 0)
        self._stats.provisional_readings = epochs.provisional_readings

    async def _reopen(self) -> bool:
        """Open the file that the disk refused, or replace the damaged one; False if it cannot."""
        seed = None
        if self._file is not None:
            epochs = self._file.epochs.records()
            seed = RecoverySeed(self.aliases(), self._bd_seq, self._reserved, epochs)
        async with self._committing:
            try:
                file = await self._disk.open(seed)
            except JournalError as error:
                self._refused(error)
                return False
            self._replace(file)
        self._works()
        return True

    def _replace(self, file: JournalFile) -> None:
        """Go on in another file, with all that memory holds."""
        batch, aliases, before = self._take(), self.aliases(), self._file
        first, bd_seq = file.facts["first"], self._bd_seq
        self._adopt(file)
        self._facts = batch.facts
        if bd_seq is not None:
            self._facts["bd_seq"] = bd_seq
        else:
            self._bd_seq = file.facts.get("bd_seq")
        if before is not None:
            # The file begins behind everything that was numbered so far.
            self.next_offset = max(first, self.next_offset)
            self._new_aliases = [each for each in aliases.items() if each[0] not in file.aliases]
            self._put_back({row.offset: row for row in batch.rows}, batch.provisional)
            return
        # What was numbered without a file gets the file's numbers, its points go by name.
        self.next_offset = first
        self._take_aliases(file.aliases)
        provisional = {row.offset: row.boot_offset_ms for row in batch.provisional}
        for row in batch.rows:
            self.append(
                row.device,
                by_name(row.fragment, aliases),
                taken_at=row.taken_at,
                readings=row.readings,
                boot_offset_ms=provisional.get(row.offset),
            )

    def _age(self) -> Age | None:
        """Return how old this journal is, once a minute."""
        now_s = self._clock.monotonic_s()
        if now_s < self._next_age_check_s:
            return None
        self._next_age_check_s = now_s + _AGE_CHECK_S
        age_ms = self._age_ms + round((now_s - self._opened_s) * 1000)
        return Age(age_ms, round(self._settings.max_age_s * 1000), self.next_offset)

    def _wrote(self, written: Written) -> None:
        stats = self._stats
        self._works()
        stats.rows = written.rows
        stats.disk_bytes = written.disk_bytes
        stats.oldest_at = written.oldest_at
        stats.provisional_readings = written.provisional_readings
        stats.commits += 1
        if written.dropped and not stats.dropped_rows:
            log.error("journal_bound_reached", drop=self._settings.drop, rows=written.dropped)
        stats.dropped_rows += written.dropped

    def _works(self) -> None:
        """Log once that the disk works again."""
        if not self._stats.writable:
            log.info("journal_writable_again", path=str(self._settings.path))
        self._stats.writable = True

    def _refused(self, error: JournalError) -> None:
        """Log once that the disk refuses."""
        if self._stats.writable:
            log.error("journal_not_writable", path=str(self._settings.path), error=str(error))
        self._stats.writable = False
