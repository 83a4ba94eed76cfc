"""How SQLite is asked to keep the records."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
import structlog
from sqlalchemy.orm import Session

from server.core import sqlite
from server.core.db import Base
from server.core.records import Records, record_event
from tests.patience import PATIENCE_S


def level_of(session: Session) -> int:
    """0 off, 1 normal, 2 full."""
    record_event(session, at=1, topic="alarms", kind="alarm.raised")
    return session.connection().exec_driver_sql("PRAGMA synchronous").scalar_one()


async def test_a_commit_waits_for_the_disk_unless_it_is_told_not_to(tmp_path: Path) -> None:
    with Records.open(f"sqlite:///{tmp_path}/records") as records:
        Base.metadata.create_all(records.engine)
        assert await records.write_async(level_of) == 2
        assert await records.write_async(level_of, durable=False) == 1
        assert records.write(level_of) == 2


async def test_the_log_is_copied_into_the_file_while_the_records_are_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_GATHER_S", 0.01)
    file = tmp_path / "records"
    with Records.open(f"sqlite:///{file}") as records:
        Base.metadata.create_all(records.engine)
        async with asyncio.timeout(PATIENCE_S):
            while b"CREATE TABLE" not in file.read_bytes():
                records.write(level_of)
                await asyncio.sleep(0.02)


def test_a_checkpoint_that_fails_is_said_once_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_GATHER_S", 0.001)
    checkpoints = sqlite.Checkpoints(str(tmp_path / "nowhere" / "records"))
    with structlog.testing.capture_logs() as logs:
        for _ in range(20):
            checkpoints.after_commit()
            checkpoints._thread.join(0.01)
        checkpoints.close()
    assert [line["event"] for line in logs] == ["records_checkpoint_failed"]
    with pytest.raises(sqlite3.OperationalError):
        checkpoints._copy()
