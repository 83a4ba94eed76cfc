"""The half of every journal that is in memory: numbered rows, aliases, what the next commit writes.

It is bounded by bytes. A commit takes everything as one batch and puts it back as one when the disk
refuses it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from config.edge import JournalSettings
from edge_agent.clock import Clock
from edge_agent.errors import JournalFullError
from edge_agent.journal.base import Alias, Row
from edge_agent.journal.clock_epochs import BootOffsets, ProvisionalRow, moved
from edge_agent.journal.ranges import Range, RangeSet
from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.payload import name_metrics

MEMORY_BYTES: Final = 32_000_000
"""What rows may take in memory at most."""

_ROW_BYTES: Final = 200
"""What a row costs in memory besides its fragment."""


@dataclass(slots=True)
class Batch:
    """What one group commit writes, in this order: acknowledged, aliases, rows, facts."""

    acknowledged: list[Range] = field(default_factory=list[Range])
    aliases: list[tuple[int, Alias]] = field(default_factory=list[tuple[int, Alias]])
    rows: list[Row] = field(default_factory=list[Row])
    provisional: list[ProvisionalRow] = field(default_factory=list[ProvisionalRow])
    facts: dict[str, int] = field(default_factory=dict[str, int])

    def __bool__(self) -> bool:
        return bool(self.acknowledged or self.aliases or self.rows or self.facts)


class Buffer:
    """What is not on disk, and all aliases.

    Attributes:
        journal_id: Name of the journal; empty before it is opened.
        next_offset: The offset of the next row.
    """

    def __init__(self, settings: JournalSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._max_bytes = min(settings.max_bytes, MEMORY_BYTES)
        self._clear()

    def _clear(self) -> None:
        self.journal_id = ""
        self.next_offset = 0
        self._reserved = 0
        """Offsets from here on may not be used yet."""
        self._rows: dict[int, Row] = {}
        self._bytes = 0
        self._dropped = 0
        """Rows given up for a bound, since the start."""
        self._provisional: dict[int, ProvisionalRow] = {}
        self._boot_offsets: BootOffsets = {}
        self._epoch: int | None = None
        """The clock epoch that is open; None when there is none."""
        self._numbers: dict[Alias, int] = {}
        self._next_alias = 1
        self._new_aliases: list[tuple[int, Alias]] = []
        self._acknowledged = RangeSet()
        """Offsets that the next commit deletes from the file."""
        self._facts: dict[str, int] = {}
        self._writing = Batch()
        self._arrivals: list[Range] = []

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
        offset = self.next_offset
        if offset >= self._reserved:
            raise JournalFullError(
                f"no offset left below {self._reserved}; the disk refuses a new block"
            )
        self.next_offset = offset + 1
        self._rows[offset] = Row(offset, device, fragment, taken_at, readings)
        if boot_offset_ms is not None:
            self._provisional[offset] = ProvisionalRow(offset, self._open_epoch(), boot_offset_ms)
        self._bytes += len(fragment) + _ROW_BYTES
        if self._bytes > self._max_bytes:
            self._shed()
        return offset

    def alias(self, device: str, point: str, datatype: int) -> int:
        """Return the alias of this point, a new one on first use."""
        wanted = Alias(device, point, datatype)
        number = self._numbers.get(wanted)
        if number is None:
            number = self._numbers[wanted] = self._next_alias
            self._next_alias += 1
            self._new_aliases.append((number, wanted))
        return number

    def aliases(self) -> dict[int, Alias]:
        """Return every alias ever given."""
        return {number: alias for alias, number in self._numbers.items()}

    def arrivals(self) -> list[Range]:
        """Return, once, ranges below ``next_offset`` in which there are rows to be sent now."""
        arrivals, self._arrivals = self._arrivals, []
        return arrivals

    def _take_aliases(self, known: dict[int, Alias]) -> None:
        """Go on with the aliases of a file."""
        self._numbers = {alias: number for number, alias in known.items()}
        self._next_alias = max(known, default=0) + 1
        self._new_aliases = []

    def _within(self, first: int, last: int, limit: int) -> list[Row]:
        """Return up to ``limit`` rows of the closed range whose time is final, lowest first."""
        found: list[Row] = []
        for row in self._rows.values():
            if len(found) >= limit or row.offset > last:
                break
            if row.offset < first:
                continue
            waiting = self._provisional.get(row.offset)
            if waiting is None:
                found.append(row)
                continue
            boot_offset_ms = self._boot_offsets.get(waiting.epoch)
            if boot_offset_ms is not None:
                found.append(moved(row, boot_offset_ms - waiting.boot_offset_ms))
        return found

    def _open_epoch(self) -> int:
        if self._epoch is None:
            self._epoch = max(self._boot_offsets, default=0) + 1
            self._boot_offsets[self._epoch] = None
        return self._epoch

    def _close_epoch(self, boot_offset_ms: int) -> None:
        if self._epoch is not None:
            self._boot_offsets[self._epoch] = boot_offset_ms
            self._epoch = None

    def _first_provisional(self) -> int | None:
        """Return the lowest offset in memory whose time is not final; None when there is none."""
        waiting = self._open_rows(self._provisional.values())
        return min((offset for offset in waiting if offset in self._rows), default=None)

    def _provisional_readings(self) -> int:
        """Return how many readings in memory wait for the clock, those being written included."""
        waiting = self._open_rows([*self._provisional.values(), *self._writing.provisional])
        if not waiting:
            return 0
        rows = [*self._rows.values(), *self._writing.rows]
        return sum(row.readings for row in rows if row.offset in waiting)

    def _open_rows(self, provisional: Iterable[ProvisionalRow]) -> set[int]:
        return {row.offset for row in provisional if self._boot_offsets.get(row.epoch) is None}

    def _remove(self, ranges: Iterable[Range]) -> None:
        """Delete the rows of these ranges."""
        rows = self._rows
        for first, last in ranges:
            if not rows:
                return
            if last - first < len(rows):
                doomed = [offset for offset in range(first, last + 1) if offset in rows]
            else:
                doomed = [offset for offset in rows if first <= offset <= last]
            for offset in doomed:
                self._forget(offset)

    def _take(self) -> Batch:
        """Hand over everything that is not on disk."""
        rows = self._rows
        batch = Batch(
            acknowledged=list(self._acknowledged),
            aliases=self._new_aliases,
            rows=list(rows.values()),
            provisional=[row for offset, row in self._provisional.items() if offset in rows],
            facts=self._facts,
        )
        self._rows, self._provisional, self._bytes = {}, {}, 0
        self._acknowledged, self._new_aliases, self._facts = RangeSet(), [], {}
        return batch

    def _restore(self, batch: Batch) -> None:
        """Take back what could not be written; it is older than all else."""
        # Acknowledged while being written: must not come back.
        rows = {row.offset: row for row in batch.rows if row.offset not in self._acknowledged}
        self._put_back(rows, batch.provisional)
        self._acknowledged.update(batch.acknowledged)
        self._new_aliases = batch.aliases + self._new_aliases
        self._facts = batch.facts | self._facts

    def _put_back(self, rows: dict[int, Row], provisional: Iterable[ProvisionalRow]) -> None:
        self._rows = rows | self._rows
        self._provisional = {row.offset: row for row in provisional} | self._provisional
        self._bytes = sum(len(row.fragment) + _ROW_BYTES for row in self._rows.values())
        if self._bytes > self._max_bytes:
            self._shed()

    def _shed(self) -> None:
        # A tenth at a time, so that a full memory does not cost a search per message.
        goal = self._max_bytes - self._max_bytes // 10
        offsets = list(self._rows)
        for offset in offsets if self._settings.drop == "oldest" else reversed(offsets):
            if self._bytes <= goal:
                return
            self._give_up(offset)

    def _give_up(self, offset: int) -> None:
        self._forget(offset)
        self._dropped += 1

    def _forget(self, offset: int) -> None:
        self._provisional.pop(offset, None)
        self._bytes -= len(self._rows.pop(offset).fragment) + _ROW_BYTES


def by_name(fragment: bytes, aliases: dict[int, Alias]) -> bytes:
    """Return a fragment whose points are named, for a journal with other aliases."""
    names = {number: (alias.point, DataType(alias.datatype)) for number, alias in aliases.items()}
    return name_metrics(fragment, names)
