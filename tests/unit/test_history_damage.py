"""A damaged file of the history is moved aside, a new one begun, and nothing stops."""

import os
import random
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from server.core.errors import DowngradeError, StoreError
from server.history.base import Batch
from server.history.duckdb import DuckHistory

DAY = 86_400_000
NOON = 20_000 * DAY + DAY // 2
FILE = "history.duckdb"
ROWS = 120_000

HOLDER = """
import sys, time, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
time.sleep(30)
"""

Hurt = Callable[[Path], None]


def batch(*rows: tuple[int, int, float]) -> Batch:
    made = Batch()
    for series, taken_at, value in rows:
        made.add(series, taken_at, value)
    return made


def count_of(history: DuckHistory, series: int) -> int:
    """Return how many readings of a series there are since noon."""
    return sum(one.count for one in history.buckets(series, NOON, NOON + DAY, 1))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day that is sealed, a day that is hot, and some rows in the write-ahead log."""
    folder = tmp_path_factory.mktemp("sound") / "history"
    history = DuckHistory(folder, memory_limit_mb=128)
    history.append(batch(*((1, NOON - DAY + at, at / 7) for at in range(500))))
    history.maintain(NOON)
    history.append(batch(*((2, NOON + at, at / 7) for at in range(ROWS))))
    history.close()
    history = DuckHistory(folder, memory_limit_mb=128)
    history.append(batch((2, NOON + ROWS, 5.0)))
    shutil.copytree(folder, copy := folder.with_name("copy"))  # with its log, as a kill leaves it
    history.close()
    assert (copy / f"{FILE}.wal").exists()
    return copy


def turn_bit(at: float) -> Hurt:
    """Turn one bit; ``at`` is a part of the length."""

    def hurt(path: Path) -> None:
        with path.open("r+b") as file:
            file.seek(round(at * path.stat().st_size))
            (byte,) = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte ^ 0x10]))

    return hurt


def cut(to: float) -> Hurt:
    return lambda path: os.truncate(path, round(to * path.stat().st_size))


def filled(content: bytes) -> Hurt:
    return lambda path: path.write_bytes(content) and None


def another_version(path: Path) -> None:
    """As a newer release would write it: number and checksum of the header are right."""
    data = bytearray(path.read_bytes())
    data[12] = 255
    path.write_bytes(data)


HURTS: dict[str, Hurt] = {
    "no length": filled(b""),
    "garbage": filled(random.Random(1).randbytes(5000)),  # noqa: S311 (no secret)
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)) and None,
    "cut in half": cut(0.5),
    "last byte gone": lambda path: os.truncate(path, path.stat().st_size - 1),
    "another version": another_version,
    **{f"a bit at {at}": turn_bit(at) for at in (0.0, 0.005, 0.01, 0.2, 0.4, 0.6, 0.8, 0.95)},
}


def goes_on(history: DuckHistory) -> None:
    """Within three tries a new reading is stored and read; what was sealed is still there."""
    for _ in range(3):
        try:
            history.append(batch((3, NOON + 1, 1.5)))
            break
        except StoreError:
            continue
    assert [row.value for row in history.raw(3, NOON, NOON + DAY, 10)] == [1.5]
    assert len(history.raw(1, NOON - DAY, NOON, 1000)) == 500
    assert {one.series_id for one in history.last_values()} >= {1, 3}
    history.maintain(NOON + 2 * DAY)


@pytest.mark.sampled(16)
@pytest.mark.parametrize("hurt", HURTS.values(), ids=HURTS.keys())
def test_a_file_that_is_damaged_at_the_start_is_moved_aside(
    tmp_path: Path, sound: Path, hurt: Hurt
) -> None:
    folder = shutil.copytree(sound, tmp_path / "history")
    hurt(folder / FILE)
    damaged = (folder / FILE).read_bytes()
    history = DuckHistory(folder, memory_limit_mb=128)
    goes_on(history)
    history.buckets(2, NOON, NOON + DAY, 10)
    (damage,) = [one for one in history.damages() if one.file == FILE]
    assert (folder / damage.moved_to).stat().st_size >= len(damaged)
    assert damage.moved_to in history.aside
    assert history.damages() == []
    history.close()
    again = DuckHistory(folder, memory_limit_mb=128)
    assert len(again.raw(3, NOON, NOON + DAY, 10)) == 1
    assert damage.moved_to in again.aside
    again.close()


def test_a_folder_in_place_of_the_file_is_moved_aside(tmp_path: Path, sound: Path) -> None:
    folder = shutil.copytree(sound, tmp_path / "history")
    (folder / FILE).unlink()
    (folder / FILE).mkdir()
    history = DuckHistory(folder, memory_limit_mb=128)
    goes_on(history)
    assert (folder / f"{FILE}.damaged-1").is_dir()
    assert [one.file for one in history.damages()] == [FILE]
    history.close()


def test_a_file_in_place_of_the_folder_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "history").touch()
    with pytest.raises(StoreError, match=r"history\.path .*/history: File exists"):
        DuckHistory(tmp_path / "history", memory_limit_mb=128)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
def test_a_damaged_log_costs_the_log_only(tmp_path: Path, sound: Path, at: float) -> None:
    folder = shutil.copytree(sound, tmp_path / "history")
    turn_bit(at)(folder / f"{FILE}.wal")
    history = DuckHistory(folder, memory_limit_mb=128)
    assert count_of(history, 2) >= ROWS
    goes_on(history)
    names = [one.file for one in history.damages()]
    assert FILE not in names
    history.close()


def test_another_process_that_has_the_file_is_no_damage(tmp_path: Path, sound: Path) -> None:
    folder = shutil.copytree(sound, tmp_path / "history")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder / FILE)], stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(StoreError, match="lock"):
            DuckHistory(folder, memory_limit_mb=128)
        other.kill()
    assert not [one for one in folder.iterdir() if "damaged" in one.name]


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    "hurt",
    [cut(0.5), turn_bit(0.999), filled(b""), filled(b"PAR1xxxxPAR1")],
    ids=["cut", "footer", "empty", "garbage"],
)
def test_a_damaged_day_is_moved_aside_and_told(tmp_path: Path, sound: Path, hurt: Hurt) -> None:
    folder = shutil.copytree(sound, tmp_path / "history")
    (day,) = folder.glob("*.parquet")
    hurt(day)
    (folder / FILE).unlink()  # so that the day is adopted, and read through
    (folder / f"{FILE}.wal").unlink()
    history = DuckHistory(folder, memory_limit_mb=128)
    history.append(batch((3, NOON + 1, 1.5)))
    assert [row.value for row in history.raw(3, NOON, NOON + DAY, 10)] == [1.5]
    told = history.damages()
    assert [one.file for one in told] == [day.name]
    assert history.aside == [f"{day.name}.damaged-1"]
    history.close()


@pytest.mark.long
def test_names_of_damaged_files_are_never_used_twice(tmp_path: Path, sound: Path) -> None:
    folder = shutil.copytree(sound, tmp_path / "history")
    for number in (1, 2, 3):
        filled(b"x" * number)(folder / FILE)
        history = DuckHistory(folder, memory_limit_mb=128)
        history.close()
    kept = {(folder / f"{FILE}.damaged-{number}").read_bytes() for number in (1, 2, 3)}
    assert kept == {b"x", b"xx", b"xxx"}


@pytest.mark.long
@pytest.mark.sampled(2)
@pytest.mark.parametrize("running", [False, True])
def test_what_can_be_read_of_a_damaged_file_is_taken_over(
    tmp_path: Path, sound: Path, *, running: bool
) -> None:
    folder = shutil.copytree(sound, tmp_path / "history")
    history = DuckHistory(folder, memory_limit_mb=128)
    history.append(batch(*((4, NOON + at, at / 3) for at in range(300_000))))
    history.close()
    if running:
        history = DuckHistory(folder, memory_limit_mb=128)
        history._database._reopen(0)  # nothing of it is in memory
        turn_bit(0.7)(folder / FILE)
    else:
        turn_bit(0.7)(folder / FILE)
        history = DuckHistory(folder, memory_limit_mb=128)
    history.append(batch((5, NOON, 1.0)))
    found = count_of(history, 4)
    assert history.aside
    assert 100_000 < found < 300_000
    assert count_of(history, 2) == ROWS + 1
    assert len(history.raw(5, NOON, NOON + DAY, 10)) == 1, "nor is lost what came meanwhile"
    history.append(batch((4, NOON + 300_000, 0.5), (4, NOON, 0.5)))
    assert count_of(history, 4) <= found + 2
    history.close()


def with_storage_version(path: Path, version: int) -> None:
    """Make it a file of another DuckDB, with a right checksum."""
    content = bytearray(path.read_bytes())
    struct.pack_into("<Q", content, 12, version)
    checksum = 5381
    for (word,) in struct.iter_unpack("<Q", content[8:4096]):
        checksum ^= word * 0xBF58476D1CE4E5B9 % 2**64
    struct.pack_into("<Q", content, 0, checksum)
    path.write_bytes(content)


def test_a_file_of_a_newer_program_is_refused_and_stays(tmp_path: Path) -> None:
    history = DuckHistory(tmp_path)
    history.append(batch((1, NOON, 1.0)))
    with history._database.transaction() as cursor:
        cursor.execute("UPDATE layout SET version = 1000")
    history.close()
    with pytest.raises(DowngradeError, match=r"a newer Plantroom: its layout is 1000\. Install"):
        DuckHistory(tmp_path)
    with_storage_version(tmp_path / FILE, 1099)
    with pytest.raises(DowngradeError, match=r"another DuckDB: .* version number 1099"):
        DuckHistory(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == [FILE]
