"""A process whose disk is full from a certain size on; it journals, waits, and goes on."""

import asyncio
import json
import resource
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from config.edge import JournalSettings
from edge_agent.clock import SystemClock
from edge_agent.journal.sqlite import SqliteJournal

FULL_AT = 300_000
NOW = 1_795_000_000_000


def limit_files(size: int) -> None:
    """Python ignores SIGXFSZ, so writes beyond this fail like on a full disk."""
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, most))


@contextmanager
def full_disk() -> Generator[None]:
    """Refuse every byte beyond the first of any file of this process, its output included."""
    before, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    limit_files(1)
    try:
        yield
    finally:
        limit_files(before)


async def fill(path: Path) -> dict[str, object]:
    async with SqliteJournal(JournalSettings(path=path), SystemClock()) as journal:
        await journal.commit()
        limit_files(FULL_AT)
        appended = []
        while journal.stats().writable:
            appended.append(journal.append("d", b"x" * 2000, taken_at=NOW + len(appended)))
            await journal.commit()
        # Polling goes on; what comes now is kept in memory.
        for _ in range(50):
            appended.append(journal.append("d", b"y" * 2000, taken_at=NOW + len(appended)))
            await journal.commit()
        full = [row.offset for row in await journal.read(0, 2**62, limit=100_000)]
        limit_files(resource.RLIM_INFINITY)
        await journal.commit()
        return {
            "appended": appended,
            "kept_while_full": full,
            "writable_again": journal.stats().writable,
            "dropped": journal.stats().dropped_rows,
        }


if __name__ == "__main__":
    outcome = asyncio.run(fill(Path(sys.argv[1])))
    sys.stderr.write(json.dumps(outcome))
