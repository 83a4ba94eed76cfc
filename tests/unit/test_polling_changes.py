"""Report by exception."""

import pytest

from edge_agent.polling.changes import ChangeFilter
from protocols.reading import Quality, Reading, Value
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
