"""A gateway whose disk is full when it starts: nothing is lost once there is room again.

The small disk is a tmpfs, which only root may mount.
"""

from collections.abc import Generator
from pathlib import Path

import pytest

from config.edge import JournalSettings
from edge_agent.journal.sqlite import SqliteJournal
from tests.fakes.agent_clock import FakeClock
from tests.small_disk import NEEDS_ROOT, fill, small_disk

SIZE_MB = 24
NOW = 1_795_000_000_000

pytestmark = [
    NEEDS_ROOT,
]


@pytest.fixture
def disk(tmp_path: Path) -> Generator[Path]:
    with small_disk(tmp_path / "small", size_mb=SIZE_MB) as folder:
        yield folder


async def offsets(journal: SqliteJournal) -> list[int]:
    return [row.taken_at - NOW for row in await journal.read(0, 2**62, limit=100_000)]


@pytest.mark.parametrize("before", [0, 2000])
async def test_a_disk_full_at_the_start_keeps_memory_until_there_is_room_and_then_both(
    disk: Path, before: int
) -> None:
    settings = JournalSettings(path=disk / "journal.sqlite")
    if before:
        async with SqliteJournal(settings, FakeClock(NOW)) as journal:
            for number in range(before):
                journal.append("d", b"x" * 500, taken_at=NOW + number)
    clock = FakeClock(NOW)
    ballast = fill(disk)
    async with SqliteJournal(settings, clock) as journal:
        assert not journal.stats().writable or before
        for number in range(before, before + 500):
            journal.append("d", b"", taken_at=NOW + number)
            if number % 100 == 0:
                await journal.turn()
        assert not journal.stats().writable
        assert (await offsets(journal))[-500:] == list(range(before, before + 500))
        ballast.unlink()
        clock.advance(61)
        await journal.turn()
        assert journal.stats().writable
        assert await offsets(journal) == list(range(before + 500))
    async with SqliteJournal(settings, clock) as journal:
        assert await offsets(journal) == list(range(before + 500))
