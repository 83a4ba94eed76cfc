"""A rule tried on history finds what it would have found live."""

from random import Random
from typing import Any

import pytest

from config.classes import AlarmRule
from protocols.reading import Quality
from server.alarms.evaluation.trial import Trial, TrialPoint, TrialRun, needed_points
from server.alarms.rulebook import RuleBook, merged
from server.assets.series import Sample
from server.history.base import Batch, Row
from server.history.memory import MemoryHistory
from tests.fakes.pump_room import PUMP
from tests.fakes.rule_bench import RuleBench

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
    name: str,
    rows: list[tuple[int, float, Any]],
    *,
    most: int = 10_000,
    hours: float = 1,
    **changes: Any,
) -> Trial:
    history = MemoryHistory()
    batch = Batch()
    for series, at, value in rows:
        quality = Quality.BAD if value is None else Quality.GOOD
        batch.add(series, START + round(at * 1000), value, quality)
    history.append(batch)
    run = TrialRun(
        PUMP,
        name,
        rule(name, **changes),
        points=POINTS,
        history=history,
        start=START,
        end=START + round(hours * 3_600_000),
        most=most,
    )
    for _ in run.pages():
        pass
    return run.found


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


def test_with_too_many_readings_the_newest_are_tried() -> None:
    """An hour with 100, then half an hour with 60: only the latter fit."""
    rows = [(1, at * 36, 85.0 if at % 2 else 70.0) for at in range(100)]
    rows += [(1, 3600 + at * 30, 85.0 if at % 2 else 70.0) for at in range(60)]
    found = trial("hot", rows, hours=2, most=120)
    assert (found.covered_from, found.readings) == (START + 3_600_000, 60)
    assert len(found.onsets) == 30
    assert min(one.at for one in found.onsets) == START + 3_630_000


def test_quiet_hours_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A day in which one hour has something to tell, and the alarm goes on over quiet hours."""
    asked: list[tuple[int, int]] = []

    class Counting(MemoryHistory):
        def raw(self, series_id: int, start_ms: int, end_ms: int, limit: int) -> list[Row]:
            if series_id == 1:
                asked.append(((start_ms - START) // 3_600_000, (end_ms - START) // 3_600_000))
            return super().raw(series_id, start_ms, end_ms, limit)

    monkeypatch.setattr("tests.unit.test_alarms_trial.MemoryHistory", Counting)
    rows = [(1, at, 70.0) for at in range(0, 72 * 3600, 60)]
    rows[30 * 60 + 10 : 62 * 60 + 5] = [
        (1, at, 90.0) for at in range(30 * 3600 + 600, 62 * 3600 + 300, 60)
    ]
    found = trial("hot", rows, hours=72)
    assert seconds(found) == [(30 * 3600 + 600, 62 * 3600 + 300)]
    assert found.readings == 72 * 60
    # START is 13 hours before midnight; from a loud hour on the rest of its day is read.
    assert asked == [(30, 37), (62, 72)]


def random_course(seed: int) -> list[tuple[int, float, Any]]:
    source = Random(seed)  # noqa: S311 (no secret)
    rows: list[tuple[int, float, Any]] = []
    at, value = 0.0, 60.0
    while at < 40 * 3600:
        at += source.choice([10, 60, 600, 3000])
        value = source.choice([value, 60.0, 78.0, 81.0, 96.0, None])
        rows.append((1, at, value))
    return rows


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("changes", [{}, {"on_delay_s": 120, "off_delay_s": 600}])
def test_what_is_skipped_changes_nothing(seed: int, changes: dict[str, Any]) -> None:
    """The same alarms as when the engine sees every single value."""
    rows = random_course(seed)
    found = trial("hot", rows, hours=41, **changes)
    only = PUMP.model_copy(update={"rules": {"hot": rule("hot", **changes)}})
    bench = RuleBench(RuleBook({"pump": only}))
    series = bench.series["temperature"]
    raised: list[tuple[str, int]] = []
    for _, at, value in rows:
        quality = Quality.BAD if value is None else Quality.GOOD
        step = bench.engine.evaluate([Sample(series, value, quality, START + round(at * 1000))])
        bench.engine.commit(step)
        raised += [(one.kind, (one.at - START) // 1000) for one in step.transitions]
    flat = [("raised", since) for since, _ in seconds(found)]
    flat += [("returned", until) for _, until in seconds(found) if until is not None]
    flat.sort(key=lambda one: one[1])
    # At most one delay was running at the last value; the trial lets it end.
    assert flat[: len(raised)] == raised
    assert len(flat) <= len(raised) + 1


@pytest.mark.parametrize("name", list(PUMP.rules))
def test_nothing_was_reported_and_nothing_is_found(name: str) -> None:
    assert [one for one in trial(name, []).onsets if name != "silent"] == []
