"""The embedded history and the records fail as disks and servers do: nothing is lost or doubled.

While the history is away alarms go on; while the records are, every one of them is made up for.
"""

import signal
import subprocess
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest

from tests.backing import RecordsServer
from tests.e2e.house import ServerHouse
from tests.e2e.store_trials import (
    alarms,
    away,
    delivered,
    has_acked,
    has_alarm,
    house_of,
)
from tests.fakes.sparkplug_node import PlainNode
from tests.small_disk import NEEDS_ROOT, disk_image, kept_full, small_disk

pytestmark = [NEEDS_ROOT]


@contextmanager
def hanging(folder: Path) -> Generator[None]:
    """A disk that answers no write, as a slow one does for seconds at a time."""
    subprocess.run(["fsfreeze", "--freeze", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["fsfreeze", "--unfreeze", folder], check=True)


@pytest.mark.parametrize("fault", [kept_full, hanging])
async def test_a_disk_of_the_history_that_fails_holds_back_acknowledgements_only(
    tmp_path: Path, fault: Callable[[Path], Any]
) -> None:
    with disk_image(tmp_path / "disk", size_mb=64) as disk:
        history = {"history": {"path": str(disk / "history")}}
        async with house_of(tmp_path, history) as (house, node, panel):
            with fault(disk):
                await away(house, node, panel)
            await delivered(house, node)


@contextmanager
def killed(records: RecordsServer, _disk: Path) -> Generator[None]:
    records.kill()
    yield
    records.start()


@contextmanager
def stopped(records: RecordsServer, _disk: Path) -> Generator[None]:
    """None of its processes answers."""
    records.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        records.send_signal(signal.SIGCONT)


@contextmanager
def without_room(records: RecordsServer, disk: Path) -> Generator[None]:
    """No file grows, and none has room: the start of the server took some and gave it back."""
    with psycopg.connect(records.dsn, autocommit=True) as database:
        database.execute("VACUUM")
    with kept_full(disk):
        yield


@contextmanager
def open_disk() -> Generator[Path]:
    """A disk where another user's server may look, unlike in a folder of pytest's."""
    with TemporaryDirectory(prefix="plantroom-postgres-") as folder:
        Path(folder).chmod(0o755)
        with small_disk(Path(folder) / "small", size_mb=192) as disk:
            yield disk


@pytest.mark.parametrize("fault", [killed, stopped, without_room])
async def test_what_needs_records_that_are_away_waits_and_comes_once(
    tmp_path: Path, fault: Callable[[RecordsServer, Path], Any]
) -> None:
    with open_disk() as disk:
        records = RecordsServer(disk / "postgresql")
        with records.running():
            async with house_of(tmp_path, records.settings) as (house, node, panel):
                with fault(records, disk):
                    acked = await _waits(house, node.acked, panel)
                await house.eventually(lambda: _ready(house, ready=True))
                await house.eventually(lambda: has_alarm(house))
                await house.eventually(lambda: has_acked(node, acked + 100))
                await delivered(house, node)
                assert len(await alarms(house)) == 1


async def _waits(house: ServerHouse, acked: dict[int, int], panel: PlainNode) -> int:
    """An alarm needs its row: until it has it nothing is acknowledged, and /readyz says so."""
    panel.data("panel", {"fire": True})
    await house.eventually(lambda: _ready(house, ready=False))
    assert (await house.http.get("/healthz")).status_code == 200
    return len(acked)


async def _ready(house: ServerHouse, *, ready: bool) -> bool:
    answer = await house.http.get("/readyz")
    parts = answer.json()["parts"]
    return answer.is_success is ready and (parts["ingest"] and parts["records"]) is ready
