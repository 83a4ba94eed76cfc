"""A process that journals for ever and says what it did; the test kills it."""

import asyncio
import sys
from pathlib import Path

from config.edge import JournalSettings
from edge_agent.clock import SystemClock
from edge_agent.journal.sqlite import SqliteJournal


def say(word: str, value: object) -> None:
    sys.stdout.write(f"{word} {value}\n")
    sys.stdout.flush()


async def write(path: Path) -> None:
    async with SqliteJournal(JournalSettings(path=path), SystemClock()) as journal:
        say("journal", journal.journal_id)
        while True:
            for _ in range(20):
                offset = journal.append("meter", b"x" * 50, taken_at=1_795_000_000_000)
            await journal.commit()
            say("committed", offset)
            # These are numbered and published, but never committed.
            for _ in range(5):
                offset = journal.append("meter", b"y" * 50, taken_at=1_795_000_000_000)
            say("appended", offset)


if __name__ == "__main__":
    asyncio.run(write(Path(sys.argv[1])))
