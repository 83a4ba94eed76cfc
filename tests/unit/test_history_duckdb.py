"""What is particular to the embedded history: files, crashes, damage."""

import random
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from protocols.reading import Quality
from server.core.errors import StoreError
from server.history.base import Batch
from server.history.duckdb import DuckHistory

DAY = 86_400_000
NOON = 20_000 * DAY + DAY // 2  # 2024-10-04
FILE = "2024-10-04.parquet"
LONG_STATEMENT = "SELECT sum(a.range * b.range) FROM range(1_000_000) a, range(10_000) b"


def open_history(folder: Path) -> DuckHistory:
    return DuckHistory(folder, memory_limit_mb=128)


def rows(*numbers: int, at: int = NOON, series: int = 1) -> Batch:
    made = Batch()
    for number in numbers:
        made.add(series, at + number, number)
    return made


def numbers_of(history: DuckHistory, series: int = 1) -> list[object]:
    return [row.value for row in history.raw(series, 0, NOON * 2, 1_000_000)]


def test_a_sealed_day_is_one_sorted_parquet_file_for_everybody(tmp_path: Path) -> None:
    history = open_history(tmp_path)
    history.append(rows(3, 4, series=2))
    history.append(rows(1, 2, series=1))
    history.maintain(NOON + DAY)
    history.close()
    table = pq.read_table(tmp_path / FILE).to_pydict()
    assert table["series"] == [1, 1, 2, 2]
    assert table["integer"] == [1, 2, 3, 4]
    assert table["quality"] == [192] * 4


def test_a_day_is_not_sealed_before_its_late_readings_had_time_to_come(tmp_path: Path) -> None:
    history = open_history(tmp_path)
    history.append(rows(1))
    history.maintain(NOON + DAY // 2 + 3_600_000)
    assert not list(tmp_path.glob("*.parquet"))
    history.maintain(NOON + DAY // 2 + 2 * 3_600_000)
    assert [path.name for path in tmp_path.glob("*.parquet")] == [FILE]
    history.close()


def test_a_merged_day_replaces_its_file(tmp_path: Path) -> None:
    history = open_history(tmp_path)
    history.append(rows(5))
    history.maintain(NOON + DAY)
    history.append(rows(1))
    history.maintain(NOON + DAY)
    assert [path.name for path in tmp_path.glob("*.parquet")] == ["2024-10-04_2.parquet"]
    assert numbers_of(history) == [1, 5]
    history.close()


def test_everything_is_there_after_opening_again(tmp_path: Path) -> None:
    for day in range(3):
        history = open_history(tmp_path)
        history.append(rows(day, at=NOON + day * DAY))
        history.append(rows(day, at=NOON + day * DAY))
        history.maintain(NOON + day * DAY)
        history.close()
    history = open_history(tmp_path)
    history.append(rows(2, at=NOON + 2 * DAY))
    assert numbers_of(history) == [0, 1, 2]
    history.close()


@pytest.mark.long
def test_a_lost_database_finds_its_day_files_again(tmp_path: Path) -> None:
    history = open_history(tmp_path)
    history.append(rows(1, 2))
    history.maintain(NOON + DAY)
    history.close()
    (tmp_path / "history.duckdb").unlink()
    history = open_history(tmp_path)
    assert numbers_of(history) == [1, 2]
    assert [(last.series_id, last.value) for last in history.last_values()] == [(1, 2)]
    history.append(rows(1, 2))
    assert numbers_of(history) == [1, 2]
    history.close()


@pytest.mark.long
def test_a_file_written_before_a_crash_named_it_doubles_nothing(tmp_path: Path) -> None:
    history = open_history(tmp_path)
    history.append(rows(1, 2))
    history.maintain(NOON + DAY)
    history.close()
    finished = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).unlink()
    (tmp_path / "history.duckdb").unlink()
    history = open_history(tmp_path)
    history.append(rows(1, 2, 3))
    history.close()
    (tmp_path / FILE).write_bytes(finished)
    (tmp_path / "2024-10-05.tmp").write_bytes(b"half a file")
    history = open_history(tmp_path)
    assert numbers_of(history) == [1, 2, 3]
    assert not list(tmp_path.glob("*.tmp"))
    history.close()


@pytest.mark.long
@pytest.mark.parametrize("damage", [b"", b"PAR1 this is not a footer PAR1"])
def test_a_damaged_file_is_set_aside_at_the_start(tmp_path: Path, damage: bytes) -> None:
    history = open_history(tmp_path)
    history.append(rows(1))
    history.append(rows(2, at=NOON + DAY))
    history.maintain(NOON + 2 * DAY)
    history.close()
    (tmp_path / FILE).write_bytes(damage)
    history = open_history(tmp_path)
    assert numbers_of(history) == [2]
    assert (tmp_path / f"{FILE}.damaged-1").read_bytes() == damage
    history.append(rows(9))
    history.maintain(NOON + 2 * DAY)
    assert numbers_of(history) == [9, 2]
    history.close()


@pytest.mark.long
def test_damage_inside_a_file_is_named_once_and_set_aside(tmp_path: Path) -> None:
    history = open_history(tmp_path)
    chance = random.Random(1)  # noqa: S311 (no secret)
    history.append(rows(*sorted(chance.sample(range(10_000_000), 20_000))))
    history.append(rows(7, at=NOON + DAY))
    history.maintain(NOON + 2 * DAY)
    history.close()
    content = bytearray((tmp_path / FILE).read_bytes())
    content[4 : len(content) // 2] = bytes(len(content) // 2 - 4)
    (tmp_path / FILE).write_bytes(content)
    history = open_history(tmp_path)
    with pytest.raises(StoreError, match=FILE):
        numbers_of(history)
    assert numbers_of(history) == [7]
    assert (tmp_path / f"{FILE}.damaged-1").exists()
    history.close()


def test_late_readings_are_stored_although_the_file_of_their_day_is_damaged(tmp_path: Path) -> None:
    history = open_history(tmp_path)
    history.append(rows(*range(0, 40_000, 2)))
    history.maintain(NOON + 2 * DAY)
    content = bytearray((tmp_path / FILE).read_bytes())
    content[4:-2000] = bytes(len(content) - 2004)
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(StoreError):
        history.append(rows(1))
    history.append(rows(1))
    assert numbers_of(history) == [1]
    history.close()


@pytest.mark.long
def test_a_second_process_is_told_that_the_history_is_in_use(tmp_path: Path) -> None:
    history = open_history(tmp_path)
    script = f"""
from pathlib import Path
from server.core.errors import StoreError
from server.history.duckdb import DuckHistory
try:
    DuckHistory(Path({str(tmp_path)!r}))
except StoreError as error:
    print(error)
"""
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert b"lock" in told.stdout
    history.close()


def test_a_failed_batch_is_stored_when_it_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = open_history(tmp_path)
    history.append(rows(1))
    with monkeypatch.context() as patched:
        patched.setattr("server.history.incoming.COLUMNS", "no_such_column")
        with pytest.raises(StoreError):
            history.append(rows(2))
    history.append(rows(2))
    assert numbers_of(history) == [1, 2]
    history.close()


def test_bad_quality_is_no_value_in_a_parquet_file(tmp_path: Path) -> None:
    history = open_history(tmp_path)
    made = Batch()
    made.add(1, NOON, None, Quality.BAD, "timeout")
    history.append(made)
    history.maintain(NOON + DAY)
    history.close()
    table = pq.read_table(tmp_path / FILE).to_pydict()
    assert table["number"] == [None]
    assert table["reason"] == ["timeout"]


@pytest.mark.long
def test_threads_that_end_leave_no_cursor_behind(tmp_path: Path) -> None:
    history = DuckHistory(tmp_path)
    for _ in range(20):
        reader = threading.Thread(target=history.buckets, args=(1, NOON, NOON + 1000, 1))
        reader.start()
        reader.join()
    assert len(history._database._turns) <= 2
    history.close()


def test_two_threads_that_meet_the_same_error_open_the_database_once(tmp_path: Path) -> None:
    history = DuckHistory(tmp_path)
    database = history._database
    database._root.close()
    database._local.cursor.close()
    before = database._opened
    with pytest.raises(StoreError), database.cursor() as cursor:
        cursor.execute("SELECT 1")
    assert database._opened == before + 1
    database._reopen(before)
    assert database._opened == before + 1
    assert list(history.last_values()) == []
    history.close()


@pytest.mark.parametrize("end", ["close", "reopen"])
def test_a_statement_of_another_thread_ends_with_the_file(tmp_path: Path, end: str) -> None:
    """As maintenance is under way when the server stops: the file closes and nothing is left."""
    history = open_history(tmp_path)
    history.append(rows(1, 2))
    database = history._database
    inside, failures = threading.Event(), list[StoreError]()

    def ask() -> None:
        try:
            with database.cursor() as cursor:
                inside.set()
                while True:
                    cursor.execute(LONG_STATEMENT).fetchall()
        except StoreError as error:
            failures.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    inside.wait()
    if end == "close":
        history.close()
    else:
        database._reopen(database._opened)
    asking.join()
    assert len(failures) == 1
    history.close()
    assert numbers_of(open_history(tmp_path)) == [1, 2]
