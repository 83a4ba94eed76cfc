"""A damaged file and a full disk: what can be read is kept, and it is logged."""
# ruff: noqa: ASYNC221, ASYNC240 (a test may block its own loop)

import json
import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from config.edge import JournalSettings
from edge_agent.errors import JournalCorruptError
from edge_agent.journal.base import Alias, Row
from edge_agent.journal.sqlite import SqliteJournal
from tests.fakes.agent_clock import FakeClock

NOW = 1_795_000_000_000
ROWS = 500
PAGE = 4096
ON_A_PAGE = 8


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


def journal_at(path: Path, **settings: object) -> SqliteJournal:
    return SqliteJournal(JournalSettings.model_validate({"path": path, **settings}), FakeClock(NOW))


async def rows(journal: SqliteJournal) -> list[Row]:
    return await journal.read(0, 2**62, limit=100_000)


async def recovered(journal: SqliteJournal) -> list[Row]:
    """Take over what can be read, as ``run`` does chunk by chunk."""
    while await journal.recover():
        pass
    return await rows(journal)


async def filled(path: Path) -> str:
    """Write rows whose taken_at counts up; return the journal's name."""
    async with journal_at(path) as journal:
        journal.keep_bd_seq(7)
        assert journal.alias("d", "flow", 10) == 1
        for number in range(ROWS):
            journal.append("d", b"x" * 500, taken_at=NOW + number)
        return journal.journal_id


def damage(path: Path, page: int) -> None:
    data = bytearray(path.read_bytes())
    start = page * PAGE if page >= 0 else len(data) + page * PAGE
    data[start : start + PAGE] = b"\xff" * PAGE
    path.write_bytes(data)


async def test_a_file_that_is_no_journal_is_set_aside_loudly_and_a_new_one_started(
    path: Path,
) -> None:
    path.write_bytes(b"no database at all " * 500)
    with capture_logs() as logs:
        async with journal_at(path) as journal:
            offset = journal.append("d", b"x", taken_at=NOW)
            await journal.commit()
            assert [row.offset for row in await recovered(journal)] == [offset]
    (aside,) = path.parent.glob("journal.sqlite.corrupt-2026*")
    assert aside.read_bytes().startswith(b"no database")
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [
        ("journal_set_aside", "error"),
        ("journal_not_recovered", "error"),
    ]


@pytest.mark.parametrize("page", [-1, -30, 20])
async def test_a_damaged_page_costs_its_rows_and_no_others(path: Path, page: int) -> None:
    name = await filled(path)
    damage(path, page)
    async with journal_at(path) as journal:
        assert journal.journal_id != name
        saved = await recovered(journal)
        assert journal.stats().rows == len(saved)
        assert journal.aliases() == {1: Alias("d", "flow", 10)}
        assert journal.bd_seq == 7
        added = journal.append("d", b"new", taken_at=NOW + ROWS)
        await journal.commit()
        assert [row.offset for row in await rows(journal)] == [*(r.offset for r in saved), added]
    assert len(saved) >= ROWS - ON_A_PAGE
    times = [row.taken_at for row in saved]
    assert times == sorted(times)
    assert all(row.fragment == b"x" * 500 for row in saved)
    # The second start finds nothing wrong any more.
    with capture_logs() as logs:
        async with journal_at(path) as journal:
            assert len(await rows(journal)) == len(saved) + 1
    assert logs == []


async def test_without_its_aliases_nothing_is_made_up(path: Path) -> None:
    await filled(path)
    data = path.read_bytes()
    # The second page on: the schema is there, the aliases are not.
    path.write_bytes(data[:PAGE] + b"\xff" * (5 * PAGE) + data[6 * PAGE :])
    async with journal_at(path) as journal:
        assert await recovered(journal) == []
        assert journal.aliases() == {}
    assert list(path.parent.glob("journal.sqlite.corrupt-2026*"))


async def test_damage_found_while_running_is_set_aside_by_the_next_start(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A large file is not read through at the start.
    monkeypatch.setattr("edge_agent.journal.schema._CHECKED_BYTES", 0)
    await filled(path)
    damage(path, 40)
    with pytest.raises(JournalCorruptError):
        async with journal_at(path) as journal:
            await rows(journal)
    with capture_logs() as logs:
        async with journal_at(path) as journal:
            assert len(await recovered(journal)) >= ROWS - ON_A_PAGE
    assert logs[0]["event"] == "journal_set_aside"
    assert not path.with_name("journal.sqlite.damaged").exists()


@pytest.mark.parametrize("torn_bytes", [1, 100, PAGE, 3 * PAGE])
async def test_a_torn_last_write_costs_that_commit_and_no_other(
    path: Path, torn_bytes: int
) -> None:
    async with journal_at(path) as journal:
        name = journal.journal_id
        for number in range(20):
            journal.append("d", b"x" * 500, taken_at=NOW + number)
            await journal.commit()
        # As a power cut leaves it: the files without an orderly close.
        data = path.read_bytes()
        log = path.with_name("journal.sqlite-wal").read_bytes()
    path.write_bytes(data)
    path.with_name("journal.sqlite-wal").write_bytes(
        log[:-torn_bytes] + b"\x00" * (torn_bytes // 2)
    )
    async with journal_at(path) as journal:
        assert journal.journal_id == name
        kept = [row.taken_at - NOW for row in await rows(journal)]
    assert kept == list(range(len(kept)))
    assert len(kept) >= 18


@pytest.mark.long
async def test_a_full_disk_costs_nothing_while_memory_lasts(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fakes.full_disk", str(path)],
        capture_output=True,
        text=True,
        timeout=25,
        check=True,
    )
    outcome = json.loads(done.stderr)
    assert outcome["kept_while_full"] == outcome["appended"]
    assert outcome["writable_again"] is True
    assert outcome["dropped"] == 0
    assert done.stdout.count("journal_not_writable") == 1
    assert done.stdout.count("journal_writable_again") == 1
    async with journal_at(path) as journal:
        assert [row.offset for row in await rows(journal)] == outcome["appended"]


async def test_what_is_too_old_goes_first_and_is_counted(path: Path) -> None:
    clock = FakeClock(NOW)
    settings = JournalSettings(path=path, max_age_s=3600)
    with capture_logs() as logs:
        async with SqliteJournal(settings, clock) as journal:
            for hour in range(5):
                journal.append("d", b"x", taken_at=clock.now_ms())
                await journal.commit()
                clock.advance(1800)
                assert journal.stats().rows <= 3, hour
            await journal.commit()
            kept = [row.taken_at for row in await rows(journal)]
            assert all(clock.now_ms() - at <= 3_600_000 for at in kept)
            assert journal.stats().dropped_rows == 5 - len(kept)
    assert [entry["event"] for entry in logs] == ["journal_bound_reached"]
