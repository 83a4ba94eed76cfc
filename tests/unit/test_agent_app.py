"""What the composition root decides by itself."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from config.edge import JournalSettings
from edge_agent.app import _open_journal
from edge_agent.errors import JournalError
from edge_agent.journal.memory import MemoryJournal
from edge_agent.journal.sqlite import SqliteJournal
from tests.fakes.agent_clock import FakeClock


async def test_a_disk_that_refuses_at_the_start_costs_the_journal_and_not_the_polling(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    settings = JournalSettings(path=tmp_path / "file" / "journal.sqlite")
    async with AsyncExitStack() as stack:
        with capture_logs() as logs:
            journal = await _open_journal(settings, FakeClock(), stack)
        assert isinstance(journal, MemoryJournal)
        assert not journal.stats().writable
    assert [(log["event"], log["log_level"]) for log in logs] == [
        ("journal_in_memory_only", "error")
    ]


async def test_a_journal_of_another_agent_ends_the_start(tmp_path: Path) -> None:
    settings = JournalSettings(path=tmp_path / "journal.sqlite")
    async with SqliteJournal(settings, FakeClock()), AsyncExitStack() as stack:
        with pytest.raises(JournalError, match="one agent per journal"):
            await _open_journal(settings, FakeClock(), stack)
