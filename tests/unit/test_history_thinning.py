"""Some classes, and readings that are not good, are kept for fewer days than the rest."""

import shutil
from pathlib import Path

import pytest

from config.history import HistorySettings, KeepSettings
from protocols.reading import Quality
from server.history.base import Batch
from server.history.duckdb import DuckHistory
from server.history.series_tags import SeriesTags

DAY = 86_400_000
FIRST = 20_000
DAYS = 8
CLASSES = {1: "heating_pump", 2: "lighting"}


def open_history(folder: Path, **keep: object) -> DuckHistory:
    return DuckHistory(
        folder,
        keep=KeepSettings.model_validate(keep),
        describe=lambda series: SeriesTags(CLASSES[series]),
    )


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight past days of a pump and a lamp, each with a good and a bad reading a day."""
    folder = tmp_path_factory.mktemp("filled")
    history = open_history(folder)
    batch = Batch()
    for day in range(FIRST, FIRST + DAYS):
        for series in CLASSES:
            batch.add(series, day * DAY, float(day))
            batch.add(series, day * DAY + 1, None, Quality.BAD, "timeout")
    history.append(batch)
    history.maintain(now())
    history.close()
    return folder


@pytest.fixture
def folder(filled: Path, tmp_path: Path) -> Path:
    """A folder of the test's own."""
    return shutil.copytree(filled, tmp_path, dirs_exist_ok=True)


def now(more: int = 0) -> int:
    return (FIRST + DAYS + more) * DAY + DAY // 2


def days_of(history: DuckHistory, series: int, quality: Quality) -> list[int]:
    rows = history.raw(series, 0, 2**53, 1000)
    return [row.taken_at // DAY - FIRST for row in rows if row.quality is quality]


@pytest.mark.long
def test_a_class_and_what_is_not_good_go_earlier(folder: Path) -> None:
    history = open_history(folder, classes={"lighting": 3}, not_good_days=5)
    history.maintain(now())
    every, newest = list(range(DAYS)), list(range(DAYS - 3, DAYS))
    assert days_of(history, 1, Quality.GOOD) == every
    assert days_of(history, 1, Quality.BAD) == list(range(DAYS - 5, DAYS))
    assert days_of(history, 2, Quality.GOOD) == newest
    assert days_of(history, 2, Quality.BAD) == newest
    # Summaries agree, also those that were made before.
    (bucket,) = history.buckets(2, FIRST * DAY, now(), 1)
    assert (bucket.count, bucket.bad_count, bucket.first) == (3, 3, float(FIRST + DAYS - 3))
    names = sorted(one.name for one in folder.glob("*.parquet"))
    assert len(names) == DAYS
    assert [name.endswith("_2.parquet") for name in names] == [True] * 5 + [False] * 3
    history.maintain(now())
    assert sorted(one.name for one in folder.glob("*.parquet")) == names
    history.maintain(now(1))
    assert days_of(history, 2, Quality.GOOD) == newest[1:]
    assert {one.series_id for one in history.last_values()} == {1, 2}
    history.close()


@pytest.mark.long
def test_a_rule_that_becomes_shorter_is_applied_and_a_longer_one_brings_nothing_back(
    folder: Path,
) -> None:
    for days, kept in ((6, 6), (4, 4), (5, 4)):
        history = open_history(folder, classes={"lighting": days})
        history.maintain(now())
        assert days_of(history, 2, Quality.GOOD) == list(range(DAYS - kept, DAYS))
        history.close()


def test_no_rule_touches_no_file(folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*.parquet")}
    history = open_history(folder)
    history.maintain(now())
    history.close()
    assert {path: path.stat().st_mtime_ns for path in folder.glob("*.parquet")} == before


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"retention_days": 30, "keep": {"classes": {"lift": 31}}}, r"retention_days \(30\) or l"),
        ({"retention_days": 30, "keep": {"not_good_days": 99}}, r"retention_days \(30\) or less"),
        (
            {"backend": {"kind": "influxdb", "url": "http://x:1"}, "keep": {"not_good_days": 9}},
            "only the embedded store",
        ),
    ],
)
def test_what_cannot_be_is_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        HistorySettings.model_validate(settings)
