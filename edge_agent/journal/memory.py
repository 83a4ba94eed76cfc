"""A journal without a disk, for tests: what every journal does, in the fewest lines."""

import sys
import uuid
from collections import deque
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from config.edge import JournalSettings
from edge_agent.clock import Clock
from edge_agent.journal.base import JournalStats, OnRenamed, Row
from edge_agent.journal.buffer import Buffer
from edge_agent.journal.ranges import Range


class MemoryJournal(Buffer):
    """Rows are lost with the process; its name is new each time, so no old ack can meet them."""

    def __init__(self, settings: JournalSettings, clock: Clock) -> None:
        super().__init__(settings, clock)
        self._reserved = sys.maxsize
        self._marks: deque[tuple[int, float]] = deque()
        self.believed = False
        self.bd_seq: int | None = None
        self.journal_id = str(uuid.uuid4())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.commit()

    def acknowledge(self, ranges: Iterable[Range]) -> None:
        """Delete these offsets."""
        self._remove(ranges)

    async def read(self, first: int, last: int, *, limit: int) -> list[Row]:
        """Return up to ``limit`` rows of the closed range, lowest offset first."""
        return self._within(first, last, limit)

    async def close_epochs(self, boot_offset_ms: int) -> None:
        """Make provisional timestamps final."""
        first = self._first_provisional()
        self._close_epoch(boot_offset_ms)
        self.believed = True
        if first is not None:
            self._arrivals.append((first, self.next_offset - 1))

    def keep_bd_seq(self, bd_seq: int) -> None:
        """Remember the number of the connect that follows."""
        self.bd_seq = bd_seq

    async def commit(self) -> None:
        """Give up what is too old; there is nothing to write."""
        now_s = self._clock.monotonic_s()
        self._marks.append((self.next_offset, now_s))
        while self._marks and self._marks[0][1] < now_s - self._settings.max_age_s:
            below, _ = self._marks.popleft()
            for offset in [offset for offset in self._rows if offset < below]:
                self._give_up(offset)

    async def run(self, on_renamed: OnRenamed) -> None:
        """Commit regularly, for ever."""
        del on_renamed
        while True:
            await self._clock.sleep(self._settings.commit_interval_s)
            await self.commit()

    def stats(self) -> JournalStats:
        """Return the figures of this moment."""
        rows = self._rows
        oldest = next(iter(rows.values())).taken_at if rows else None
        # Not writable: nothing of it reaches a disk, and the status page shall say so.
        return JournalStats(
            rows=len(rows),
            dropped_rows=self._dropped,
            oldest_at=oldest,
            writable=False,
            provisional_readings=self._provisional_readings(),
        )
