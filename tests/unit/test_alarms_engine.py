"""What the rules find in live readings: once per reading, in event time."""

import random

import pytest

from protocols.reading import Quality
from server.alarms.evaluation.watches import gateway_of
from server.assets.series import CONNECTION, Series
from tests.fakes.pump_room import sample
from tests.fakes.rule_bench import RuleBench


@pytest.fixture
def bench() -> RuleBench:
    return RuleBench()


def test_a_limit_is_raised_once_and_returns_behind_its_deadband(bench: RuleBench) -> None:
    assert bench.see("temperature", 79.0, 1) == []
    assert bench.see("temperature", 81.0, 2) == [("raised", "hot", 2, None)]
    assert bench.see("temperature", 82.0, 3) == []
    assert bench.see("temperature", 77.0, 4) == []
    assert bench.see("temperature", 74.0, 5) == [("returned", "hot", 5, None)]


def test_two_limits_of_one_point_are_two_alarms(bench: RuleBench) -> None:
    assert bench.see("temperature", 96.0, 1) == [
        ("raised", "hot", 1, None),
        ("raised", "very_hot", 1, None),
    ]
    assert bench.see("temperature", 89.0, 2) == [("returned", "very_hot", 2, None)]


def test_what_changes_nothing_is_never_evaluated(bench: RuleBench) -> None:
    temperature = bench.series["temperature"]
    assert bench.quiet(sample(temperature, 20.0, 1))
    bench.see("temperature", 85.0, 1)
    assert bench.quiet(sample(temperature, 94.0, 2))
    assert bench.quiet(sample(temperature, 76.0, 2))
    assert not bench.quiet(sample(temperature, 96.0, 2))
    assert not bench.quiet(sample(temperature, 75.0, 2))


def test_a_series_without_rules_is_quiet_and_one_without_class_too(bench: RuleBench) -> None:
    other = Series(99, key="x", name="odd", equipment_id=1, max_silence_ms=None)
    bench.engine.attach(other, equipment_class="pump")
    foreign = Series(98, key="y", name="temperature", equipment_id=7, max_silence_ms=None)
    bench.engine.attach(foreign, equipment_class="")
    assert bench.quiet(sample(other, 1e9, 1))
    assert bench.quiet(sample(foreign, 1e9, 1))


def test_bad_quality_is_neither_alarm_nor_recovery(bench: RuleBench) -> None:
    bench.see("temperature", 90.0, 1)
    assert bench.see("temperature", None, 2, quality=Quality.BAD) == []
    assert bench.see("temperature", 20.0, 3, quality=Quality.STALE) == []
    assert bench.see("temperature", 20.0, 4) == [("returned", "hot", 4, None)]


def test_an_older_reading_changes_nothing(bench: RuleBench) -> None:
    bench.see("temperature", 90.0, 10)
    for at in (9, 1):
        assert bench.see("temperature", 20.0, at) == []
    bench.see("temperature", 20.0, 20)
    for at in (15, 10):
        assert bench.see("temperature", 90.0, at) == []


def test_of_two_readings_of_one_instant_the_later_one_counts(bench: RuleBench) -> None:
    assert bench.see("temperature", 90.0, 10) == [("raised", "hot", 10, None)]
    assert bench.see("temperature", 20.0, 10) == [("returned", "hot", 10, None)]
    found = bench.see_all([("temperature", 20.0), ("temperature", 90.0)], 20)
    assert ("raised", "hot", 20, None) in found


def test_a_list_of_states(bench: RuleBench) -> None:
    assert bench.see("mode", 1, 1) == []
    assert bench.see("mode", 3, 2) == [("raised", "manual", 2, None)]
    assert bench.see("mode", 2, 3) == []
    assert bench.see("mode", 1, 4) == [("returned", "manual", 4, None)]


def test_an_on_delay_that_lasts_raises_with_the_true_onset(bench: RuleBench) -> None:
    assert bench.see("level", 0.5, 1) == []
    assert bench.expire("low_level", "level", 1) == [("raised", "low_level", 1, None)]


def test_an_on_delay_that_is_interrupted_raises_nothing(bench: RuleBench) -> None:
    bench.see("level", 0.5, 1)
    assert bench.see("level", 1.5, 5) == []
    assert bench.expire("low_level", "level", 1) == []


def test_an_off_delay_that_is_interrupted_keeps_the_alarm(bench: RuleBench) -> None:
    bench.see("level", 0.5, 1)
    bench.expire("low_level", "level", 1)
    assert bench.see("level", 2.0, 20) == []
    assert bench.see("level", 0.5, 22) == []
    assert bench.see("level", 2.0, 30) == []
    assert bench.expire("low_level", "level", 20) == []
    assert bench.expire("low_level", "level", 30) == [("returned", "low_level", 30, None)]


def test_readings_prove_a_delay_before_its_timer_runs(bench: RuleBench) -> None:
    """The server was away while the condition lasted longer than its delay."""
    bench.see("level", 0.5, 1)
    assert bench.see("level", 2.0, 60) == [("raised", "low_level", 1, None)]
    assert bench.see("level", 0.5, 70) == [("returned", "low_level", 60, None)]


def test_delays_are_timers(bench: RuleBench) -> None:
    level = bench.series["level"]
    step = bench.engine.evaluate([sample(level, 0.5, bench.start)])
    (timer,) = step.timers()
    assert timer.due_at == bench.start + 10_000
    assert timer.payload["at"] == bench.start
    bench.engine.commit(step)
    step = bench.engine.evaluate([sample(level, 2.0, bench.start + 1000)])
    assert [one.due_at for one in step.timers()] == [None]


def test_a_clock_ahead_does_not_prolong_the_delay(bench: RuleBench) -> None:
    step = bench.engine.evaluate([sample(bench.series["level"], 0.5, bench.start + 200_000)])
    assert [one.due_at for one in step.timers()] == [bench.start + 10_000]


def test_a_step_that_is_not_committed_never_happened(bench: RuleBench) -> None:
    hot = sample(bench.series["temperature"], 90.0, bench.start + 1)
    first = bench.engine.evaluate([hot])
    again = bench.engine.evaluate([hot])
    assert bench.found(first) == bench.found(again) == [("raised", "hot", 0, None)]


def test_a_rule_counts_only_while_its_expression_is_true(bench: RuleBench) -> None:
    bench.see("run", at=1, value=False)
    assert bench.see("pressure", 0.1, 2) == []
    assert bench.see("run", at=3, value=True) == [("raised", "no_pressure", 3, None)]
    assert bench.see("run", at=4, value=False) == [("returned", "no_pressure", 4, None)]


def test_one_message_is_one_instant(bench: RuleBench) -> None:
    """The pump starts and its pressure is there at once, in whatever order they are listed."""
    bench.see_all([("run", False), ("pressure", 0.0)], 1)
    assert bench.see_all([("run", True), ("pressure", 3.0)], 2) == []
    bench.see_all([("pressure", 0.0), ("run", False)], 3)
    assert bench.see_all([("pressure", 3.0), ("run", True)], 4) == []
    assert bench.see("pressure", 0.2, 5) == [("raised", "no_pressure", 5, None)]


def test_an_unknown_expression_neither_raises_nor_returns(bench: RuleBench) -> None:
    assert bench.see("pressure", 0.1, 1) == []
    bench.see("run", at=2, value=True)
    assert bench.see("run", None, 3, quality=Quality.BAD) == []
    assert bench.see("pressure", 0.2, 4) == []
    assert bench.see("pressure", 3.0, 5) == [("returned", "no_pressure", 5, None)]


def test_equipment_that_does_not_answer(bench: RuleBench) -> None:
    assert bench.see(CONNECTION, at=1, value=True) == []
    assert bench.see(CONNECTION, at=2, value=False) == [("raised", "gone", 2, None)]
    assert bench.see(CONNECTION, at=3, value=True) == [("returned", "gone", 3, None)]


def test_silence_is_not_judged_right_after_a_start(bench: RuleBench) -> None:
    bench.clock.advance(60 + 119)
    assert bench.sweep() == []
    bench.clock.advance(2)
    assert [one[:2] for one in bench.sweep()] == [("raised", "silent")]
    assert bench.sweep() == []


def test_the_silence_of_a_gateway_that_is_behind_proves_nothing(bench: RuleBench) -> None:
    gateway = gateway_of(bench.series["pressure"])
    bench.is_behind = lambda key: key == gateway
    bench.clock.advance(60 + 121)
    assert bench.sweep() == []
    bench.is_behind = lambda key: key != gateway
    assert [one[:2] for one in bench.sweep()] == [("raised", "silent")]


def test_a_delay_of_a_gateway_that_is_behind_waits_for_it_but_not_for_ever(
    bench: RuleBench,
) -> None:
    bench.see("level", 0.5, 1)
    bench.is_behind = lambda _key: True
    bench.clock.advance(11)
    assert bench.is_held("low_level", "level", 1)
    bench.clock.advance(28)
    assert bench.is_held("low_level", "level", 1)
    bench.clock.advance(2)
    assert bench.expire("low_level", "level", 1) == [("raised", "low_level", 1, None)]


def test_silence_is_judged_by_arrival_and_ends_with_a_good_value(bench: RuleBench) -> None:
    bench.clock.advance(100)
    bench.see("pressure", 3.0, 100)
    bench.clock.advance(120)
    assert bench.sweep() == []
    bench.clock.advance(1)
    assert bench.sweep() == [("raised", "silent", 220, None)]
    assert bench.see("pressure", None, 230, quality=Quality.BAD) == []
    assert bench.see("pressure", 3.0, 240) == [("returned", "silent", 240, None)]


def test_bad_quality_for_too_long_is_silence(bench: RuleBench) -> None:
    bench.clock.advance(100)
    bench.see("pressure", 3.0, 100)
    for at in range(110, 240, 10):
        bench.clock.advance(10)
        bench.see("pressure", None, at, quality=Quality.BAD)
    assert bench.sweep() == []
    bench.clock.advance(1)
    assert [one[:2] for one in bench.sweep()] == [("raised", "silent")]


def test_one_good_value_restarts_the_patience_with_bad_ones(bench: RuleBench) -> None:
    bench.clock.advance(100)
    for at in range(100, 300, 10):
        bench.clock.advance(10)
        quality = Quality.GOOD if at == 200 else Quality.BAD
        bench.see("pressure", 3.0, at, quality=quality)
    assert bench.sweep() == []


def test_another_class_brings_other_rules(bench: RuleBench) -> None:
    for one in bench.series.values():
        bench.engine.attach(one, equipment_class="unknown")
    assert bench.see("temperature", 99.0, 1) == []
    assert bench.quiet(sample(bench.series["fault"], 1, 2))
    for one in bench.series.values():
        bench.engine.attach(one, equipment_class="pump")
    assert bench.see("temperature", 81.0, 3) == [("raised", "hot", 3, None)]


@pytest.mark.parametrize("seed", range(20))
def test_random_readings_agree_with_a_plain_model(seed: int) -> None:
    """With repetitions and echoes of the past thrown in, raised and returned alternate exactly."""
    rng = random.Random(seed)  # noqa: S311 (repeatable, no secret)
    bench = RuleBench()
    active, expected, found = False, [], []
    history: list[tuple[float, float]] = []
    for at in range(1, 300):
        value = rng.uniform(60, 94)
        history.append((value, at))
        if not active and value > 80:
            active = True
            expected.append(("raised", "hot", at, None))
        elif active and value <= 75:
            active = False
            expected.append(("returned", "hot", at, None))
        found += bench.see("temperature", value, at)
        if rng.random() < 0.3:
            old_value, old_at = rng.choice(history)
            found += bench.see("temperature", old_value, old_at)
    assert found == expected
