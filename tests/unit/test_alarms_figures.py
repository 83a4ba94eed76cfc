"""Figures of the alarms, by hand."""

import pytest

from server.alarms.figures import BIN_MS, Announced, Figures, Flooding, figures_of


def announced(at: int, *, point: int = 1, severity: str = "low", site: int = 1) -> Announced:
    return Announced("r", point, 1, site, severity, at)


def figures(
    found: list[Announced], *, bins: int = 3, operators: int = 2, sites: int = 1
) -> Figures:
    return figures_of(
        found,
        start=0,
        end=bins * BIN_MS,
        operators=operators,
        sites=sites,
        flooding=Flooding(starts=10, ends=5),
    )


def test_the_figures_of_half_an_hour() -> None:
    first = [announced(n, point=n, severity="low" if n < 10 else "urgent") for n in range(12)]
    last = [announced(2 * BIN_MS + n, severity="medium") for n in range(3)]
    made = figures([*first, *last])
    assert [(one.alarms, one.flood) for one in made.bins] == [(12, True), (0, False), (3, False)]
    assert [one.per_operator for one in made.bins] == [6, 0, 1.5]
    assert (made.alarms, made.peak) == (15, 12)
    assert made.average_per_operator == 2.5
    assert made.flood_share == 1 / 3
    assert made.split == {"low": 10 / 15, "medium": 3 / 15, "high": 2 / 15}
    assert (made.top[0].point_id, made.top[0].alarms, len(made.top)) == (1, 4, 10)
    assert made.top_share == 13 / 15


@pytest.mark.parametrize(
    ("counts", "floods"),
    [
        ([11, 10, 5, 4, 10], [True, True, True, False, False]),
        ([10, 11, 0, 9, 9], [False, True, False, False, False]),
        ([20, 6, 6, 6, 4], [True, True, True, True, False]),
    ],
)
def test_a_flood_lasts_until_it_is_really_quiet(counts: list[int], floods: list[bool]) -> None:
    found = [
        announced(bin_ * BIN_MS + n) for bin_, count in enumerate(counts) for n in range(count)
    ]
    made = figures(found, bins=5)
    assert [one.flood for one in made.bins] == floods
    assert made.flood_share == sum(floods) / 5


def test_six_alarms_at_each_of_two_estates_are_no_flood() -> None:
    found = [announced(n, site=site) for site in (1, 2) for n in range(6)]
    made = figures(found, bins=1, operators=1, sites=2)
    assert (made.alarms, made.peak, made.flood_share) == (12, 6, 0)
    assert made.average_per_operator == 6
    flooded = figures([*found, *(announced(n, site=1) for n in range(6))], bins=1, sites=2)
    assert (flooded.flood_share, flooded.bins[0].flood) == (0.5, True)


def test_a_quiet_day_has_no_shares() -> None:
    made = figures([], bins=144)
    assert len(made.bins) == 144
    assert (made.alarms, made.top, made.top_share, made.flood_share) == (0, [], 0.0, 0.0)
