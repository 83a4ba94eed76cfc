"""A rule tried on history finds what it would have found live."""

from typing import Any

import pytest

from config.classes import AlarmRule
from protocols.reading import Quality
from server.alarms.rulebook import merged
from server.alarms.trial import Trial, TrialPoint, needed_points, try_rule
from server.history.base import Batch
from server.history.memory import MemoryHistory
from tests.fakes.pump_room import PUMP

START = 1_795_000_000_000
POINTS = [
    TrialPoint(1, "e/g/p/temperature", "temperature", 1, 60_000),
    TrialPoint(2, "e/g/p/pressure", "pressure", 1, 60_000),
    TrialPoint(3, "e/g/p/run", "run", 1, 60_000),
    TrialPoint(4, "e/g/p/level", "level", 1, 60_000),
]


def rule(name: str, **changes: Any) -> AlarmRule:
    return merged(PUMP, name, PUMP.rules.get(name), changes)


def trial(
    name: str, rows: list[tuple[int, float, Any]], *, most: int = 10_000, **changes: Any
) -> Trial:
    history = MemoryHistory()
    batch = Batch()
    for series, at, value in rows:
        quality = Quality.BAD if value is None else Quality.GOOD
        batch.add(series, START + round(at * 1000), value, quality)
    history.append(batch)
    return try_rule(
        PUMP,
        name,
        rule(name, **changes),
        points=POINTS,
        raw=history.raw,
        start=START,
        end=START + 3_600_000,
        most=most,
    )


def seconds(found: Trial) -> list[tuple[int, int | None]]:
    return [
        ((one.at - START) // 1000, None if one.until is None else (one.until - START) // 1000)
        for one in found.onsets
    ]


def test_limits_with_their_deadband() -> None:
    rows = [(1, at, value) for at, value in enumerate([70, 85, 77, 74, 85, 90])]
    found = trial("hot", rows)
    assert (seconds(found), found.readings) == ([(1, 3), (4, None)], 6)
    assert seconds(trial("hot", rows, condition={"limit": 88})) == [(5, None)]


def test_delays_end_when_no_reading_says_otherwise() -> None:
    rows = [(4, 0, 0.5), (4, 5, 2.0), (4, 100, 0.5), (4, 200, 2.0), (4, 300, 0.5)]
    assert seconds(trial("low_level", rows)) == [(100, 200), (300, None)]


def test_an_expression_reads_the_points_of_one_instant_together() -> None:
    rows = [(3, 1, False), (2, 1, 0.0), (3, 2, True), (2, 2, 3.0), (2, 5, 0.1), (2, 6, 1.0)]
    assert seconds(trial("no_pressure", rows)) == [(5, 6)]
    assert needed_points(PUMP, "no_pressure", rule("no_pressure")) == {"pressure", "run"}


def test_silence_is_found_in_the_gaps() -> None:
    rows = [(2, at, 3.0) for at in (0, 60, 400, 460, 3590)]
    assert seconds(trial("silent", rows)) == [(180, 400), (580, 3590)]


def test_a_disabled_rule_and_one_on_trial_are_tried_as_if_they_were_on() -> None:
    rows = [(1, 1, 85.0)]
    assert len(trial("hot", rows, mode="monitor", enabled=False).onsets) == 1


def test_too_many_readings_are_cut_short() -> None:
    rows = [(1, at, 85.0 if at % 2 else 70.0) for at in range(100)]
    found = trial("hot", rows, most=50)
    assert found.cut_short_at == START + 50_000
    assert len(found.onsets) == 25


@pytest.mark.parametrize("name", list(PUMP.rules))
def test_nothing_was_reported_and_nothing_is_found(name: str) -> None:
    assert [one for one in trial(name, []).onsets if name != "silent"] == []
