"""What a journal file may hold: bytes and age, and what gives way."""

import sqlite3
from typing import NamedTuple

from config.edge import JournalSettings
from edge_agent.journal.base import Row
from edge_agent.journal.schema import PAGE_BYTES


class Age(NamedTuple):
    """How long rows have been kept, by the time that the journal was open.

    Never by the clock: a step of the clock must not cost a row.

    Attributes:
        now_ms: All time that this journal has been open so far.
        most_ms: Rows kept for longer than this are given up.
        next_offset: Rows below this are at least as old as this instant.
    """

    now_ms: int
    most_ms: int
    next_offset: int


class Bounds:
    """Keeps the file within its bounds; all within the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection, settings: JournalSettings) -> None:
        self._connection = connection
        self._drop = settings.drop
        # Room for the write-ahead log, so that both files together keep the bound.
        wal_bytes = min(4_000_000, settings.max_bytes // 8)
        self._max_bytes = settings.max_bytes - 2 * wal_bytes
        connection.execute(f"PRAGMA wal_autocheckpoint = {wal_bytes // PAGE_BYTES}")

    def give_up_older(self, age: Age) -> int:
        """Delete rows that have been kept for too long; return how many."""
        execute = self._connection.execute
        (below,) = execute(
            "SELECT max(below) FROM marks WHERE age_ms < ?", (age.now_ms - age.most_ms,)
        ).fetchone()
        dropped = 0
        if below is not None:
            dropped = execute("DELETE FROM rows WHERE offset < ?", (below,)).rowcount
            execute("DELETE FROM marks WHERE below < ?", (below,))
        execute("INSERT OR IGNORE INTO marks VALUES (?, ?)", (age.next_offset, age.now_ms))
        return dropped

    def admit(self, rows: list[Row]) -> tuple[list[Row], int]:
        """Return the rows for which there is room, and how many are refused."""
        if self._drop == "oldest":
            return rows, 0
        room = self._max_bytes - self.used_bytes()
        for count, row in enumerate(rows):
            room -= len(row.fragment) + len(row.device) + 32
            if room < 0:
                return rows[:count], len(rows) - count
        return rows, 0

    def make_room(self, rows: int) -> int:
        """Delete the oldest of so many rows until the file is within its bound."""
        # A fiftieth at a time: not a search per commit, not a write-ahead log of its own size.
        chunk = max(1, rows // 50)
        dropped = 0
        while self._drop == "oldest" and self.used_bytes() > self._max_bytes and dropped < rows:
            dropped += self._connection.execute(
                "DELETE FROM rows WHERE offset IN"
                " (SELECT offset FROM rows ORDER BY offset LIMIT ?)",
                (chunk,),
            ).rowcount
        return dropped

    def used_bytes(self) -> int:
        """Return the bytes of the file that are in use."""
        (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
        (free,) = self._connection.execute("PRAGMA freelist_count").fetchone()
        return (pages - free) * PAGE_BYTES

    def oldest_at(self) -> int | None:
        """Return when the first row was taken, UTC ms, as its clock said; None without rows."""
        found = self._connection.execute("SELECT taken_at FROM rows ORDER BY offset LIMIT 1")
        row = found.fetchone()
        return None if row is None else int(row[0])

    def lowest(self) -> int | None:
        """Return the lowest offset; None without rows."""
        (lowest,) = self._connection.execute("SELECT min(offset) FROM rows").fetchone()
        return lowest
