"""A journal without a disk, for tests: what every journal does, in the fewest lines."""

import sys
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from config.edge import JournalSettings
from edge_agent.clock import Clock
from edge_agent.journal.base import Alias, JournalStats, Row
from edge_agent.journal.buffer import Buffer
from edge_agent.journal.ranges import Range

MEMORY_BYTES = 32_000_000
"""What rows may take in memory at most."""


class MemoryJournal:
    """Rows are lost with the process; its name is new each time, so no old ack can meet them."""

    def __init__(self, settings: JournalSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._pending = Buffer(max_bytes=min(settings.max_bytes, MEMORY_BYTES), drop=settings.drop)
        self._pending.reserved = sys.maxsize
        self._aliases: dict[Alias, int] = {}
        self._marks: deque[tuple[int, float]] = deque()
        self._arrivals: list[Range] = []
        self._held_readings = 0
        self.on_renamed: Callable[[], None] = lambda: None
        self.believed = False
        self.bd_seq: int | None = None
        self.journal_id = str(uuid.uuid4())

    @property
    def next_offset(self) -> int:
        """The offset that the next row will get."""
        return self._pending.next_offset

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.commit()

    def append(
        self,
        device: str,
        fragment: bytes,
        *,
        taken_at: int,
        readings: int = 1,
        boot_offset_ms: int | None = None,
    ) -> int:
        """Keep a message and return its offset."""
        offset = self._pending.append(device, fragment, taken_at=taken_at, readings=readings)
        if boot_offset_ms is not None:
            self._pending.hold(offset, boot_offset_ms)
            self._held_readings += readings
        return offset

    def acknowledge(self, ranges: Iterable[Range]) -> None:
        """Delete these offsets."""
        self._pending.remove(ranges)

    async def read(self, first: int, last: int, *, limit: int) -> list[Row]:
        """Return up to ``limit`` rows of the closed range, lowest offset first."""
        return self._pending.within(first, last, limit)

    async def settle(self, boot_offset_ms: int) -> None:
        """Give rows that wait their true time."""
        first = self._pending.first_held()
        self._pending.settle(boot_offset_ms)
        self._held_readings, self.believed = 0, True
        if first is not None:
            self._arrivals.append((first, self.next_offset - 1))

    def arrivals(self) -> list[Range]:
        """Return, once, where there are rows to be sent now."""
        arrivals, self._arrivals = self._arrivals, []
        return arrivals

    def alias(self, device: str, point: str, datatype: int) -> int:
        """Return the alias of this point, a new one on first use."""
        return self._aliases.setdefault(Alias(device, point, datatype), len(self._aliases) + 1)

    def aliases(self) -> dict[int, Alias]:
        """Return every alias ever given."""
        return {number: alias for alias, number in self._aliases.items()}

    def keep_bd_seq(self, bd_seq: int) -> None:
        """Remember the number of the connect that follows."""
        self.bd_seq = bd_seq

    async def commit(self) -> None:
        """Give up what is too old; there is nothing to write."""
        now_s = self._clock.monotonic_s()
        self._marks.append((self.next_offset, now_s))
        while self._marks and self._marks[0][1] < now_s - self._settings.max_age_s:
            self._pending.give_up_below(self._marks.popleft()[0])

    async def run(self) -> None:
        """Commit regularly, for ever."""
        while True:
            await self._clock.sleep(self._settings.commit_interval_s)
            await self.commit()

    def stats(self) -> JournalStats:
        """Return the figures of this moment."""
        rows = self._pending.rows
        oldest = next(iter(rows.values())).taken_at if rows else None
        # Not writable: nothing of it reaches a disk, and the status page shall say so.
        return JournalStats(
            rows=len(rows),
            dropped_rows=self._pending.dropped,
            oldest_at=oldest,
            writable=False,
            held_readings=self._held_readings,
        )
