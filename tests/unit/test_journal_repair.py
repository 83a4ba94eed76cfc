"""A disk that fails or fills while the agent runs: polling goes on, and what can be had is had."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from config.edge import JournalSettings
from edge_agent.errors import JournalError, JournalFullError
from edge_agent.journal import recovery
from edge_agent.journal.base import Row
from edge_agent.journal.sqlite import SqliteJournal
from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.payload import Metric, decode_payload, encode_metrics
from tests.fakes.agent_clock import FakeClock
from tests.unit.test_journal_damage import damage, filled

NOW = 1_795_000_000_000
ROWS = 500
EVERYTHING = (0, 2**62)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


def journal_at(path: Path, clock: FakeClock | None = None) -> SqliteJournal:
    return SqliteJournal(JournalSettings(path=path), clock or FakeClock(NOW))


async def taken(journal: SqliteJournal) -> list[int]:
    return [row.taken_at - NOW for row in await journal.read(*EVERYTHING, limit=100_000)]


def refuse(*_: object) -> Row:
    raise sqlite3.OperationalError("disk I/O error")


async def test_a_kill_while_a_damaged_journal_is_emptied_costs_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "CHUNK", 100)
    await filled(path)
    damage(path, -1)
    async with journal_at(path) as journal:
        assert await journal.recover()
        assert await journal.recover()
        assert len(await taken(journal)) == 200
        assert journal.stats().recovering
        assert journal.arrivals() == [(0, 99), (100, 199)]
        # As a kill leaves it: nothing more is written.
        files = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    for name, content in files.items():
        (path.parent / name).write_bytes(content)
    with capture_logs() as logs:
        async with journal_at(path) as journal:
            assert await taken(journal) == list(range(200))
            fresh = journal.append("d", b"new", taken_at=NOW + ROWS)
            while await journal.recover():
                pass
            kept = await journal.read(*EVERYTHING, limit=1000)
            assert not journal.stats().recovering
    assert [entry["event"] for entry in logs] == ["journal_recovered"]
    assert logs[0]["rows"] == len(kept) - 1
    assert len(kept) >= ROWS - 7
    times = [row.taken_at for row in kept]
    assert times == sorted(set(times))
    assert kept[-1].offset == fresh


async def test_polling_begins_before_a_damaged_journal_is_emptied(path: Path) -> None:
    await filled(path)
    damage(path, 30)
    async with journal_at(path) as journal:
        assert await taken(journal) == []
        journal.append("d", b"new", taken_at=NOW + ROWS)
        while journal.stats().recovering:
            await journal.turn()
        assert len(await taken(journal)) >= ROWS - 8


async def test_rows_behind_several_damaged_pages_are_found_in_order(path: Path) -> None:
    await filled(path)
    for page in (12, 13, 30, -5, -1):
        damage(path, page)
    async with journal_at(path) as journal:
        while await journal.recover():
            pass
        found = await taken(journal)
    assert len(found) >= ROWS - 5 * 8
    assert found == sorted(set(found))


@pytest.mark.long
async def test_files_set_aside_are_few(path: Path) -> None:
    for _ in range(6):
        await filled(path)
        damage(path, -1)
        async with journal_at(path) as journal:
            while await journal.recover():
                pass
    found = [file for file in path.parent.glob("*.corrupt-*") if file.suffix != ".lock"]
    assert len(found) == recovery.MOST_ASIDE


async def test_damage_found_while_running_is_replaced_and_nothing_stops(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.journal.schema._CHECKED_BYTES", 0)
    await filled(path)
    damage(path, 40)
    renamed: list[str] = []

    def note() -> None:
        renamed.append(journal.journal_id)

    async with journal_at(path) as journal:
        before = journal.journal_id
        journal.append("d", b"pending", taken_at=NOW + ROWS)
        with pytest.raises(JournalError):
            await taken(journal)
        assert not journal.stats().writable
        number = journal.append("d", b"while damaged", taken_at=NOW + ROWS + 1)
        await journal.turn(note)
        while journal.stats().recovering:
            await journal.turn(note)
        assert renamed == [journal.journal_id]
        assert journal.journal_id != before
        assert journal.next_offset > number
        assert journal.stats().writable
        assert journal.alias("d", "flow", 10) == 1
        assert journal.bd_seq == 7
        found = await taken(journal)
    assert found[-2:] == [ROWS, ROWS + 1]
    assert len(found) >= ROWS - 8 + 2
    assert found == sorted(found)
    # All of it is on disk.
    async with journal_at(path) as journal:
        assert await taken(journal) == found


async def test_a_sector_that_cannot_be_read_is_passed_over(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(path)
    async with journal_at(path) as journal:
        with monkeypatch.context() as broken:
            broken.setattr("edge_agent.journal.file.moved", refuse)
            for _ in range(3):
                with pytest.raises(JournalFullError):
                    await taken(journal)
        assert not journal.stats().writable or journal._disk.damaged
        await journal.turn()
        while journal.stats().recovering:
            await journal.turn()
        assert len(await taken(journal)) == ROWS


async def test_a_disk_that_is_full_at_the_start_is_asked_again_and_gets_what_memory_holds(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with journal_at(path) as journal:
        for point in ("head", "flow"):
            journal.alias("d", point, int(DataType.DOUBLE))
        journal.append("d", b"", taken_at=NOW)
        name = journal.journal_id
    clock = FakeClock(NOW)
    renamed: list[str] = []

    def note() -> None:
        renamed.append(journal.journal_id)

    with monkeypatch.context() as full:
        full.setattr("edge_agent.journal.file.JournalFile.open", no_space)
        with capture_logs() as logs:
            journal = await journal_at(path, clock).__aenter__()
        assert [entry["event"] for entry in logs] == ["journal_in_memory_only"]
        # The number that the file has given to another point.
        assert journal.alias("d", "flow", int(DataType.DOUBLE)) == 1
        fragment = encode_metrics([Metric(alias=1, timestamp=NOW + 1, value=2.5)])
        offset = journal.append("d", fragment, taken_at=NOW + 1)
        assert await taken(journal) == [1]
        assert journal.stats().writable is False
        clock.advance(61)
        await journal.turn(note)
        assert renamed == []
    clock.advance(30)
    await journal.turn(note)
    assert renamed == []
    clock.advance(31)
    await journal.turn(note)
    assert renamed == [name]
    assert journal.stats().writable
    assert journal.alias("d", "flow", int(DataType.DOUBLE)) == 2
    old, new = await journal.read(*EVERYTHING, limit=9)
    assert (old.taken_at, new.taken_at) == (NOW, NOW + 1)
    assert new.offset > max(offset, old.offset)
    (metric,) = decode_payload(new.fragment).metrics
    assert (metric.name, metric.alias, metric.value) == ("flow", None, 2.5)
    await journal.__aexit__(None, None, None)
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT count(*) FROM rows").fetchone() == (2,)


def no_space(*_: object, **__: object) -> object:
    raise JournalFullError("database or disk is full")


async def test_rows_that_wait_for_the_clock_outlive_the_damage_and_the_full_disk_after_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock(NOW)
    async with journal_at(path, clock) as journal:
        for number in range(300):
            at = 5_000 + number
            journal.append("d", b"", taken_at=at, boot_offset_ms=0)
        await journal.commit()
        waiting = journal.append("d", b"", taken_at=5_300, boot_offset_ms=0)
        journal._disk.found_damaged(JournalError("for the test"))
        with monkeypatch.context() as full:
            full.setattr("edge_agent.journal.file.JournalFile.open", no_space)
            await journal.turn()
            later = journal.append("d", b"", taken_at=5_301, boot_offset_ms=0)
        clock.advance(61)
        await journal.turn()
        while journal.stats().recovering:
            await journal.turn()
        assert await taken(journal) == []
        assert journal.stats().provisional_readings == 302
        await journal.close_epochs(NOW)
        rows = await journal.read(*EVERYTHING, limit=1000)
    assert [row.taken_at for row in rows] == [NOW + 5_000 + number for number in range(302)]
    assert [row.offset for row in rows[-2:]] == [waiting, later]
