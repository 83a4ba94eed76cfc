"""The embedded history under kill -9, and with a day that no memory holds."""

import random
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq

from server.history.duckdb import DuckHistory
from tests.unit.test_history_duckdb import DAY, NOON, open_history, rows

WRITER = """
import sys
from pathlib import Path
from server.history.base import Batch
from server.history.duckdb import DuckHistory

DAY = 86_400_000
start, first = 20_000 * DAY, int(sys.argv[2])
history = DuckHistory(Path(sys.argv[1]), memory_limit_mb=128)
for number in range(first, first + 100_000):
    batch = Batch()
    for series in range(20):
        batch.add(series, start + number * DAY // 10, number)
        batch.add(series, start + (number - 7) * DAY // 10 + 1, number)
    history.append(batch)
    print('stored', number, flush=True)
    if number % 5 == 0:
        history.maintain(start + number * DAY // 10)
"""


def test_kill_9_at_any_moment_loses_and_doubles_nothing(tmp_path: Path) -> None:
    chance = random.Random(3)  # noqa: S311 (no secret)
    first = 10
    for _ in range(2):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(first)], stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout is not None
            lines = [writer.stdout.readline() for _ in range(chance.randint(5, 15))]
            writer.kill()
            lines += writer.stdout.readlines()
        stored = [line.split()[1] for line in lines if line.startswith(b"stored") and b"\n" in line]
        first = int(stored[-1]) + 1
    history = open_history(tmp_path)
    try:
        for series in (0, 19):
            stored = [row.taken_at for row in history.raw(series, 0, NOON * 2, 1_000_000)]
            assert len(stored) == len(set(stored))
            wanted = {20_000 * DAY + number * DAY // 10 for number in range(10, first)}
            assert wanted <= set(stored)
        assert list(tmp_path.glob("*.parquet"))
        assert not list(tmp_path.glob("*.tmp"))
    finally:
        history.close()


def test_a_day_far_larger_than_the_memory_is_sealed_and_merged(tmp_path: Path) -> None:
    history = DuckHistory(tmp_path, memory_limit_mb=64)
    count, start = 1_500_000, NOON - DAY // 2
    with history._database.transaction() as cursor:
        cursor.execute(
            "INSERT INTO hot SELECT i % 500, ? + i // 500 * 10000, sqrt(i), NULL, NULL, NULL, NULL,"
            " 192, NULL FROM range(?) AS numbers(i)",
            [start, count],
        )
    history.maintain(NOON + DAY)
    history.append(rows(5, at=start, series=7))
    history.maintain(NOON + DAY)
    (bucket,) = history.buckets(7, start, start + DAY, 1)
    assert bucket.count == count // 500 + 1
    table = pq.read_metadata(tmp_path / "2024-10-04_2.parquet")
    assert table.num_rows == count + 1
    history.close()
