"""Readings go to a file and come from one while the server runs."""

import csv
from pathlib import Path

import pytest

from server.exchange.cells import time_of
from tests.e2e.plant import Plant
from tests.e2e.test_backup import server_command

pytestmark = pytest.mark.asyncio(loop_scope="package")
JANUARY, JANUARY_MS = "2026-01-05T08:00:00+08:00", 1_767_571_200_000
COUNT = "riverside/gw-1/spare/count"


async def test_readings_are_exported_and_filled_in_beside_a_running_server(
    plant: Plant, tmp_path: Path
) -> None:
    await plant.eventually(lambda: plant.stored(COUNT))
    before = await plant.stored(COUNT)
    out = tmp_path / "count.csv"
    words = ("history", "export", plant.server_file, out, "--point", COUNT)
    told = await server_command(*words, "--time-zone", "Asia/Shanghai")
    assert "readings of 1 points" in told
    with out.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    found = {(time_of(row["time"], None), int(row["value"])) for row in rows}
    assert set(before) <= found
    source = tmp_path / "old.csv"
    again = f"{COUNT},{rows[0]['time']},{rows[0]['value']}"
    source.write_text(f"key,time,value\n{COUNT},{JANUARY},4\n{again}\n")
    told = await server_command("history", "import", plant.server_file, source)
    assert "2 readings are in the history" in told
    stored = await plant.stored(COUNT)
    assert stored[0] == (JANUARY_MS, 4)
    assert len(set(stored)) == len(stored)
