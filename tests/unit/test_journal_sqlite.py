"""What only a journal on disk can do: survive, refuse, recover."""
# ruff: noqa: ASYNC220, ASYNC240 (a test may block its own loop)

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from config.edge import JournalSettings
from edge_agent.errors import JournalError
from edge_agent.journal.base import Alias
from edge_agent.journal.sqlite import SqliteJournal
from tests.fakes.agent_clock import FakeClock

NOW = 1_795_000_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


def journal_at(path: Path, **settings: object) -> SqliteJournal:
    return SqliteJournal(JournalSettings.model_validate({"path": path, **settings}), FakeClock(NOW))


async def kept(journal: SqliteJournal) -> list[int]:
    return [row.offset for row in await journal.read(0, 2**62, limit=100_000)]


async def test_a_clean_stop_keeps_rows_name_aliases_and_bd_seq(path: Path) -> None:
    async with journal_at(path) as journal:
        name = journal.journal_id
        offset = journal.append("d", b"x", taken_at=NOW)
        alias = journal.alias("d", "flow", 10)
        journal.keep_bd_seq(7)

    async with journal_at(path) as journal:
        assert journal.journal_id == name
        assert await kept(journal) == [offset]
        assert journal.next_offset == offset + 1
        assert journal.alias("d", "flow", 10) == alias
        assert journal.aliases() == {alias: Alias("d", "flow", 10)}
        assert journal.bd_seq == 7
        assert journal.stats().rows == 1


@pytest.mark.long
async def test_kill_9_loses_no_committed_row_and_reuses_no_offset(path: Path) -> None:
    command = [sys.executable, "-m", "tests.fakes.journal_writer", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        name = process.stdout.readline().split()[1]
        lines = [process.stdout.readline().split() for _ in range(40)]
        process.send_signal(signal.SIGKILL)
        lines += [line.split() for line in process.stdout if line.endswith("\n")]
    committed = max(int(offset) for word, offset in lines if word == "committed")
    appended = max(int(offset) for _, offset in lines)

    async with journal_at(path) as journal:
        rows = await kept(journal)
        assert journal.journal_id == name
        assert set(range(committed + 1)) <= set(rows)
        fresh = journal.append("meter", b"z", taken_at=NOW)
        assert fresh > appended
        # The hazard: the server acknowledges a row that the kill has lost.
        journal.acknowledge([(max(rows) + 1, appended)])
        await journal.commit()
        assert await kept(journal) == [*rows, fresh]


async def test_a_row_acknowledged_before_its_commit_never_reaches_the_disk(path: Path) -> None:
    async with journal_at(path) as journal:
        await journal.commit()
        offset = journal.append("d", b"x", taken_at=NOW)
        journal.acknowledge([(offset, offset)])
        await journal.commit()

        assert journal._disk.file.facts["rows"] == 0
        assert await kept(journal) == []


async def test_a_second_agent_on_the_same_file_is_refused(path: Path) -> None:
    async with journal_at(path) as journal:
        with pytest.raises(JournalError, match="in use by another process"):
            await journal_at(path).__aenter__()
        offset = journal.append("d", b"x", taken_at=NOW)
        await journal.commit()
        assert await kept(journal) == [offset]


async def test_a_file_of_a_newer_version_is_refused_and_left_alone(path: Path) -> None:
    async with journal_at(path) as journal:
        await journal._disk._in_worker(
            lambda: journal._disk.file._connection.execute("PRAGMA user_version=9")
        )
    before = path.read_bytes()
    with pytest.raises(JournalError, match="newer version"):
        await journal_at(path).__aenter__()
    assert path.read_bytes() == before


async def fill_disk(journal: SqliteJournal, pages: int) -> None:
    await journal._disk._in_worker(
        lambda: journal._disk.file._connection.execute(
            f"PRAGMA max_page_count = {pages}"
        ).fetchone()
    )


async def test_a_full_disk_is_logged_once_kept_in_memory_and_recovered(path: Path) -> None:
    with capture_logs() as logs:
        async with journal_at(path) as journal:
            await journal.commit()
            await fill_disk(journal, 1)
            first = journal.append("d", b"x" * 20_000, taken_at=NOW)
            alias = journal.alias("d", "flow", 10)
            await journal.commit()
            second = journal.append("d", b"y" * 20_000, taken_at=NOW)
            journal.acknowledge([(first, first)])
            await journal.commit()

            assert not journal.stats().writable
            assert await kept(journal) == [second]

            await fill_disk(journal, 1_000_000)
            await journal.commit()
            assert journal.stats().writable
            assert await kept(journal) == [second]
            assert journal._disk.file.facts["rows"] == 1

    assert [entry["event"] for entry in logs] == ["journal_not_writable", "journal_writable_again"]
    async with journal_at(path) as journal:
        assert await kept(journal) == [second]
        assert journal.alias("d", "flow", 10) == alias


async def test_memory_is_bounded_while_the_disk_refuses(path: Path) -> None:
    async with journal_at(path, max_bytes=1_000_000) as journal:
        await journal.commit()
        await fill_disk(journal, 1)
        for _ in range(2000):
            last = journal.append("d", b"x" * 1000, taken_at=NOW)
            if last % 100 == 0:
                await journal.commit()

        rows = await kept(journal)
        assert sum(1000 for _ in rows) <= 1_000_000
        assert rows[-1] == last
        assert journal.stats().dropped_rows == 2000 - len(rows)


@pytest.mark.parametrize("drop", ["oldest", "newest"])
async def test_both_files_together_keep_the_byte_bound(path: Path, drop: str) -> None:
    async with journal_at(path, max_bytes=1_000_000, drop=drop) as journal:
        for _ in range(100):
            for _ in range(30):
                journal.append("d", b"x" * 1000, taken_at=NOW)
            await journal.commit()
            wal = path.with_name("journal.sqlite-wal").stat().st_size
            assert path.stat().st_size + wal <= 1_000_000
        assert journal.stats().rows > 400


async def test_an_open_journal_can_be_opened_and_closed_again(path: Path) -> None:
    journal = journal_at(path)
    for expected in range(3):
        async with journal:
            assert journal.append("d", b"x", taken_at=NOW) == expected
