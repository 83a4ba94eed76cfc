"""Which announcements a figure counts, by hand."""

import pytest

from server.alarms.figures import BIN_MS, Announced, Flooding, figures_of
from server.reports.alarms import (
    ALARM_DEFINITIONS,
    AlarmFigure,
    announcements_of,
    value_of,
)

FLOODING = Flooding(starts=3, ends=2)


def told(at: int, *, alarm: int, point: int = 1, severity: str = "low", site: int = 1) -> Announced:
    return Announced("r", point, 1, site, severity, at, alarm)


QUIET = [told(0, alarm=1), told(BIN_MS, alarm=2, severity="urgent")]
BURST = [told(2 * BIN_MS + n, alarm=10 + n, point=n, site=2) for n in range(4)]
AFTER = [told(3 * BIN_MS + n, alarm=20 + n, point=9, site=2) for n in range(2)]
OTHER = [told(2 * BIN_MS, alarm=30, site=1, severity="high")]
ALL = [*QUIET, *BURST, *OTHER, *AFTER]


@pytest.mark.parametrize(
    ("figure", "alarms"),
    [
        (AlarmFigure.ANNOUNCED, [1, 2, 10, 11, 12, 13, 30, 20, 21]),
        (AlarmFigure.PEAK, [10, 11, 12, 13]),
        (AlarmFigure.FLOOD, [10, 11, 12, 13, 20, 21]),
        (AlarmFigure.SEVERE, [2, 30]),
        (AlarmFigure.STALE, []),
    ],
)
def test_a_figure_counts_exactly_these(figure: AlarmFigure, alarms: list[int]) -> None:
    found = announcements_of(figure, ALL, start=0, flooding=FLOODING)
    assert [one.alarm_id for one in found] == alarms


def test_the_ten_most_frequent_leave_the_rest_out() -> None:
    often = [told(n, alarm=n, point=n % 10) for n in range(20)]
    rare = told(30, alarm=99, point=77)
    found = announcements_of(AlarmFigure.FREQUENT, [*often, rare], start=0, flooding=FLOODING)
    assert found == often


def test_a_list_has_as_many_lines_as_its_number_says() -> None:
    made = figures_of(ALL, start=0, end=4 * BIN_MS, operators=1, sites=2, flooding=FLOODING)
    peak = announcements_of(AlarmFigure.PEAK, ALL, start=0, flooding=FLOODING)
    assert value_of(AlarmFigure.PEAK, made, len(peak)) == len(peak) == 4
    assert value_of(AlarmFigure.SEVERE, made, 2) == 2 / 9
    assert value_of(AlarmFigure.FLOOD, made, 6) == 2 / 4 / 2
    none = figures_of([], start=0, end=BIN_MS, operators=1, sites=1, flooding=FLOODING)
    assert value_of(AlarmFigure.SEVERE, none, 0) is None
    assert announcements_of(AlarmFigure.PEAK, [], start=0, flooding=FLOODING) == []


def test_every_figure_is_defined() -> None:
    assert set(ALARM_DEFINITIONS) == set(AlarmFigure)
