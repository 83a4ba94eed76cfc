"""Figures of the alarms, by hand."""

from server.alarms.figures import BIN_MS, Told, figures_of


def told(at: int, *, point: int = 1, severity: str = "low") -> Told:
    return Told(at, "r", point, 1, severity, at)


def test_the_figures_of_half_an_hour() -> None:
    first = [told(n, point=n, severity="low" if n < 10 else "urgent") for n in range(12)]
    last = [told(2 * BIN_MS + n, severity="medium") for n in range(3)]
    made = figures_of([*first, *last], start=0, end=3 * BIN_MS, operators=2, flood_starts=10)
    assert [(one.alarms, one.flood) for one in made.bins] == [(12, True), (0, False), (3, False)]
    assert (made.alarms, made.peak) == (15, 12)
    assert made.average_per_operator == 2.5
    assert made.flood_share == 1 / 3
    assert made.split == {"low": 10 / 15, "medium": 3 / 15, "high": 2 / 15}
    assert (made.top[0].point_id, made.top[0].alarms, len(made.top)) == (1, 4, 10)
    assert made.top_share == 13 / 15


def test_a_quiet_day_has_no_shares() -> None:
    made = figures_of([], start=0, end=86_400_000, operators=1, flood_starts=10)
    assert len(made.bins) == 144
    assert (made.alarms, made.top, made.top_share, made.flood_share) == (0, [], 0.0, 0.0)
