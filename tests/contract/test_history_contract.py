"""What every history must do."""

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest

from protocols.reading import Quality, Value
from server.history.base import (
    Batch,
    Bucket,
    History,
    LastValue,
    Readings,
    Row,
    Trend,
    read_all,
)
from server.history.duckdb import DuckHistory
from server.history.memory import MemoryHistory
from server.history.slices import Slices
from server.history.trends import FIGURES
from tests.stores import STORE_MARKS, new_influx, new_victoria

DAY = 86_400_000
NOON = 20_000 * DAY + DAY // 2
NEXT_DAY = NOON + DAY


@contextmanager
def _duckdb(folder: Path) -> Generator[History]:
    with closing(DuckHistory(folder, memory_limit_mb=128, retention_days=30)) as history:
        yield history


@contextmanager
def _memory(_folder: Path) -> Generator[History]:
    yield MemoryHistory(retention_days=30)


@contextmanager
def _influxdb(_folder: Path) -> Generator[History]:
    with closing(new_influx(retention_days=30)) as history:
        yield history


@contextmanager
def _victoria(folder: Path) -> Generator[History]:
    with new_victoria(folder, retention_days=30) as history:
        yield history


@pytest.fixture(
    params=[
        pytest.param(_memory, id="memory"),
        pytest.param(_duckdb, id="duckdb"),
        pytest.param(_influxdb, id="influxdb", marks=STORE_MARKS),
        pytest.param(_victoria, id="victoriametrics", marks=STORE_MARKS),
    ]
)
def history(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[History]:
    make: Callable[[Path], AbstractContextManager[History]] = request.param
    with make(tmp_path / "history") as opened:
        yield opened


def batch(*rows: tuple[int, int, Value]) -> Batch:
    made = Batch()
    for series, taken_at, value in rows:
        made.add(series, taken_at, value)
    return made


def values(history: History, series: int) -> list[tuple[int, Value]]:
    rows = history.raw(series, 0, NOON + 100 * DAY, 10_000)
    return [(row.taken_at, row.value) for row in rows]


EVERY_KIND: list[Value] = [
    *(0.1 + 0.2, 5e-324, -1.5, -0.0),
    *(0, -5, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, 2**64 - 1),
    *(True, False, "", "水泵 故障 'quoted'", None),
]


def test_values_come_back_exactly_as_they_went_in_also_from_a_sealed_day(history: History) -> None:
    for series, value in enumerate(EVERY_KIND):
        history.append(batch((series, NOON, value)))
    history.append(batch(*((series, NOON + 1, value) for series, value in enumerate(EVERY_KIND))))
    for _ in ("hot", "sealed"):
        for series, value in enumerate(EVERY_KIND):
            found = [row.value for row in history.raw(series, NOON, NOON + 2, 10)]
            assert found == [value, value]
            assert {type(one) for one in found} == {type(value)}
        history.maintain(NEXT_DAY + DAY)


def test_quality_and_reason_survive(history: History) -> None:
    made = Batch()
    made.add(1, NOON, None, Quality.BAD, "timeout")
    made.add(1, NOON + 1, 21.5, Quality.STALE, "线路")
    history.append(made)
    assert history.raw(1, NOON, NOON + 2, 10) == [
        Row(NOON, None, Quality.BAD, "timeout"),
        Row(NOON + 1, 21.5, Quality.STALE, "线路"),
    ]


def test_a_batch_appended_again_stores_nothing_twice(history: History) -> None:
    again = batch((1, NOON, 1.0), (1, NOON + 1, 2.0), (2, NOON, 3.0))
    history.append(again)
    history.append(again)
    assert values(history, 1) == [(NOON, 1.0), (NOON + 1, 2.0)]
    assert values(history, 2) == [(NOON, 3.0)]


@pytest.mark.long
def test_several_values_of_one_instant_are_kept_once_each_in_their_order(history: History) -> None:
    first = batch((1, NOON, 2.0), (1, NOON, 1.0), (1, NOON + 5, 7.0))
    history.append(first)
    history.append(batch((1, NOON + 5, 3.0)))
    expected = [(NOON, 2.0), (NOON, 1.0), (NOON + 5, 7.0), (NOON + 5, 3.0)]
    for now in (NOON, NEXT_DAY, NEXT_DAY + DAY):
        history.maintain(now)
        history.append(first)
        history.append(batch((1, NOON + 5, 3.0), (1, NOON, 1.0)))
        assert values(history, 1) == expected
        (bucket,) = history.buckets(1, NOON, NOON + 6, 1)
        assert (bucket.first, bucket.last, bucket.count) == (2.0, 3.0, 4)
        assert [last.value for last in history.last_values()] == [7.0, 3.0]
    history.append(batch((1, NOON, 0.5)))
    assert values(history, 1)[:3] == [(NOON, 2.0), (NOON, 1.0), (NOON, 0.5)]
    history.maintain(NEXT_DAY + DAY)
    assert values(history, 1)[:3] == [(NOON, 2.0), (NOON, 1.0), (NOON, 0.5)]


def test_one_value_in_several_types_or_qualities_is_several(history: History) -> None:
    made = batch((1, NOON, 1), (1, NOON, True), (1, NOON, 1.0), (1, NOON, "1"), (1, NOON, None))
    made.add(1, NOON, 1, Quality.STALE, "old")
    made.add(1, NOON, 1, Quality.STALE, "older")
    history.append(made)
    history.append(made)
    rows = history.raw(1, 0, NOON + 1, 100)
    assert [(type(row.value), row.quality, row.reason) for row in rows] == [
        *((kind, Quality.GOOD, "") for kind in (int, bool, float, str, type(None))),
        (int, Quality.STALE, "old"),
        (int, Quality.STALE, "older"),
    ]


def test_a_value_that_comes_back_within_one_message_is_kept_again_once(history: History) -> None:
    made = batch((1, NOON, "on"), (1, NOON, "off"), (1, NOON, "on"), (2, NOON, "on"))
    made.nth[2] = 1
    for now in (NOON, NEXT_DAY + DAY):
        history.append(made)
        history.append(made)
        assert [value for _, value in values(history, 1)] == ["on", "off", "on"]
        history.maintain(now)
    assert [last.value for last in history.last_values()][:3] == ["on", "off", "on"]


@pytest.mark.parametrize("page", [1, 2, 3, 7, 8, 100])
def test_everything_is_read_page_by_page_whatever_the_page_cuts(
    history: History, page: int
) -> None:
    rows = [(1, NOON + at // 3, at) for at in range(7)] + [(1, NOON + 9, 9)]
    history.append(batch(*rows))
    found = list(read_all(history, 1, NOON, NOON + 10, page=page))
    assert [row.value for row in found] == [value for _, _, value in rows]


def test_late_rows_take_their_place_once(history: History) -> None:
    history.append(batch((1, NOON + 10, 10)))
    late = batch((1, NOON + 3, 3), (1, NOON + 3, 3), (1, NOON + 12, 12), (1, NOON + 4, 4))
    history.append(late)
    history.append(late)
    assert values(history, 1) == [(NOON + at, at) for at in (3, 4, 10, 12)]


@pytest.mark.long
def test_late_rows_of_a_sealed_day_are_merged_once(history: History) -> None:
    history.append(batch((1, NOON, 1), (1, NEXT_DAY, 2), (2, NOON, "a")))
    history.maintain(NEXT_DAY)
    late = batch((1, NOON, 1), (1, NOON - 5, 0), (2, NOON, "a"), (2, NOON + 1, "b"))
    history.append(late)
    assert values(history, 1) == [(NOON - 5, 0), (NOON, 1), (NEXT_DAY, 2)]
    history.maintain(NEXT_DAY)
    history.append(late)
    history.maintain(NEXT_DAY + DAY)
    assert values(history, 1) == [(NOON - 5, 0), (NOON, 1), (NEXT_DAY, 2)]
    assert values(history, 2) == [(NOON, "a"), (NOON + 1, "b")]


def test_buckets_summarise_the_good_values_and_count_the_bad(history: History) -> None:
    made = batch((1, NOON, 1.0), (1, NOON + 10, 3.0), (1, NOON + 60, 10.0))
    made.add(1, NOON + 20, None, Quality.BAD, "timeout")
    history.append(made)
    assert history.buckets(1, NOON, NOON + 100, 2) == [
        Bucket(NOON, NOON + 50, 1.0, 2.0, 3.0, 1.0, 3.0, count=2, bad_count=1),
        Bucket(NOON + 50, NOON + 100, 10.0, 10.0, 10.0, 10.0, 10.0, count=1, bad_count=0),
    ]


def test_buckets_of_a_counter_stay_exact(history: History) -> None:
    start = 2**63 - 2
    history.append(batch(*((1, NOON + n, start + n) for n in range(4))))
    (bucket,) = history.buckets(1, NOON, NOON + 4, 1)
    assert (bucket.minimum, bucket.maximum) == (start, start + 3)
    assert (bucket.first, bucket.last) == (start, start + 3)


def test_buckets_of_booleans_and_text(history: History) -> None:
    history.append(
        batch((1, NOON, False), (1, NOON + 1, True), (2, NOON, "up"), (2, NOON + 1, "off"))
    )
    (state,) = history.buckets(1, NOON, NOON + 10, 1)
    assert state == Bucket(NOON, NOON + 10, 0, 0.5, 1, first=False, last=True, count=2, bad_count=0)
    (text,) = history.buckets(2, NOON, NOON + 10, 1)
    assert text == Bucket(NOON, NOON + 10, None, None, None, "up", "off", count=2, bad_count=0)


@pytest.mark.long
def test_buckets_span_sealed_days_and_the_open_one(history: History) -> None:
    history.append(batch(*((1, NOON + day * DAY, float(day)) for day in range(5))))
    history.maintain(NOON + 3 * DAY)
    history.append(batch((1, NOON + 5 * DAY, 5.0)))
    found = history.buckets(1, NOON, NOON + 6 * DAY, 6)
    assert [bucket.average for bucket in found] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def test_a_range_is_half_open_and_an_empty_one_gives_nothing(history: History) -> None:
    history.append(batch((1, NOON, 1), (1, NOON + 1, 2)))
    assert [row.value for row in history.raw(1, NOON, NOON + 1, 10)] == [1]
    assert history.raw(1, NOON + 1, NOON + 1, 10) == []
    assert history.buckets(1, NOON, NOON + 1, 10)[0].count == 1
    assert history.buckets(7, NOON, NOON + 1, 10) == []


def test_raw_gives_the_oldest_first_up_to_the_limit(history: History) -> None:
    history.append(batch(*((1, NOON + n, n) for n in range(10))))
    assert [row.value for row in history.raw(1, NOON + 2, NOON + 9, 3)] == [2, 3, 4]


def test_last_values_are_the_newest_also_of_sealed_days(history: History) -> None:
    made = batch((1, NOON, 1), (2, NOON, 2**64 - 1))
    made.add(3, NOON, None, Quality.BAD, "refused")
    history.append(made)
    history.maintain(NEXT_DAY + DAY)
    history.append(batch((1, NOON + 3 * DAY, 7), (1, NOON - 1, 0)))
    history.append(batch((1, NOON + 2 * DAY, 6)))
    assert sorted(history.last_values()) == [
        LastValue(1, 7, Quality.GOOD, NOON + 3 * DAY, ""),
        LastValue(2, 2**64 - 1, Quality.GOOD, NOON, ""),
        LastValue(3, None, Quality.BAD, NOON, "refused"),
    ]


def test_retention_forgets_whole_days_but_not_the_last_value(history: History) -> None:
    history.append(batch((1, NOON, 1), (1, NOON + 10 * DAY, 2), (2, NOON, "only")))
    history.maintain(NOON + 11 * DAY)
    history.maintain(NOON + 31 * DAY)
    assert values(history, 1) == [(NOON + 10 * DAY, 2)]
    assert values(history, 2) == []
    assert [(last.series_id, last.value) for last in sorted(history.last_values())] == [
        (1, 2),
        (2, "only"),
    ]


def test_the_last_value_outlives_a_day_that_was_never_sealed(history: History) -> None:
    history.append(batch((2, NOON, "only")))
    history.maintain(NOON + 40 * DAY)
    assert values(history, 2) == []
    assert [last.value for last in history.last_values()] == ["only"]


def test_an_empty_batch_is_nothing(history: History) -> None:
    history.append(Batch())
    assert list(history.last_values()) == []


def test_closing_twice_is_allowed(history: History) -> None:
    history.close()
    history.close()


def test_several_series_are_summarised_at_once_in_columns(history: History) -> None:
    history.append(batch((1, NOON, 1), (1, NOON + 5, 2**64 - 1), (2, NOON + 7, "up")))
    for now in (NOON, NOON + 6, NEXT_DAY + DAY):
        found = history.trends([2, 1, 3], Slices(NOON, NOON + 9, NOON - 1, 5), list(FIGURES))
        assert found == {
            1: Trend(
                [0, 1],
                {
                    "minimum": [1, 2**64 - 1],
                    "average": [1.0, float(2**64 - 1)],
                    "maximum": [1, 2**64 - 1],
                    "first": [1, 2**64 - 1],
                    "last": [1, 2**64 - 1],
                    "count": [1, 1],
                    "bad_count": [0, 0],
                },
            ),
            2: Trend(
                [1],
                {
                    **{name: [None] for name in ("minimum", "average", "maximum")},
                    "first": ["up"],
                    "last": ["up"],
                    "count": [1],
                    "bad_count": [0],
                },
            ),
        }
        history.maintain(now)
    assert history.trends([1], Slices(NOON, NOON + 9, NOON, 9), ["count"]) == {
        1: Trend([0], {"count": [2]})
    }


def test_readings_of_several_series_come_in_columns_up_to_the_limit(history: History) -> None:
    made = batch((2, NOON, 1.5), (1, NOON, 3), (1, NOON + 1, "x"), (1, NOON + 2, 2**63))
    made.add(1, NOON + 3, None, Quality.BAD, "timeout")
    history.append(made)
    for now in (NOON, NOON + DAY, NEXT_DAY + DAY):
        found = history.readings([2, 1, 3], NOON, NOON + 9, 10)
        assert found == {
            1: Readings(
                [NOON, NOON + 1, NOON + 2, NOON + 3],
                [3, "x", 2**63, None],
                [192, 192, 192, 0],
                ["", "", "", "timeout"],
            ),
            2: Readings([NOON], [1.5], [192], [""]),
        }
        assert [len(one.values) for one in history.readings([1, 2], 0, NOON + 9, 2).values()] == [2]
        history.maintain(now)
