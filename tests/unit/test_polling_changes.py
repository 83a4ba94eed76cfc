"""Report by exception."""

from itertools import pairwise

import pytest

from edge_agent.polling.changes import ChangeFilter
from protocols.reading import Quality, Reading, Value
from protocols.totals import grown
from tests.fakes.devices import point


def good(value: Value, at_s: float) -> Reading:
    return Reading("p", value, Quality.GOOD, round(at_s * 1000))


def reported(values: list[Reading], **options: object) -> list[Value]:
    chosen = ChangeFilter({"p": point(0, **options)})
    return [r.value for reading in values for r in chosen.pick([reading])]


def test_the_first_reading_and_then_changes_only() -> None:
    values = [good(value, at) for at, value in enumerate([5, 5, 6, 6, 5])]
    assert reported(values) == [5, 6, 5]


def test_small_changes_add_up_until_they_reach_the_deadband() -> None:
    values = [good(value, at) for at, value in enumerate([10.0, 10.4, 10.9, 11.0, 11.9, 10.0])]
    assert reported(values, deadband=1.0) == [10.0, 11.0, 10.0]


@pytest.mark.parametrize(("first", "second"), [(True, False), ("stopped", "running")])
def test_a_state_is_reported_on_change(first: Value, second: Value) -> None:
    assert reported([good(first, 0), good(first, 1), good(second, 2)]) == [first, second]


def test_silence_is_bounded() -> None:
    values = [good(1, at * 5 + 0.003 * (at % 2)) for at in range(13)]
    assert len(reported(values, period_s=5.0, max_silence_s=30.0)) == 3


def test_a_change_of_quality_or_reason_is_always_reported() -> None:
    bad = [Reading("p", None, Quality.BAD, 1000 + at, "timeout") for at in range(3)]
    garbage = Reading("p", None, Quality.BAD, 2000, "garbage")
    assert reported([good(1, 0), *bad, garbage, good(1, 3)], deadband=5.0) == [1, None, None, 1]


def test_report_all_reports_all() -> None:
    assert reported([good(1, at) for at in range(4)], report_all=True) == [1, 1, 1, 1]


def test_after_a_birth_everything_is_new() -> None:
    chosen = ChangeFilter({"p": point(0)})
    assert chosen.pick([good(1, 0)])
    assert not chosen.pick([good(1, 1)])
    chosen.forget()
    assert chosen.pick([good(1, 2)])


def test_a_deadband_in_percent_follows_the_value_reported_last() -> None:
    values = [good(value, at) for at, value in enumerate([200.0, 203.9, 204.0, 208.0, 208.1])]
    assert reported(values, deadband={"percent": 2}) == [200.0, 204.0, 208.1]


def test_percent_of_nothing_is_every_change() -> None:
    values = [good(value, at) for at, value in enumerate([0.0, 0.0, 0.001])]
    assert reported(values, deadband={"percent": 2}) == [0.0, 0.001]


def test_a_deadband_of_span_is_the_same_everywhere_on_it() -> None:
    values = [good(value, at) for at, value in enumerate([0, 9, 10, 19, 20])]
    assert reported(values, deadband={"of_span": 1}, span=[0, 1000]) == [0, 10, 20]


def test_a_lively_number_is_reported_at_most_once_an_interval_and_then_as_it_is() -> None:
    values = [good(value, at) for at, value in enumerate([1, 2, 3, 4, 5, 6, 7, 7, 7])]
    # Half a period early counts as on time, so a cycle that comes a moment early is not lost.
    assert reported(values, min_interval_s=5.0) == [1, 6]
    assert reported([*values, good(7, 10)], min_interval_s=5.0) == [1, 6, 7]


def test_a_quality_does_not_wait_for_the_interval() -> None:
    values = [good(1, 0), Reading("p", None, Quality.BAD, 1000, "timeout"), good(2, 2)]
    assert reported(values, min_interval_s=60.0) == [1, None, 2]


def test_a_total_that_wraps_is_reported_with_the_last_total_before() -> None:
    values = [good(value, at) for at, value in enumerate([65000, 65400, 65530, 4, 90])]
    options = {"deadband": 1000.0, "totalizer": True, "min_interval_s": 60.0}
    assert reported(values, **options) == [65000, 65530, 4]


def test_a_total_that_was_reset_is_reported_however_small_it_was() -> None:
    values = [good(value, at) for at, value in enumerate([0, 3, 0, 2])]
    assert reported(values, deadband=1000.0, totalizer=True) == [0, 3, 0]


def test_what_was_reported_of_a_total_adds_up_to_what_was_counted() -> None:
    raw = [(60000 + 37 * step) % 65536 for step in range(1000)]
    values = [good(value, at) for at, value in enumerate(raw)]
    seen = [float(v or 0) for v in reported(values, deadband=500.0, totalizer=True)]
    assert len(seen) < 100
    counted = sum(grown(a, b, wraps_at=65536) for a, b in pairwise(seen))
    assert 37 * 999 - 500 < counted <= 37 * 999


def test_a_clock_set_back_an_hour_silences_no_point() -> None:
    values = [good(1, 7200), good(1, 3600), good(1, 3601)]
    assert len(reported(values, max_silence_s=300.0)) == 2


def test_a_total_that_goes_away_says_how_far_it_had_counted() -> None:
    lost = Reading("p", None, Quality.STALE, 3000, "timeout")
    values = [good(100, 0), good(150, 1), good(180, 2), lost, good(5, 60)]
    assert reported(values, deadband=1000.0, totalizer=True) == [100, 180, None, 5]
