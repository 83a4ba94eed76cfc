"""The history of a year, made up by tests/bench/year.py, is taken over and answers to the digit."""

import math
from bisect import bisect_left
from pathlib import Path

import pytest

from server.history.base import Bucket, Row
from server.history.duckdb import DuckHistory
from server.history.slices import Slices, even_slices, slices_of_width
from server.history.summary import buckets_of
from server.history.trends import FIGURES, buckets_of_trend
from tests.bench.year import DAY_MS, Estate, readings, write_days

LAST = 20_450
END = (LAST + 1) * DAY_MS
SERIES = (7, 16, 18, 19, 99, 101)
"""Numbers, whole numbers, a switch, a text, numbers; one that speaks every second on one day."""


def expected(rows: list[Row], slices: Slices) -> list[Bucket]:
    begin, end = (
        bisect_left(rows, at, key=lambda row: row.taken_at)
        for at in (slices.start_ms, slices.end_ms)
    )
    return buckets_of(rows[begin:end], start_ms=slices.first_ms, width=slices.width_ms)


def agree(found: list[Bucket], wanted: list[Bucket]) -> bool:
    """Whether all is equal; averages are added up in another order."""
    return [one._replace(average=None) for one in found] == [
        one._replace(average=None) for one in wanted
    ] and all(
        one.average == other.average
        or math.isclose(one.average or 0.0, other.average or 0.0, rel_tol=1e-9)
        for one, other in zip(found, wanted, strict=True)
    )


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.size(2, 60)
def test_every_slice_is_what_the_readings_say(tmp_path: Path, size: int) -> None:
    estate = Estate(slow=100, period_s=60, fast=1)
    write_days(tmp_path, LAST, size, estate)
    first = END - size * DAY_MS
    history = DuckHistory(tmp_path, memory_limit_mb=128)
    questions = [
        even_slices(first, END, 500),
        even_slices(first - 5 * DAY_MS + 12_345, END - 777, 500),
        slices_of_width(END - DAY_MS, END, 60_000),
        even_slices(END - 2 * DAY_MS + 1, END - DAY_MS + 1, 300),
    ]
    said = {
        one: list(readings(estate, one, LAST * DAY_MS if one > estate.slow else first, END))
        for one in SERIES
    }
    wanted = [
        {one: found for one, rows in said.items() if (found := expected(rows, slices))}
        for slices in questions
    ]
    for _ in ("as it is", "rolled up"):
        for slices, of_series in zip(questions, wanted, strict=True):
            trends = history.trends(SERIES, slices, list(FIGURES))
            assert trends.keys() == of_series.keys()
            for series, trend in trends.items():
                assert agree(buckets_of_trend(trend, slices), of_series[series]), series
        history.maintain(END + 3 * 3_600_000)
    rows = history.raw(101, END - DAY_MS, END, 100_000)
    assert rows == said[101]
    history.close()
