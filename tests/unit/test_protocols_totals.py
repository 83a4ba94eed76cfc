"""What a total has counted is never negative."""

import pytest

from protocols.totals import grown


@pytest.mark.parametrize(
    ("before", "after", "wraps_at", "counted"),
    [
        (10, 25, None, 15),
        (10, 10, 65536, 0),
        (65530, 4, 65536, 10),
        (6553.0, 0.4, 6553.6, 1.0),
        (500, 3, 65536, 3),
        (65530, 4, None, 4),
        (9990, 5, 10_000, 15),
        (99_999, 5, 10_000, 5),
        (5, -1, None, 0),
    ],
)
def test_a_total_counts_upwards_through_wraps_and_resets(
    before: float, after: float, wraps_at: float | None, counted: float
) -> None:
    assert grown(before, after, wraps_at=wraps_at) == pytest.approx(counted)
