"""Late readings complete the record; what is over is announced to nobody."""

import pytest

from server.alarms.evaluation.memory import LateRun, Seen
from server.alarms.evaluation.step import BACKLOG_QUIET_MS, LATE
from tests.fakes.pump_room import sample
from tests.fakes.rule_bench import Found, RuleBench


@pytest.fixture
def bench() -> RuleBench:
    """The pump is well at 100 s; what follows is the backlog."""
    made = RuleBench()
    made.clock.advance(100)
    made.see("temperature", 50.0, 10)
    made.see("temperature", 50.0, 100)
    return made


def end_late_run(bench: RuleBench, rule: str, point: str) -> list[Found]:
    bench.clock.advance(BACKLOG_QUIET_MS / 1000)
    step = bench.engine.end_late_run(f"pump.{rule}", bench.series[point].id)
    assert step is not None
    bench.engine.commit(step)
    return bench.found(step)


def test_a_run_that_began_and_ended_in_the_past_is_recorded(bench: RuleBench) -> None:
    assert bench.see("temperature", 85.0, 40, late=True) == []
    assert bench.see("temperature", 88.0, 50, late=True) == []
    assert bench.see("temperature", 60.0, 60, late=True) == [("past_run", "hot", 40, 60)]


def test_a_late_run_without_end_ends_where_the_point_is_known_to_be_well(bench: RuleBench) -> None:
    bench.see("temperature", 85.0, 40, late=True)
    assert end_late_run(bench, "hot", "temperature") == [("past_run", "hot", 40, 100)]


def test_an_active_alarm_gets_its_true_onset(bench: RuleBench) -> None:
    assert bench.see("temperature", 90.0, 110) == [("raised", "hot", 110, None)]
    assert bench.see("temperature", 85.0, 105, late=True) == []
    assert end_late_run(bench, "hot", "temperature") == [("earlier_onset", "hot", 105, None)]


def test_the_onset_is_corrected_at_once_when_the_backlog_reaches_the_alarm(
    bench: RuleBench,
) -> None:
    bench.see("temperature", 90.0, 110)
    bench.see("temperature", 90.0, 120)
    bench.see("temperature", 85.0, 105, late=True)
    assert bench.see("temperature", 70.0, 108, late=True) == [("past_run", "hot", 105, 108)]
    bench.see("temperature", 85.0, 109, late=True)
    assert bench.see("temperature", 91.0, 115, late=True) == [("earlier_onset", "hot", 109, None)]


def test_a_late_run_that_is_still_on_announces_itself_with_its_true_start() -> None:
    bench = RuleBench()
    assert bench.see("temperature", 85.0, 40, late=True) == []
    assert end_late_run(bench, "hot", "temperature") == [("raised", "hot", 40, None)]


def test_a_value_of_now_announces_the_late_run_at_once_with_its_true_start() -> None:
    bench = RuleBench()
    bench.see("temperature", 85.0, 40, late=True)
    assert bench.see("temperature", 86.0, 100) == [("raised", "hot", 40, None)]
    assert bench.see("temperature", 20.0, 101) == [("returned", "hot", 101, None)]


def test_a_normal_value_between_splits_the_late_run_from_a_new_alarm(bench: RuleBench) -> None:
    bench.see("temperature", 85.0, 40, late=True)
    assert bench.see("temperature", 86.0, 110) == [("raised", "hot", 110, None)]
    assert bench.see("temperature", 20.0, 60, late=True) == [("past_run", "hot", 40, 60)]


def test_a_late_value_may_end_what_is_announced(bench: RuleBench) -> None:
    bench.see("temperature", 90.0, 110)
    assert bench.see("temperature", 20.0, 120, late=True) == [("returned", "hot", 120, None)]


def test_a_late_run_that_is_still_on_waits_for_its_delay() -> None:
    bench = RuleBench()
    bench.see("level", 0.5, 10, late=True)
    bench.clock.advance(1)
    assert end_late_run(bench, "low_level", "level") == []
    assert bench.expire("low_level", "level", 10) == [("raised", "low_level", 10, None)]


def test_a_late_run_that_is_over_within_one_message_is_recorded_only() -> None:
    bench = RuleBench()
    series = bench.series["temperature"]
    step = bench.engine.evaluate(
        [
            sample(series, 85.0, bench.start + 40_000, late=True),
            sample(series, 60.0, bench.start + 60_000, late=True),
        ]
    )
    assert bench.found(step) == [("past_run", "hot", 40, 60)]


def test_the_backlog_does_not_touch_what_is_true_now(bench: RuleBench) -> None:
    bench.see("temperature", 90.0, 110)
    for at in range(20, 100, 10):
        assert bench.see("temperature", 50.0, at, late=True) == []
    assert bench.see("temperature", 50.0, 120) == [("returned", "hot", 120, None)]


def test_a_late_run_shorter_than_the_delay_is_no_alarm(bench: RuleBench) -> None:
    bench.see("level", 3.0, 100)
    bench.see("level", 0.5, 40, late=True)
    assert bench.see("level", 3.0, 49, late=True) == []
    bench.see("level", 0.5, 60, late=True)
    assert bench.see("level", 3.0, 70, late=True) == []
    assert bench.see("level", 3.0, 75, late=True) == [("past_run", "low_level", 60, 70)]


def test_an_open_late_run_is_a_timer(bench: RuleBench) -> None:
    series = bench.series["temperature"]
    step = bench.engine.evaluate([sample(series, 85.0, bench.start + 40_000, late=True)])
    (timer,) = step.timers()
    assert timer.kind == LATE
    assert timer.due_at == bench.clock.now_ms() + BACKLOG_QUIET_MS


def test_it_waits_while_the_backlog_still_comes(bench: RuleBench) -> None:
    bench.see("temperature", 85.0, 40, late=True)
    bench.clock.advance(BACKLOG_QUIET_MS / 1000 - 1)
    bench.see("temperature", 85.0, 50, late=True)
    bench.clock.advance(2)
    assert bench.engine.end_late_run("pump.hot", bench.series["temperature"].id) is None


def test_late_rules_with_a_condition_use_what_was_true_then(bench: RuleBench) -> None:
    bench.see_all([("run", True), ("pressure", 3.0)], 100)
    assert bench.see_all([("run", False), ("pressure", 0.0)], 40, late=True) == []
    assert bench.see_all([("run", True), ("pressure", 0.1)], 50, late=True) == []
    assert bench.see_all([("run", True), ("pressure", 2.0)], 60, late=True) == [
        ("past_run", "no_pressure", 50, 60)
    ]


def test_a_late_run_is_read_back_from_its_timer_whoever_wrote_it() -> None:
    run = LateRun(Seen(40, 85.0, heard_at=3), until=90, off=Seen(60, 50.0))
    assert LateRun.of(run.payload()) == run
    assert LateRun.of(LateRun(run.began).payload()) == LateRun(run.began)
    of_both = {"rule": "pump.hot", "point_id": 1}
    earlier = of_both | {"at": 40, "value": 85.0, "quality": 192, "heard_at": 3, "until": 90}
    off = of_both | {"at": 60, "value": 50.0, "quality": 192}
    assert LateRun.of(earlier | {"off": off}) == run
