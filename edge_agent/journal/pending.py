"""The part of a journal that is in memory: numbered rows, bounded by bytes."""

from collections.abc import Iterable
from typing import Literal

from edge_agent.errors import JournalFullError
from edge_agent.journal.base import Row
from edge_agent.journal.ranges import Range

Drop = Literal["oldest", "newest"]

_ROW_BYTES = 200
"""What a row costs in memory besides its fragment."""


class Pending:
    """Rows in the order of their offsets.

    Attributes:
        rows: Offset to row.
        dropped: Rows given up for the bound, since the start.
        next_offset: The offset of the next row.
        reserved: Offsets from here on may not be used yet.
    """

    def __init__(self, *, max_bytes: int, drop: Drop) -> None:
        self.rows: dict[int, Row] = {}
        self.dropped = 0
        self.next_offset = 0
        self.reserved = 0
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

    def remove_older(self, taken_at: int) -> None:
        """Give up the first rows while they are older than that."""
        while self.rows:
            oldest = next(iter(self.rows.values()))
            if oldest.taken_at >= taken_at:
                return
            self._forget(oldest.offset)
            self.dropped += 1

    def take(self) -> dict[int, Row]:
        """Hand over all rows, for writing."""
        rows, self.rows, self._bytes = self.rows, {}, 0
        return rows

    def put_back(self, rows: dict[int, Row]) -> None:
        """Take rows back that could not be written; they are older than all others."""
        self.rows = rows | self.rows
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
        self._bytes -= len(self.rows.pop(offset).fragment) + _ROW_BYTES
