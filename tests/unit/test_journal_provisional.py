"""Rows of a clock that is not believed: kept over restarts, given their true time once, late."""

from collections.abc import Callable
from pathlib import Path

import pytest

from config.edge import JournalSettings
from edge_agent.journal.base import Journal, Row
from edge_agent.journal.memory import MemoryJournal
from edge_agent.journal.sqlite import SqliteJournal
from protocols.sparkplug.payload import Metric, decode_payload, encode_metrics
from tests.fakes.agent_clock import FakeClock

NOW = 1_795_000_000_000
DAY_MS = 86_400_000
Make = Callable[..., Journal]


def fragment(taken_at: int) -> bytes:
    return encode_metrics([Metric(alias=1, timestamp=taken_at, value=1.0)])


def stamp_of(row: Row) -> int | None:
    (metric,) = decode_payload(row.fragment).metrics
    return metric.timestamp


def put(journal: Journal, taken_at: int, *, uptime_s: int) -> int:
    """Keep a reading as a clock has it that was started ``uptime_s`` ago."""
    return journal.append(
        "d", fragment(taken_at), taken_at=taken_at, boot_offset_ms=taken_at - uptime_s * 1000
    )


async def stamps(journal: Journal) -> list[int | None]:
    rows = await journal.read(0, 2**62, limit=1000)
    assert [row.taken_at for row in rows] == [stamp_of(row) for row in rows]
    return [row.taken_at for row in rows]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture(params=[MemoryJournal, SqliteJournal], ids=lambda kind: kind.__name__)
def make(request: pytest.FixtureRequest, path: Path) -> Make:
    return lambda: request.param(JournalSettings(path=path), FakeClock(NOW))


def at_boot(path: Path, boot: str) -> SqliteJournal:
    return SqliteJournal(JournalSettings(path=path), FakeClock(NOW), boot=boot)


@pytest.mark.parametrize("committed", [True, False])
async def test_rows_wait_and_get_the_time_that_their_monotonic_distance_gives(
    make: Make,
    committed: bool,  # noqa: FBT001
) -> None:
    async with make() as journal:
        first = put(journal, 5_000, uptime_s=5)
        put(journal, 65_000, uptime_s=65)
        # Set by hand to something else, still not believed.
        last = put(journal, NOW - DAY_MS, uptime_s=100)
        if committed:
            await journal.commit()
        assert await stamps(journal) == []
        assert (journal.stats().rows, journal.stats().provisional_readings) == (3, 3)
        assert (journal.believed, journal.arrivals()) == (False, [])

        await journal.close_epochs(NOW - 200_000)
        assert await stamps(journal) == [NOW - 195_000, NOW - 135_000, NOW - 100_000]
        assert (journal.believed, journal.stats().provisional_readings) == (True, 0)
        assert journal.arrivals() == [(first, last)]
        assert journal.arrivals() == []


async def test_rows_that_wait_hide_none_that_do_not(make: Make) -> None:
    async with make() as journal:
        for number in range(30):
            put(journal, 5_000 + number, uptime_s=5)
        await journal.commit()
        await journal.close_epochs(NOW)
        for number in range(30):
            put(journal, 5_000 + number, uptime_s=5)
        final = journal.append("d", fragment(NOW), taken_at=NOW)
        await journal.commit()
        rows = await journal.read(0, 2**62, limit=31)
        assert len(rows) == 31
        assert rows[-1].offset == final


async def test_an_acknowledged_row_never_gets_a_time(make: Make) -> None:
    async with make() as journal:
        offset = put(journal, 5_000, uptime_s=5)
        await journal.commit()
        journal.acknowledge([(offset, offset)])
        await journal.commit()
        await journal.close_epochs(NOW)
        assert await stamps(journal) == []


async def test_a_stop_before_the_clock_is_set_loses_nothing_and_the_next_run_goes_on(
    path: Path,
) -> None:
    async with at_boot(path, "a") as journal:
        put(journal, 5_000, uptime_s=5)
    async with at_boot(path, "a") as journal:
        assert await stamps(journal) == []
        assert journal.stats().provisional_readings == 1
        put(journal, 20_000, uptime_s=20)
        await journal.close_epochs(NOW)
    async with at_boot(path, "a") as journal:
        assert await stamps(journal) == [NOW + 5_000, NOW + 20_000]
        assert journal.believed
    async with at_boot(path, "b") as journal:
        assert not journal.believed


async def test_times_are_given_once_whatever_the_clock_does_later(path: Path) -> None:
    async with at_boot(path, "a") as journal:
        put(journal, 5_000, uptime_s=5)
        await journal.close_epochs(NOW)
        put(journal, NOW + 10_000, uptime_s=10)
        await journal.close_epochs(NOW + DAY_MS)
        assert await stamps(journal) == [NOW + 5_000, NOW + DAY_MS + 10_000]
        await journal.commit()
    async with at_boot(path, "a") as journal:
        assert await stamps(journal) == [NOW + 5_000, NOW + DAY_MS + 10_000]


async def test_a_run_that_ended_in_1970_is_taken_to_have_ended_when_the_next_one_began(
    path: Path,
) -> None:
    for boot in ("a", "b"):
        async with at_boot(path, boot) as journal:
            put(journal, 5_000, uptime_s=5)
            put(journal, 600_000, uptime_s=600)
    async with at_boot(path, "c") as journal:
        put(journal, 7_000, uptime_s=7)
        await journal.close_epochs(NOW)
        assert await stamps(journal) == [
            NOW - 600_000 - 595_000,
            NOW - 600_000,
            NOW - 595_000,
            NOW,
            NOW + 7_000,
        ]


async def test_a_run_that_ended_under_a_saved_clock_keeps_the_times_it_had(path: Path) -> None:
    saved = NOW - 60 * DAY_MS
    async with at_boot(path, "a") as journal:
        put(journal, saved, uptime_s=5)
        put(journal, saved + 1000, uptime_s=6)
    async with at_boot(path, "b") as journal:
        await journal.close_epochs(NOW)
        assert await stamps(journal) == [saved, saved + 1000]


async def test_a_step_of_two_months_costs_no_row(path: Path) -> None:
    clock = FakeClock(NOW - 60 * DAY_MS)
    async with SqliteJournal(JournalSettings(path=path), clock) as journal:
        for number in range(100):
            journal.append("d", fragment(clock.now_ms()), taken_at=clock.now_ms() + number)
        await journal.commit()
        clock.utc_ms = NOW
        for _ in range(3):
            clock.advance(61)
            await journal.commit()
        assert (journal.stats().rows, journal.stats().dropped_rows) == (100, 0)


async def test_how_long_rows_were_kept_is_counted_over_restarts(path: Path) -> None:
    clock = FakeClock(NOW)
    for _ in range(3):
        async with SqliteJournal(JournalSettings(path=path, max_age_s=3600), clock) as journal:
            journal.append("d", b"x", taken_at=clock.now_ms())
            await journal.commit()
            clock.advance(2000)
            await journal.commit()
    assert journal.stats().dropped_rows == 1


async def test_a_file_of_the_first_version_is_taken_over_with_its_rows(path: Path) -> None:
    async with at_boot(path, "a") as journal:
        name = journal.journal_id
        offset = journal.append("d", fragment(NOW), taken_at=NOW)
        await journal.commit()
        connection = journal._disk.file._connection  # type: ignore[union-attr]
        await journal._disk._in_worker(
            lambda: connection.executescript(
                "DROP TABLE held; DROP TABLE eras; DROP TABLE marks; PRAGMA user_version = 1"
            )
        )
        await journal._disk.close()
    async with at_boot(path, "a") as journal:
        assert journal.journal_id == name
        assert [row.offset for row in await journal.read(0, 2**62, limit=9)] == [offset]
