"""Whatever is appended, in whatever order and however often: every store answers the same."""

import itertools
import math
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from protocols.reading import Quality, Value
from server.history.base import Batch, Bucket, History, Trend
from server.history.duckdb import DuckHistory
from server.history.memory import MemoryHistory
from server.history.packed import unpack_buckets, unpack_rows
from server.history.places import said
from server.history.shared import SharedHistory
from server.history.slices import slices_of_width
from server.history.trends import FIGURES, buckets_of_trend, unpack_readings, unpack_trends
from tests.stores import STORE_MARKS, new_influx, new_victoria

pytestmark = STORE_MARKS

NOON = 20_000 * 86_400_000 + 43_200_000
SPAN = 4 * 86_400_000
VALUES = st.one_of(
    st.floats(width=64),
    st.floats(-1e6, 1e6),
    st.sampled_from([0.0, -0.0, 1.0, 5e-324]),
    st.integers(-(2**63), 2**64 - 1),
    st.integers(-3, 3),
    st.booleans(),
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0")),
    st.sampled_from(["a", 'quoted "b" \\', "two\nlines", "水泵 故障", "\\", "x=1,y 2"]),
    st.none(),
)
ROWS = st.tuples(
    st.integers(0, 2),
    st.sampled_from([0, 0, 1, 2, 5, 999, 1000, 60_000, 86_400_000, 3 * 86_400_000]),
    VALUES,
    st.sampled_from([Quality.GOOD, Quality.GOOD, Quality.GOOD, Quality.BAD, Quality.STALE]),
    st.sampled_from(["", "", "timeout", 'no "answer", 线路']),
)
MESSAGES = st.lists(st.lists(ROWS, max_size=12), min_size=1, max_size=4)
Said = tuple[int, int, Value, Quality, str]
FIRST_SERIES = itertools.count(1, 3)


def good(offset: int, value: Value, *, series: int = 0) -> Said:
    return series, offset, value, Quality.GOOD, ""


def bad(offset: int, reason: str, *, series: int = 0) -> Said:
    return series, offset, None, Quality.BAD, reason


LATE = [
    [good(60_000, 6), good(86_400_000, 8)],
    [good(1000, 5.25), good(999, 4.75), bad(2, "timeout")],
    [good(0, 1), good(60_000, 6.5), good(3 * 86_400_000, 9)],
]
NO_NUMBERS = [
    [good(0, math.nan), good(1, math.inf), good(2, -math.inf), good(5, 1.5)],
    [good(0, math.nan), good(0, 2.5), good(999, math.nan)],
]
TEXTS = [
    [good(0, "auto"), good(1, ""), good(2, "水泵 故障"), good(5, 'two\nlines "q" \\')],
    [good(1, "x" * 2500), bad(2, "y" * 2500), good(999, " ")],
]
WIDE = [
    [good(0, 2**53 + 1), good(1, 2**63 - 1), good(2, -(2**63)), good(5, 2**63)],
    [good(999, 2**64 - 1), good(1000, 2**53), good(60_000, -(2**53) - 1)],
    [good(0, 2**53, series=1), good(1, 2**53 + 1, series=1), good(2, 2**53 + 2, series=1)],
]
PLAIN = [
    [good(at, number) for at, number in ((1, 1.5), (999, -7.25), (1000, 0.1), (60_000, 3.0))],
    [good(at, 21.299999237060547 + at, series=1) for at in (0, 2, 5, 86_400_000)],
    [good(at, 7 - at, series=2) for at in (0, 2, 5, 1000)],
    [bad(at, "timeout", series=at % 3) for at in (3, 4, 5, 60_001, 60_002)],
    [good(2, 9.5), good(1, -3.5, series=1), good(86_400_001, 5, series=2)],
]
SAME_MILLISECOND = [
    [good(0, value=one) for one in (True, False, True)],
    [good(1, value=one) for one in (1, 1.0, True)],
    [good(0, "1"), bad(0, "timeout"), good(1, -0.0)],
    [good(0, 7), (0, 0, 7, Quality.STALE, ""), good(2, 0)],
]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[History]]:
    folder = tmp_path_factory.mktemp("history")
    with new_victoria(folder / "victoria") as victoria:
        opened: list[History] = [DuckHistory(folder), MemoryHistory(), new_influx(), victoria]
        yield opened
        for one in opened:
            one.close()


def batch_of(rows: list[Said], first: int) -> Batch:
    """As the ingest makes it: what merely repeats the one before it says nothing."""
    made = Batch()
    of_instant: dict[tuple[int, int], list[object]] = {}
    for series, offset, value, quality, reason in rows:
        known = of_instant.setdefault((series, offset), [])
        says = said(value, quality, reason)
        if known and known[-1] == says:
            continue
        if says in known:
            made.nth[len(made)] = known.count(says)
        known.append(says)
        made.add(first + series, NOON + offset, value, quality, reason)
    return made


def raw_of(history: History, series: int) -> list[object]:
    rows = history.raw(series, NOON, NOON + SPAN, 1000)
    return [(row.taken_at, said(row.value, row.quality, row.reason)) for row in rows]


def shown(bucket: Bucket) -> tuple[object, ...]:
    ends = [said(value, 0, "") for value in (bucket.first, bucket.last)]
    average = None if bucket.average is None else pytest.approx(bucket.average, rel=1e-9, abs=1e-9)
    return (
        *(bucket.start, bucket.end, bucket.minimum, average, bucket.maximum),
        *(*ends, bucket.count, bucket.bad_count),
    )


def trend_shown(trends: dict[int, Trend]) -> object:
    hours = slices_of_width(NOON + 1, NOON + SPAN, 3_600_000)
    return {
        series: [shown(one) for one in buckets_of_trend(trend, hours)]
        for series, trend in trends.items()
    }


def may_be_summed(history: History, series: int) -> bool:
    numbers = [
        row.value
        for row in history.raw(series, NOON, NOON + SPAN, 1000)
        if isinstance(row.value, float)
    ]
    return all(math.isfinite(one) and abs(one) < 1e100 for one in numbers)


@pytest.mark.timeout(900)
@given(messages=MESSAGES, again=st.lists(st.integers(0, 3), max_size=3))
@example(messages=LATE, again=[])
@example(messages=LATE, again=[0, 1, 0])
@example(messages=NO_NUMBERS, again=[0])
@example(messages=TEXTS, again=[1])
@example(messages=WIDE, again=[0])
@example(messages=PLAIN, again=[3, 0, 4])
@example(messages=SAME_MILLISECOND, again=[2, 0, 1])
def test_late_doubled_and_odd_values_are_answered_alike(
    stores: list[History], messages: list[list[Said]], again: list[int]
) -> None:
    first = next(FIRST_SERIES)
    batches = [batch_of(rows, first) for rows in messages]
    order = [*batches, *(batches[index % len(batches)] for index in again)]
    for history in stores:
        for one in order:
            history.append(one)
    embedded, *others = stores
    for series in range(first, first + 3):
        expected = raw_of(embedded, series)
        for other in others:
            assert raw_of(other, series) == expected
        if not may_be_summed(embedded, series):
            continue
        hours = slices_of_width(NOON + 1, NOON + SPAN, 3_600_000)
        trends = [history.trends([series], hours, list(FIGURES)) for history in stores]
        for other in trends:
            assert trend_shown(other) == trend_shown(trends[0])
        for count in (1, 7, 300):
            summaries = [
                [shown(one) for one in history.buckets(series, NOON, NOON + SPAN, count)]
                for history in stores
            ]
            for one in summaries[1:]:
                assert one == summaries[0]


@contextmanager
def _influx(_folder: Path) -> Generator[SharedHistory]:
    with closing(new_influx()) as history:
        yield history


@pytest.mark.parametrize("make", [_influx, new_victoria], ids=["influxdb", "victoriametrics"])
@pytest.mark.parametrize(
    "values",
    [
        [1.5, 0.1, -7.25],
        [3, 2**50 + 1, -(2**45)],
        [True, False, True],
        ["up", "down"],
        [21.299999237060547, -0.10000000149011612, 123456.7890625],
    ],
    ids=["numbers", "integers", "booleans", "texts", "singles"],
)
def test_a_server_summarises_one_kind_of_value_itself(
    make: Callable[[Path], AbstractContextManager[History]],
    values: list[Value],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = Batch()
    for at in range(60):
        made.add(1, NOON + at * 1000, values[at % len(values)])
        made.add(1, NOON + at * 1000 + 1, None, Quality.BAD, "timeout")
    plain = MemoryHistory()
    plain.append(made)
    expected = plain.buckets(1, NOON + 3, NOON + 60_000, 7)
    with make(tmp_path / "store") as history:
        history.append(made)
        monkeypatch.setattr(history, "raw", None)
        found = history.buckets(1, NOON + 3, NOON + 60_000, 7)
    assert [shown(one) for one in found] == [shown(one) for one in expected]


@pytest.mark.parametrize("make", [_influx, new_victoria], ids=["influxdb", "victoriametrics"])
def test_a_figure_is_the_same_whatever_else_is_asked_for(
    make: Callable[[Path], AbstractContextManager[SharedHistory]], tmp_path: Path
) -> None:
    kinds: list[list[Value]] = [
        *([1.5, 0.1, -7.25], [3, -2, 2**50], [True, False], ["up", "down"], [2**60, 7]),
        *([21.299999237060547, -0.10000000149011612], [None, 4.5], [None]),
    ]
    made = Batch()
    for series, values in enumerate(kinds, 1):
        for at in range(60):
            made.add(series, NOON + at * 1000, values[at % len(values)])
            made.add(series, NOON + at * 1000 + 1, None, Quality.BAD, "timeout")
    slices = slices_of_width(NOON + 1, NOON + 60_000, 7000)
    series = range(1, len(kinds) + 1)
    with make(tmp_path / "store") as history:
        history.append(made)
        whole = history.trends(series, slices, list(FIGURES))
        assert list(whole) == list(series)
        for some in (*((name,) for name in FIGURES), ("minimum", "average", "maximum")):
            expected = {
                one: Trend(trend.slices, {name: trend.figures[name] for name in some})
                for one, trend in whole.items()
            }
            assert history.trends(series, slices, some) == expected


@pytest.mark.parametrize("make", [_influx, new_victoria], ids=["influxdb", "victoriametrics"])
def test_another_process_reads_what_this_one_does(
    make: Callable[[Path], AbstractContextManager[SharedHistory]], tmp_path: Path
) -> None:
    made = Batch()
    values: list[Value] = [1.5, 3, 2**64 - 1, True, "up", None, -(2**63)]
    for at, value in enumerate(values):
        made.add(1, NOON + at, value)
    made.add(1, NOON + 50, None, Quality.BAD, "timeout")
    with make(tmp_path / "store") as history:
        history.append(made)
        assert unpack_rows(history.packed_raw(1, NOON, NOON + 100, 50)) == history.raw(
            1, NOON, NOON + 100, 50
        )
        packed = history.packed_buckets(1, NOON, NOON + 100, 50)
        assert unpack_buckets(packed, NOON, 2) == history.buckets(1, NOON, NOON + 100, 50)
        slices = slices_of_width(NOON, NOON + 100, 2)
        packed = history.packed_trends([1], slices, list(FIGURES))
        assert unpack_trends(packed, list(FIGURES)) == history.trends([1], slices, list(FIGURES))
        packed = history.packed_readings([1], NOON, NOON + 100, 50)
        assert unpack_readings(packed) == history.readings([1], NOON, NOON + 100, 50)
