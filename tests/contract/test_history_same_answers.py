"""Whatever is appended, in whatever order and however often: every store answers the same."""

import itertools
import math
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.reading import Quality, Value
from server.history.base import Batch, Bucket, History
from server.history.duckdb import DuckHistory
from server.history.memory import MemoryHistory
from server.history.packed import unpack_buckets, unpack_rows
from server.history.places import said
from tests.stores import STORE_MARKS, new_influx

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
FIRST_SERIES = itertools.count(1, 3)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[History]]:
    folder = tmp_path_factory.mktemp("history")
    opened: list[History] = [DuckHistory(folder), MemoryHistory(), new_influx()]
    yield opened
    for one in opened:
        one.close()


def batch_of(rows: list[tuple[int, int, Value, Quality, str]], first: int) -> Batch:
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


def may_be_summed(history: History, series: int) -> bool:
    numbers = [
        row.value
        for row in history.raw(series, NOON, NOON + SPAN, 1000)
        if isinstance(row.value, float)
    ]
    return all(math.isfinite(one) and abs(one) < 1e100 for one in numbers)


@pytest.mark.timeout(900)
@given(messages=MESSAGES, again=st.lists(st.integers(0, 3), max_size=3))
def test_late_doubled_and_odd_values_are_answered_alike(
    stores: list[History],
    messages: list[list[tuple[int, int, Value, Quality, str]]],
    again: list[int],
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
        for count in (1, 7, 300):
            summaries = [
                [shown(one) for one in history.buckets(series, NOON, NOON + SPAN, count)]
                for history in stores
            ]
            assert summaries[1] == summaries[0]
            assert summaries[2] == summaries[0]


@pytest.mark.parametrize(
    "values",
    [[1.5, 0.1, -7.25], [3, 2**50 + 1, -(2**45)], [True, False, True], ["up", "down"]],
    ids=["numbers", "integers", "booleans", "texts"],
)
def test_influxdb_summarises_one_kind_of_value_itself(
    values: list[Value], monkeypatch: pytest.MonkeyPatch
) -> None:
    history = new_influx()
    made = Batch()
    for at in range(60):
        made.add(1, NOON + at * 1000, values[at % len(values)])
        made.add(1, NOON + at * 1000 + 1, None, Quality.BAD, "timeout")
    history.append(made)
    plain = MemoryHistory()
    plain.append(made)
    expected = plain.buckets(1, NOON + 3, NOON + 60_000, 7)
    monkeypatch.setattr(history, "raw", None)
    found = history.buckets(1, NOON + 3, NOON + 60_000, 7)
    assert [shown(one) for one in found] == [shown(one) for one in expected]
    history.close()


def test_another_process_reads_what_this_one_does() -> None:
    history = new_influx()
    made = Batch()
    values: list[Value] = [1.5, 3, 2**64 - 1, True, "up", None, -(2**63)]
    for at, value in enumerate(values):
        made.add(1, NOON + at, value)
    made.add(1, NOON + 50, None, Quality.BAD, "timeout")
    history.append(made)
    assert unpack_rows(history.packed_raw(1, NOON, NOON + 100, 50)) == history.raw(
        1, NOON, NOON + 100, 50
    )
    packed = history.packed_buckets(1, NOON, NOON + 100, 50)
    assert unpack_buckets(packed, NOON, 2) == history.buckets(1, NOON, NOON + 100, 50)
    history.close()
