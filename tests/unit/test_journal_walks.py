"""Random days of a journal: a disk that refuses and returns, damage, restarts, clocks set late."""

import random
from pathlib import Path
from typing import Any

import pytest

from config.edge import JournalSettings
from edge_agent.errors import JournalError, JournalFullError
from edge_agent.journal import recovery
from edge_agent.journal.sqlite import SqliteJournal
from protocols.sparkplug.payload import Metric, encode_metrics
from tests.fakes.agent_clock import FakeClock

NOW = 1_795_000_000_000
EVERYTHING = (0, 2**62)


class Day:
    """A journal, and what has to be in it: by the value that a row carries, its true time."""

    def __init__(self, path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rng = random.Random(seed)  # noqa: S311 (no secret)
        self.path = path
        self.clock = FakeClock(NOW)
        self.monkeypatch = monkeypatch
        self.final: dict[int, int] = {}
        self.provisional: dict[int, int] = {}
        self.acknowledged: set[int] = set()
        self.number = 0
        self.refuses = False
        self.believed = False

    async def open(self) -> None:
        settings = JournalSettings(path=self.path)
        self.journal = await SqliteJournal(settings, self.clock, boot="a").__aenter__()
        disk = self.journal._disk
        run = disk.run

        async def maybe(work: Any) -> Any:
            if self.refuses:
                raise JournalFullError("for the test")
            return await run(work)

        self.monkeypatch.setattr(disk, "run", maybe)

    def append(self) -> None:
        self.number += 1
        taken_at = 10_000 + self.number if not self.believed else NOW + self.number
        boot_offset_ms = None if self.believed else 0
        metric = Metric(alias=1, timestamp=taken_at, value=float(self.number))
        self.journal.append(
            "d",
            encode_metrics([metric]),
            taken_at=taken_at,
            readings=2,
            boot_offset_ms=boot_offset_ms,
        )
        if self.believed:
            self.final[taken_at] = self.number
        else:
            self.provisional[taken_at] = self.number

    async def close_epochs(self) -> None:
        await self.journal.close_epochs(NOW - 50_000_000)
        self.believed = True
        self.final |= {NOW - 50_000_000 + at: value for at, value in self.provisional.items()}
        self.provisional = {}

    async def acknowledge(self) -> None:
        rows = await self.journal.read(*EVERYTHING, limit=1000)
        for row in self.rng.sample(rows, len(rows) // 3):
            self.journal.acknowledge([(row.offset, row.offset)])
            self.final.pop(row.taken_at, None)
            self.acknowledged.add(row.taken_at)

    async def restart(self) -> None:
        self.refuses = False
        await self.journal.__aexit__(None, None, None)
        await self.open()

    def damage(self) -> None:
        self.journal._disk.found_damaged(JournalError("for the test"))

    async def step(self) -> None:
        rng = self.rng
        match rng.choices(range(8), (40, 25, 6, 3, 5, 2, 2, 10))[0]:
            case 0:
                self.append()
            case 1:
                await self.journal.turn()
            case 2 if not self.refuses and not self.journal._disk.damaged:
                await self.acknowledge()
            case 3:
                await self.restart()
            case 4:
                self.refuses = not self.refuses
            case 5 if not self.refuses:
                self.damage()
            case 6 if self.number > 40 and not self.refuses:
                await self.close_epochs()
            case _:
                self.clock.advance(rng.uniform(0.5, 61))

    async def settled(self) -> None:
        """Let the disk work again until nothing is left to do."""
        self.refuses = False
        self.clock.advance(61)
        await self.journal.turn()
        while await self.journal.recover():
            pass
        self.clock.advance(61)
        await self.journal.turn()


@pytest.mark.parametrize("seed", range(3))
async def test_no_row_is_lost_doubled_or_counted_twice(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "CHUNK", 7)
    monkeypatch.setattr(recovery, "MOST_ASIDE", 1000)
    day = Day(tmp_path / "journal.sqlite", seed, monkeypatch)
    await day.open()
    for number in range(300):
        await day.step()
        if number % 50 == 49:
            await day.settled()
            journal = day.journal
            rows = await journal.read(*EVERYTHING, limit=1000)
            times = [row.taken_at for row in rows]
            assert len(times) == len(set(times))
            assert set(times) >= day.final.keys()
            # Of a file found damaged before its next commit, acknowledged rows come back.
            assert set(times) <= day.final.keys() | day.acknowledged
            assert journal.stats().rows == len(times) + len(day.provisional)
            assert journal.stats().provisional_readings == 2 * len(day.provisional)
            assert journal.stats().dropped_rows == 0
    await day.journal.__aexit__(None, None, None)
