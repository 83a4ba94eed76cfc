"""Values that come in another order than they were taken, and clocks that are wrong."""

import pytest

from protocols.reading import Quality
from server.alarms.evaluation.memory import LateRun, Memory, Seen
from server.alarms.evaluation.step import BACKLOG_QUIET_MS
from server.history.base import LastValue, Row
from tests.fakes.pump_room import sample
from tests.fakes.rule_bench import Found, RuleBench
from tests.unit.test_alarms_windows import bench_with, stuck_bench


@pytest.fixture
def bench() -> RuleBench:
    return RuleBench()


def end_late_run(bench: RuleBench, rule: str, point: str) -> list[Found]:
    bench.clock.advance(BACKLOG_QUIET_MS / 1000)
    step = bench.engine.end_late_run(f"pump.{rule}", bench.series[point].id)
    assert step is not None
    bench.engine.commit(step)
    return bench.found(step)


def restart_with_a_running_delay(bench: RuleBench) -> None:
    """The level is low since 0 s, as the timer says; the server was away since."""
    level = bench.series["level"]
    level.last_at, level.last_value, level.last_quality = bench.start, 0.5, Quality.GOOD
    memory = Memory(held=True, pending=Seen(bench.start, 0.5), seen_at=bench.start)
    bench.engine.restore({("pump.low_level", level.id): memory})
    bench.clock.advance(60)


def test_a_delay_that_was_cut_short_unheard_raises_nothing(bench: RuleBench) -> None:
    restart_with_a_running_delay(bench)
    assert bench.see("level", 3.0, 2, late=True) == []
    assert bench.expire("low_level", "level", 0) == []


def test_neither_when_the_value_of_now_comes_first(bench: RuleBench) -> None:
    restart_with_a_running_delay(bench)
    assert bench.see("level", 3.0, 60) == []
    assert bench.see("level", 3.0, 2, late=True) == []
    assert end_late_run(bench, "low_level", "level") == []


def test_what_lasted_longer_than_its_delay_and_is_over_is_recorded(bench: RuleBench) -> None:
    restart_with_a_running_delay(bench)
    assert bench.see("level", 3.0, 60) == []
    assert bench.see("level", 3.0, 30, late=True) == []
    assert bench.see("level", 3.0, 36, late=True) == [("past_run", "low_level", 0, 30)]


def test_a_delay_that_began_anew_unheard_counts_from_its_new_beginning(bench: RuleBench) -> None:
    restart_with_a_running_delay(bench)
    assert bench.see("level", 0.4, 60) == []
    assert bench.see("level", 3.0, 2, late=True) == []
    assert bench.see("level", 0.5, 55, late=True) == []
    assert end_late_run(bench, "low_level", "level") == [("raised", "low_level", 55, None)]


def test_an_off_delay_that_was_cut_short_unheard_returns_nothing(bench: RuleBench) -> None:
    bench.see("level", 0.5, 0)
    bench.expire("low_level", "level", 0)
    bench.see("level", 3.0, 20)
    bench.engine.mark_unconfirmed()
    bench.engine.hear_again()
    assert bench.see("level", 0.5, 60) == []
    assert bench.see("level", 3.0, 70) == []
    assert bench.expire("low_level", "level", 70) == [("returned", "low_level", 70, None)]


def test_a_condition_of_the_past_is_known_from_other_messages(bench: RuleBench) -> None:
    """Live came first; the backlog has the pressure, the pump runs since before the gap."""
    bench.see_all([("run", True), ("pressure", 3.0)], 0)
    bench.see_all([("run", True), ("pressure", 3.0)], 600)
    assert bench.see("pressure", 0.1, 40, late=True) == []
    assert bench.see("pressure", 3.0, 60, late=True) == [("past_run", "no_pressure", 40, 60)]


def test_also_when_the_other_point_changed_meanwhile(bench: RuleBench) -> None:
    bench.see_all([("run", True), ("pressure", 3.0)], 0)
    bench.see_all([("run", False), ("pressure", 3.0)], 600)
    assert bench.see("pressure", 0.1, 40, late=True) == []
    assert bench.see("run", at=50, value=False, late=True) == [("past_run", "no_pressure", 40, 50)]
    assert bench.see("pressure", 0.2, 55, late=True) == []
    assert bench.see("run", at=70, value=True, late=True) == []
    assert bench.see("pressure", 3.0, 80, late=True) == [("past_run", "no_pressure", 70, 80)]


def test_also_when_the_server_was_started_in_the_gap(bench: RuleBench) -> None:
    run = LastValue(bench.series["run"].id, True, Quality.GOOD, bench.start, "")  # noqa: FBT003
    bench.engine.warm_start(lambda *_: [], newest=[run])
    bench.see_all([("run", True), ("pressure", 3.0)], 600)
    assert bench.see("pressure", 0.1, 40, late=True) == []
    assert bench.see("pressure", 3.0, 60, late=True) == [("past_run", "no_pressure", 40, 60)]


def test_values_of_one_chunk_do_not_see_the_future(bench: RuleBench) -> None:
    """The pump starts at 20 s; at 15 s its pressure may be low."""
    bench.see_all([("run", False), ("pressure", 3.0)], 0)
    run, pressure = bench.series["run"], bench.series["pressure"]
    samples = [
        sample(pressure, 0.1, bench.start + 15_000),
        sample(pressure, 3.0, bench.start + 18_000),
        sample(run, value=True, at=bench.start + 20_000),
    ]
    for one in samples:
        series = one.series
        series.last_at, series.last_value = one.taken_at, one.value
    step = bench.engine.evaluate(samples)
    assert bench.found(step) == []


def test_flaps_of_the_past_within_the_off_delay_are_one_run(bench: RuleBench) -> None:
    bench.see("level", 3.0, 600)
    for at in range(0, 100, 20):
        assert bench.see("level", 0.5, at, late=True) == []
        assert bench.see("level", 3.0, at + 17, late=True) == []
    assert bench.see("level", 3.0, 110, late=True) == [("past_run", "low_level", 0, 97)]


def test_a_late_run_on_which_the_off_delay_runs_ends_where_that_began(bench: RuleBench) -> None:
    bench.see("level", 3.0, 600)
    bench.see("level", 0.5, 10, late=True)
    bench.see("level", 3.0, 30, late=True)
    assert end_late_run(bench, "low_level", "level") == [("past_run", "low_level", 10, 30)]


def test_late_values_tell_when_an_alarm_had_returned_and_that_it_came_again(
    bench: RuleBench,
) -> None:
    assert bench.see("temperature", 90.0, 1) == [("raised", "hot", 1, None)]
    assert bench.see("temperature", 20.0, 600) == [("returned", "hot", 600, None)]
    assert bench.see("temperature", 91.0, 10, late=True) == []
    assert bench.see("temperature", 20.0, 20, late=True) == [("earlier_return", "hot", 20, None)]
    assert bench.see("temperature", 21.0, 25, late=True) == []
    assert bench.see("temperature", 90.0, 100, late=True) == []
    assert bench.see("temperature", 20.0, 200, late=True) == [("past_run", "hot", 100, 200)]


def test_what_lies_inside_the_deadband_is_no_return_of_the_past(bench: RuleBench) -> None:
    bench.see("temperature", 90.0, 1)
    assert bench.see("temperature", 77.0, 10, late=True) == []
    bench.see("temperature", 20.0, 600)
    assert bench.see("temperature", 77.0, 15, late=True) == []
    assert bench.see("temperature", 75.0, 20, late=True) == [("earlier_return", "hot", 20, None)]


def test_an_alarm_that_is_on_was_over_in_between(bench: RuleBench) -> None:
    bench.see("temperature", 90.0, 1)
    assert bench.see("temperature", 91.0, 600) == []
    assert bench.see("temperature", 20.0, 20, late=True) == [("split", "hot", 600, 20)]
    assert bench.see("temperature", 90.0, 100, late=True) == []
    assert bench.see("temperature", 20.0, 200, late=True) == [("past_run", "hot", 100, 200)]
    assert bench.see("temperature", 90.0, 500, late=True) == []
    assert end_late_run(bench, "hot", "temperature") == [("earlier_onset", "hot", 500, None)]
    assert bench.see("temperature", 20.0, 700) == [("returned", "hot", 700, None)]


def test_a_gap_shorter_than_the_off_delay_splits_nothing(bench: RuleBench) -> None:
    bench.see("level", 0.5, 1)
    bench.expire("low_level", "level", 1)
    bench.see("level", 0.5, 24)
    assert bench.see("level", 3.0, 20, late=True) == []


def test_a_delay_counts_from_the_arrival_of_what_began_it(bench: RuleBench) -> None:
    """The clock of the gateway is 20 s slow; ten seconds are ten seconds."""
    bench.clock.advance(100)
    now = bench.clock.now_ms()
    slow = sample(bench.series["level"], 0.5, now - 20_000)._replace(heard_at=now - 500)
    step = bench.engine.evaluate([slow])
    (timer,) = step.timers()
    assert timer.due_at == now - 500 + 10_000


def test_silence_ends_by_arrival_however_slow_the_clock_of_the_gateway_is(
    bench: RuleBench,
) -> None:
    bench.clock.advance(4000)
    assert [one[:2] for one in bench.sweep()] == [("raised", "silent")]
    assert [one[:2] for one in bench.see("pressure", 3.0, 400)] == [("returned", "silent")]
    bench.clock.advance(121)
    assert [one[:2] for one in bench.sweep()] == [("raised", "silent")]
    assert [one[:2] for one in bench.see("pressure", 3.0, 521)] == [("returned", "silent")]


def test_silence_is_raised_again_though_a_clock_ahead_has_dated_its_return(
    bench: RuleBench,
) -> None:
    bench.clock.advance(200)
    assert [one[:2] for one in bench.sweep()] == [("raised", "silent")]
    assert bench.see("pressure", 3.0, 450) == [("returned", "silent", 450, None)]
    bench.clock.advance(121)
    (raised,) = bench.sweep()
    assert raised == ("raised", "silent", 450, None)
    (found,) = bench.see("pressure", 3.0, 451)
    assert found[:2] == ("returned", "silent")


def silent_while_running() -> RuleBench:
    return bench_with(
        "silent", {"kind": "stale", "point": "pressure", "after_s": 120}, **{"while": "run"}
    )


def test_silence_counts_only_while_its_expression_is_true() -> None:
    bench = silent_while_running()
    bench.see_all([("run", False), ("pressure", 3.0)], 0)
    bench.clock.advance(300)
    assert bench.sweep() == []
    assert bench.see("run", at=300, value=True) == [("raised", "silent", 300, None)]
    assert bench.see("run", at=301, value=False) == [("returned", "silent", 301, None)]


def test_another_point_does_not_end_silence() -> None:
    bench = silent_while_running()
    bench.see_all([("run", True), ("pressure", 3.0)], 0)
    bench.clock.advance(300)
    assert [one[:2] for one in bench.sweep()] == [("raised", "silent")]
    assert bench.see("run", None, 301, quality=Quality.BAD) == []
    assert bench.see("run", at=302, value=True) == []
    assert bench.see("pressure", 3.1, 303) == [("returned", "silent", 303, None)]


def test_lost_connections_count_only_while_their_expression_is_true() -> None:
    bench = bench_with("gone", {"kind": "unreachable"}, **{"while": "run"})
    bench.see("run", at=1, value=False)
    bench.see("connection", at=2, value=False)
    step = bench.engine.judge_connections()
    assert bench.found(step) == []
    bench.engine.commit(step)
    assert bench.see("run", at=3, value=True) == [("raised", "gone", 3, None)]


def test_a_value_that_stood_still_while_the_machine_did_is_not_stuck_after_a_restart() -> None:
    bench = stuck_bench()
    run, pressure = bench.series["run"], bench.series["pressure"]
    rows = {
        run.id: [Row(bench.start - 110_000, False, Quality.GOOD, "")],  # noqa: FBT003
        pressure.id: [
            Row(bench.start - age, 3.0, Quality.GOOD, "") for age in range(100_000, 0, -10_000)
        ],
    }
    bench.engine.warm_start(lambda series, _start, _end: rows.get(series, []))
    assert bench.see_all([("run", True), ("pressure", 3.0)], 1) == []


def test_a_value_that_stood_still_while_the_machine_ran_is_stuck_after_a_restart() -> None:
    bench = stuck_bench()
    run, pressure = bench.series["run"], bench.series["pressure"]
    last = LastValue(run.id, True, Quality.GOOD, bench.start - 500_000, "")  # noqa: FBT003
    rows = [Row(bench.start - age, 3.0, Quality.GOOD, "") for age in range(100_000, 0, -10_000)]
    bench.engine.warm_start(
        lambda series, _start, _end: rows if series == pressure.id else [], newest=[last]
    )
    assert bench.see_all([("run", True), ("pressure", 3.0)], 1) == [("raised", "stuck", 1, None)]


def test_an_open_late_run_waits_for_the_backlog_after_a_start_too(bench: RuleBench) -> None:
    memory = Memory(late=LateRun(Seen(bench.start, 85.0)))
    hot = bench.series["temperature"]
    bench.engine.restore({("pump.hot", hot.id): memory})
    assert bench.engine.end_late_run("pump.hot", hot.id) is None
    assert end_late_run(bench, "hot", "temperature") == [("raised", "hot", 0, None)]


def test_what_is_handed_over_meanwhile_is_evaluated(bench: RuleBench) -> None:
    """A timer is committed while the ingest has values of that series in its hands."""
    level = bench.series["level"]
    bench.see("level", 0.5, 1)
    level.undecided, (level.no_change_low, level.no_change_high) = 1, (1.0, 0.0)
    bench.expire("low_level", "level", 1)
    assert not bench.quiet(sample(level, 0.6, bench.start + 20_000))
    bench.see("level", 3.0, 19)
    assert level.undecided == 0
    assert bench.quiet(sample(level, 3.0, bench.start + 21_000))
