"""The part of a journal that is in memory: numbered rows, bounded by bytes."""

from collections.abc import Iterable
from typing import Literal

from edge_agent.errors import JournalFullError
from edge_agent.journal.base import Row
from edge_agent.journal.clock_epochs import BootOffsets, ProvisionalRow, moved
from edge_agent.journal.ranges import Range

Drop = Literal["oldest", "newest"]

_ROW_BYTES = 200
"""What a row costs in memory besides its fragment."""


class Buffer:
    """Rows in the order of their offsets.

    Attributes:
        rows: Offset to row.
        dropped: Rows given up for the bound, since the start.
        next_offset: The offset of the next row.
        reserved: Offsets from here on may not be used yet.
        boot_offsets: The eras of rows whose time is not final.
        epoch: The one that is open; None when there is none.
    """

    def __init__(self, *, max_bytes: int, drop: Drop) -> None:
        self.rows: dict[int, Row] = {}
        self.dropped = 0
        self.next_offset = 0
        self.reserved = 0
        self.boot_offsets: BootOffsets = {}
        self.epoch: int | None = None
        self._held: dict[int, ProvisionalRow] = {}
        self._max_bytes = max_bytes
        self._drop: Drop = drop
        self._bytes = 0

    def append(self, device: str, fragment: bytes, *, taken_at: int, readings: int) -> int:
        """Number a row and keep it; JournalFullError when no reserved offset is left."""
        offset = self.next_offset
        if offset >= self.reserved:
            raise JournalFullError(
                f"no offset left below {self.reserved}; the disk refuses a new block"
            )
        self.next_offset = offset + 1
        self.rows[offset] = Row(offset, device, fragment, taken_at, readings)
        self._bytes += len(fragment) + _ROW_BYTES
        if self._bytes > self._max_bytes:
            self._shed()
        return offset

    def hold(self, offset: int, boot_offset_ms: int) -> None:
        """Note that the time of a row is not final (eras.py)."""
        if self.epoch is None:
            self.epoch = max(self.boot_offsets, default=0) + 1
            self.boot_offsets[self.epoch] = None
        self._held[offset] = ProvisionalRow(offset, self.epoch, boot_offset_ms)

    def first_held(self) -> int | None:
        """Return the lowest offset whose time is not known; None when there is none."""
        waiting = (row for row in self._held.values() if self.boot_offsets.get(row.epoch) is None)
        return min((row.offset for row in waiting if row.offset in self.rows), default=None)

    def settle(self, boot_offset_ms: int) -> None:
        """Close the open era."""
        if self.epoch is not None:
            self.boot_offsets[self.epoch] = boot_offset_ms
            self.epoch = None

    def within(self, first: int, last: int, limit: int) -> list[Row]:
        """Return up to ``limit`` rows of the closed range whose time is known, lowest first."""
        found: list[Row] = []
        for row in self.rows.values():
            if len(found) >= limit or row.offset > last:
                break
            if row.offset < first:
                continue
            held = self._held.get(row.offset)
            boot_offset_ms = 0 if held is None else self.boot_offsets.get(held.epoch)
            if boot_offset_ms is not None:
                found.append(
                    row if held is None else moved(row, boot_offset_ms - held.boot_offset_ms)
                )
        return found

    def remove(self, ranges: Iterable[Range]) -> None:
        """Delete the rows of these ranges."""
        for first, last in ranges:
            if not self.rows:
                return
            if last - first < len(self.rows):
                doomed = [offset for offset in range(first, last + 1) if offset in self.rows]
            else:
                doomed = [offset for offset in self.rows if first <= offset <= last]
            for offset in doomed:
                self._forget(offset)

    def give_up_below(self, offset: int) -> None:
        """Give up the rows before that offset."""
        for doomed in [known for known in self.rows if known < offset]:
            self._forget(doomed)
            self.dropped += 1

    def take(self) -> tuple[dict[int, Row], dict[int, ProvisionalRow]]:
        """Hand over all rows, for writing, and which of them have no final time."""
        rows, held = self.rows, self._held
        self.rows, self._held, self._bytes = {}, {}, 0
        return rows, {offset: row for offset, row in held.items() if offset in rows}

    def put_back(self, rows: dict[int, Row], held: dict[int, ProvisionalRow]) -> None:
        """Take rows back that could not be written; they are older than all others."""
        self.rows = rows | self.rows
        self._held = held | self._held
        self._bytes = sum(len(row.fragment) + _ROW_BYTES for row in self.rows.values())
        if self._bytes > self._max_bytes:
            self._shed()

    def _shed(self) -> None:
        # A tenth at a time, so that a full memory does not cost a search per message.
        goal = self._max_bytes - self._max_bytes // 10
        offsets = list(self.rows)
        for offset in offsets if self._drop == "oldest" else reversed(offsets):
            if self._bytes <= goal:
                return
            self._forget(offset)
            self.dropped += 1

    def _forget(self, offset: int) -> None:
        self._held.pop(offset, None)
        self._bytes -= len(self.rows.pop(offset).fragment) + _ROW_BYTES
