"""A full disk: nothing is acknowledged or lost, the process lives, and space lets it go on."""

import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.house import ServerHouse
from tests.fakes.journaling_node import JournalingNode
from tests.small_disk import NEEDS_ROOT, fill, small_disk

SIZE_MB = 24

pytestmark = [NEEDS_ROOT]


@pytest.fixture
def disk(tmp_path: Path) -> Generator[Path]:
    with small_disk(tmp_path / "small", size_mb=SIZE_MB) as folder:
        yield folder


def files_on(disk: Path, part: str) -> dict[str, Any]:
    if part == "history":
        return {"history": {"path": str(disk / "history")}}
    return {"records": {"url": f"sqlite:///{disk / 'records.sqlite'}"}}


@pytest.mark.parametrize("part", ["history", "ingest"])
async def test_a_full_disk_loses_nothing_and_is_reported(
    tmp_path: Path, disk: Path, part: str
) -> None:
    async with ServerHouse(tmp_path, **files_on(disk, part)) as house:
        with JournalingNode(house.broker.port, group="full", node="node", rate=100) as node:
            await house.eventually(lambda: _acked(node, 100))
            ballast = fill(disk)
            # When the records are full, only a birth or an alarm has anything to write, and while
            # nobody reads, SQLite's log has room for some: its checkpoints empty it again.
            points = (f"other-{number}" for number in count())

            async def is_reported() -> bool:
                if part == "ingest":
                    node.new_point(next(points))
                return await _ready(house, part, ready=False)

            with _reading(disk / "records.sqlite" if part == "ingest" else None):
                await house.eventually(is_reported)
                assert (await house.http.get("/healthz")).status_code == 200
                assert (await house.get("alarms"))["items"] == []
                acked = len(node.acked)
                await house.eventually(lambda: _waiting(node, 300))
                assert len(node.acked) == acked
            ballast.unlink()
            await house.eventually(lambda: _ready(house, part, ready=True))
            await house.eventually(lambda: _acked(node, acked + 300))
        assert house.server.running
        stored = await house.stored(node.key)
        assert len(stored) == len(dict(stored))
        assert node.acked.items() <= dict(stored).items()


@contextmanager
def _reading(records: Path | None) -> Generator[None]:
    """Look at the records as they are now, for as long as it takes."""
    if records is None:
        yield
        return
    with closing(sqlite3.connect(records, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM events").fetchone()
        yield


async def _acked(node: JournalingNode, least: int) -> bool:
    return len(node.acked) >= least


async def _waiting(node: JournalingNode, least: int) -> bool:
    return len(node.waiting) >= least


async def _ready(house: ServerHouse, part: str, *, ready: bool) -> bool:
    answer = await house.http.get("/readyz")
    assert answer.is_success == answer.json()["ok"]
    return answer.json()["parts"][part] is ready
