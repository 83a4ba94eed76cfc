"""How a range is cut into slices."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.history.slices import (
    HOUR_MS,
    MINUTE_MS,
    Slices,
    even_slices,
    exact_slices,
    slices_of_width,
)

DAY = 86_400_000
NOON = 20_000 * DAY + DAY // 2


@pytest.mark.parametrize(
    ("span", "number", "width"),
    [
        (365 * DAY, 500, 18 * HOUR_MS),
        (30 * DAY, 500, 2 * HOUR_MS),
        (DAY, 500, 3 * MINUTE_MS),
        (DAY, 1440, MINUTE_MS),
        (HOUR_MS, 60, MINUTE_MS),
        (HOUR_MS, 500, 7200),
        (1, 500, 1),
    ],
)
def test_long_slices_are_whole_minutes_or_hours(span: int, number: int, width: int) -> None:
    slices = even_slices(NOON, NOON + span, number)
    assert slices.width_ms == width
    assert slices.number <= number


def test_the_unit_is_the_longest_that_all_slices_begin_with() -> None:
    assert Slices(NOON + 5, NOON + DAY, NOON, 2 * HOUR_MS).unit_ms == HOUR_MS
    assert Slices(NOON, NOON + DAY, NOON, 90 * MINUTE_MS).unit_ms == MINUTE_MS
    assert Slices(NOON, NOON + DAY, NOON + MINUTE_MS, HOUR_MS).unit_ms == MINUTE_MS
    assert Slices(NOON, NOON + DAY, NOON + 1, HOUR_MS).unit_ms == 0
    assert Slices(NOON, NOON + DAY, NOON, 1500).unit_ms == 0


def test_exact_slices_begin_with_the_range() -> None:
    slices = exact_slices(NOON + 7, NOON + 17, 3)
    assert (slices.first_ms, slices.width_ms, slices.number) == (NOON + 7, 4, 3)


@given(
    start=st.integers(0, 2**45), span=st.integers(1, 10 * 366 * DAY), number=st.integers(1, 5000)
)
def test_slices_cover_the_range_and_are_no_more_than_asked_for(
    start: int, span: int, number: int
) -> None:
    slices = even_slices(start, start + span, number)
    assert 1 <= slices.number <= number
    assert slices.first_ms <= start < slices.first_ms + slices.width_ms
    assert slices.first_ms + slices.number * slices.width_ms >= start + span
    assert slices.width_ms < MINUTE_MS or slices.unit_ms


def test_slices_of_a_width_do_not_move_with_the_range() -> None:
    one, other = (slices_of_width(NOON + at, NOON + DAY, HOUR_MS) for at in (1, 59 * MINUTE_MS))
    assert one.first_ms == other.first_ms == NOON
