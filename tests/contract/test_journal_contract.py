"""What every journal does."""

from collections.abc import Callable
from pathlib import Path

import pytest

from config.edge import JournalSettings
from edge_agent.journal.base import Alias, Journal
from edge_agent.journal.memory import MemoryJournal
from edge_agent.journal.sqlite import SqliteJournal
from tests.fakes.agent_clock import FakeClock

NOW = 1_795_000_000_000
Make = Callable[..., Journal]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


@pytest.fixture(params=[MemoryJournal, SqliteJournal], ids=lambda kind: kind.__name__)
def make(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> Make:
    def build(**settings: object) -> Journal:
        path = tmp_path / "journal.sqlite"
        return request.param(JournalSettings.model_validate({"path": path, **settings}), clock)

    return build


async def offsets(journal: Journal) -> list[int]:
    return [row.offset for row in await journal.read(0, 2**62, limit=100_000)]


async def test_rows_come_back_lowest_offset_first_with_everything_they_carried(make: Make) -> None:
    async with make() as journal:
        first = journal.append("pump-1", b"one", taken_at=NOW, readings=20)
        second = journal.append("pump-2", b"two", taken_at=NOW + 1)
        await journal.commit()
        third = journal.append("pump-1", b"three", taken_at=NOW + 2)

        rows = await journal.read(first, third, limit=10)

    assert rows == [
        (first, "pump-1", b"one", NOW, 20),
        (second, "pump-2", b"two", NOW + 1, 1),
        (third, "pump-1", b"three", NOW + 2, 1),
    ]
    assert first < second < third


async def test_reading_stops_at_the_limit_and_keeps_to_the_range(make: Make) -> None:
    async with make() as journal:
        kept = [journal.append("d", b"x", taken_at=NOW) for _ in range(10)]
        await journal.commit()

        assert [r.offset for r in await journal.read(kept[2], kept[8], limit=3)] == kept[2:5]
        assert [r.offset for r in await journal.read(kept[2], kept[4], limit=9)] == kept[2:5]
        assert await journal.read(kept[9] + 1, 2**62, limit=9) == []


@pytest.mark.parametrize("committed", [True, False])
async def test_acknowledging_deletes_exactly_the_ranges(make: Make, committed: bool) -> None:  # noqa: FBT001
    async with make() as journal:
        kept = [journal.append("d", b"x", taken_at=NOW) for _ in range(10)]
        if committed:
            await journal.commit()

        journal.acknowledge([(kept[1], kept[3]), (kept[7], kept[7])])
        assert await offsets(journal) == [kept[i] for i in (0, 4, 5, 6, 8, 9)]
        await journal.commit()

        assert await offsets(journal) == [kept[i] for i in (0, 4, 5, 6, 8, 9)]
        assert journal.stats().rows == 6


async def test_an_acknowledgement_never_touches_rows_appended_later(make: Make) -> None:
    async with make() as journal:
        first = journal.append("d", b"x", taken_at=NOW)
        journal.acknowledge([(first, first + 1000)])
        later = journal.append("d", b"y", taken_at=NOW)
        await journal.commit()

        assert await offsets(journal) == [later]


async def test_aliases_stay_and_a_changed_datatype_gets_another_one(make: Make) -> None:
    async with make() as journal:
        flow = journal.alias("pump-1", "flow", 10)
        head = journal.alias("pump-1", "head", 10)
        as_int = journal.alias("pump-1", "flow", 3)

        assert journal.alias("pump-1", "flow", 10) == flow
        assert len({flow, head, as_int}) == 3
        assert journal.aliases()[as_int] == Alias("pump-1", "flow", 3)


async def test_the_birth_death_number_is_kept(make: Make) -> None:
    async with make() as journal:
        assert journal.bd_seq is None
        journal.keep_bd_seq(255)
        assert journal.bd_seq == 255


async def test_rows_older_than_the_bound_are_given_up(make: Make, clock: FakeClock) -> None:
    async with make(max_age_s=3600) as journal:
        journal.append("d", b"old", taken_at=NOW)
        await journal.commit()
        clock.advance(3601)
        fresh = journal.append("d", b"new", taken_at=clock.now_ms())
        await journal.commit()
        await journal.commit()

        assert await offsets(journal) == [fresh]
        assert journal.stats().dropped_rows == 1


@pytest.mark.parametrize("drop", ["oldest", "newest"])
async def test_the_byte_bound_drops_by_policy_and_counts(make: Make, drop: str) -> None:
    async with make(max_bytes=1_000_000, drop=drop) as journal:
        total = 0
        for _ in range(20):
            for _ in range(40):
                last = journal.append("d", b"x" * 3000, taken_at=NOW)
                total += 1
            await journal.commit()
        left = await offsets(journal)
        first = last - total + 1

        assert 100 < len(left) < total
        assert journal.stats().dropped_rows == total - len(left)
        if drop == "oldest":
            assert left == list(range(last - len(left) + 1, last + 1))
        else:
            assert left[:100] == list(range(first, first + 100))


async def test_the_age_of_the_oldest_row_is_known(make: Make) -> None:
    async with make() as journal:
        journal.append("d", b"x", taken_at=NOW - 5000)
        journal.append("d", b"x", taken_at=NOW)
        await journal.commit()

        assert journal.stats().oldest_at == NOW - 5000
