"""A backup of a server that runs is restored on an empty machine, and everything goes on there."""

import asyncio
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from plantroom.processes import plantroom_command
from server.backup.folder import newest_backup
from server.history.duckdb import DuckHistory
from tests.e2e.conftest import ESTATE, PUMP
from tests.e2e.plant import Plant, now_ms
from tests.unit.test_history_duckdb import DAY, NOON, rows

COUNT = "riverside/gw-1/counter/count"


async def server_command(*words: str | Path) -> str:
    """Run a command of the server; its output, and the words on stderr behind it."""
    process = await asyncio.create_subprocess_exec(
        *plantroom_command("server", *map(str, words)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    output, errors = await process.communicate()
    text = (output + errors).decode()
    assert process.returncode == 0, text
    return text


async def refused(*words: str | Path) -> str:
    with pytest.raises(AssertionError) as error:
        await server_command(*words)
    return str(error.value)


def write_past_days(folder: Path, days: int) -> None:
    """A history that began long ago, of a point that nobody has any more."""
    history = DuckHistory(folder)
    for day in range(days):
        history.append(rows(100, at=NOON + day * DAY, series=999))
    history.maintain(NOON + (days + 2) * DAY)
    history.close()


def alarms_without_reading(data: Path) -> list[tuple[int, int]]:
    """Alarms of the records of which the reading that raised them is not in the history."""
    history = DuckHistory(data / "history")
    with sqlite3.connect(data / "records.sqlite") as records:
        found = records.execute(
            "SELECT point_id, active_since_at FROM alarms JOIN points ON points.id = point_id "
            "WHERE points.name != 'connection'"
        ).fetchall()
    missing = [(point, at) for point, at in found if not history.raw(point, at, at + 1, 1)]
    history.close()
    assert found
    return missing


def names(folder: Path) -> Sequence[str]:
    return sorted(one.name for one in folder.iterdir())


async def test_a_backup_of_a_running_server_goes_on_on_an_empty_machine(tmp_path: Path) -> None:
    old, backups, new = tmp_path / "old", tmp_path / "backups", tmp_path / "new"
    old.mkdir()
    write_past_days(old / "data" / "history", 3)
    async with Plant(old, estate=ESTATE) as plant:
        await plant.eventually(lambda: plant.stored(COUNT))
        told = await server_command("backup", plant.server_file, backups)
        assert "shared" not in told
        first, manifest = newest_backup(backups)
        await plant.control(do="trip", unit="pump-2")
        await plant.eventually(lambda: plant.items("alarms", state="open"))
        acknowledged, before = await plant.stored(COUNT), now_ms()
        told = await server_command("backup", plant.server_file, backups)
        assert "3 shared with the backup before" in told
        second, manifest = newest_backup(backups)
        assert second.name > first.name
        assert before <= manifest.at_ms
        days = [f"history/{name}" for name in names(second / "history") if "parquet" in name]
        assert len(days) == 3
        assert all((first / day).samefile(second / day) for day in days)
        # Nothing is left of it in the server's folder.
        assert not list((old / "data").rglob(".backup-in-progress"))
        alarms = {one["id"] for one in await plant.items("alarms", state="open")}
        points = await plant.items("points", equipment=PUMP)
        await plant.server.kill()
        shutil.rmtree(old / "data")
        new.mkdir()

        server_file = new / "server.yaml"
        told = await server_command("restore", server_file, backups)
        assert second.name in told
        assert (new / "secret").read_text() == plant.secret
        assert alarms_without_reading(new / "data") == []
        plant.server.command = plantroom_command("server", "run", str(server_file))
        await plant.server.start()
        stored = await plant.eventually(lambda: plant.stored(COUNT))
        assert set(acknowledged) <= set(stored)
        assert alarms <= {one["id"] for one in await plant.items("alarms", state="open")}
        again = await plant.items("points", equipment=PUMP)
        assert [one["id"] for one in again] == [one["id"] for one in points]
        newest = max(at for at, _ in stored)
        await plant.eventually(lambda: newer(plant, newest))
        history = names(new / "data" / "history")
        assert [name for name in history if name.endswith(".parquet")] == [
            name.removeprefix("history/") for name in days
        ]
        assert "there are records already" in await refused("restore", server_file, backups)


async def newer(plant: Plant, at: int) -> bool:
    return any(one > at for one, _ in await plant.stored(COUNT))
