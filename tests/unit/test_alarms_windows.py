"""Rate of change, values that do not move, and expressions over several points."""

from typing import Any

import pytest

from config.classes import EquipmentClass
from config.conditions import RateCondition, StuckCondition
from protocols.reading import Quality
from server.alarms.evaluation.conditions import WindowState, advance, window_holds
from server.alarms.rulebook import RuleBook
from server.history.base import Row
from tests.fakes.pump_room import PUMP
from tests.fakes.rule_bench import RuleBench

MINUTE = 60_000
FALLING = RateCondition(
    kind="rate", point="temperature", direction="falling", change=5, within_s=60, deadband=1
)
STUCK = StuckCondition(kind="stuck", point="pressure", for_s=60, band=0.1)


def bench_with(name: str, condition: dict[str, Any], **more: Any) -> RuleBench:
    rule = {
        "name": {"en": name, "zh": name},
        "severity": "low",
        "cause": name,
        "condition": condition,
        **more,
    }
    content = PUMP.model_dump(mode="json", by_alias=True)
    content["rules"] = {name: rule}
    kind = EquipmentClass.model_validate(content, strict=False)
    return RuleBench(RuleBook({"pump": kind}))


def course(values: list[tuple[float, float]], hold_ms: int | None = None) -> WindowState:
    window: WindowState = None
    for at, value in values:
        window = advance(FALLING, window, value, at=round(at * 1000), hold_ms=hold_ms)
    return window


@pytest.mark.parametrize(
    ("values", "hold_ms", "falls"),
    [
        ([(0, 20.0)], None, False),
        ([(0, 20.0), (30, 15.0)], None, False),
        ([(0, 20.0), (30, 14.9)], None, True),
        ([(0, 20.0), (30, 17.0), (59, 14.9)], None, True),
        ([(0, 20.0), (30, 17.0), (90, 14.9)], None, False),
        # Reported by exception: 20 was in force until the value fell, an hour later.
        ([(0, 20.0), (3600, 14.0)], 3_600_000, True),
        ([(0, 20.0), (3600, 14.0)], 300_000, False),
        ([(0, 10.0), (10, 30.0), (20, 24.0)], None, True),
    ],
)
def test_a_fall_within_the_window(
    values: list[tuple[float, float]], hold_ms: int | None, *, falls: bool
) -> None:
    at = round(values[-1][0] * 1000)
    assert window_holds(FALLING, course(values, hold_ms), at=at, before=False) is falls


def test_the_deadband_of_a_rate_counts_on_the_way_back() -> None:
    window = course([(0, 20.0), (30, 15.5)])
    assert window_holds(FALLING, window, at=30_000, before=True) is True
    assert window_holds(FALLING, window, at=30_000, before=False) is False


def test_the_memory_of_a_window_is_bounded() -> None:
    window = course([(at / 10, float(at % 7)) for at in range(5000)])
    assert isinstance(window, tuple)
    assert len(window) <= 62


def test_a_value_that_leaves_the_band_is_not_stuck() -> None:
    window: WindowState = None
    for at, value in ((0, 1.0), (30_000, 1.05), (60_000, 0.95)):
        window = advance(STUCK, window, value, at=at, hold_ms=None)
    assert window_holds(STUCK, window, at=59_999, before=False) is False
    assert window_holds(STUCK, window, at=60_000, before=False) is True
    window = advance(STUCK, window, 1.2, at=61_000, hold_ms=None)
    assert window_holds(STUCK, window, at=61_000, before=True) is False


def rate_bench(**more: Any) -> RuleBench:
    return bench_with("falling", FALLING.model_dump(mode="json") | {"point": "temperature"}, **more)


def test_a_rate_is_raised_and_returns_when_the_window_has_passed() -> None:
    bench = rate_bench()
    assert bench.see("temperature", 20.0, 0) == []
    assert bench.see("temperature", 14.0, 30) == [("raised", "falling", 30, None)]
    assert bench.see("temperature", 13.9, 59) == []
    assert bench.see("temperature", 13.8, 95) == [("returned", "falling", 95, None)]


def test_a_rate_says_nothing_over_a_gap_of_quality() -> None:
    bench = rate_bench()
    bench.see("temperature", 20.0, 0)
    bench.see("temperature", None, 10, quality=Quality.BAD)
    assert bench.see("temperature", 10.0, 20) == []
    assert bench.see("temperature", 4.0, 30) == [("raised", "falling", 30, None)]


def test_a_rate_remembers_the_history_after_a_restart() -> None:
    bench = rate_bench()
    rows = [Row(bench.start - 20_000, 20.0, Quality.GOOD, "")]
    bench.engine.warm_start(lambda _series, _start, _end: rows)
    assert bench.see("temperature", 12.0, 0) == [("raised", "falling", 0, None)]
    # What comes again from before the restart was judged then.
    assert bench.see("temperature", 1.0, -20) == []


def test_a_fall_of_the_past_is_recorded() -> None:
    bench = rate_bench()
    bench.see("temperature", 20.0, 1000)
    for at, value in ((10, 20.0), (20, 10.0), (40, 10.0)):
        assert bench.see("temperature", value, at, late=True) == []
    assert bench.see("temperature", 10.0, 90, late=True) == [("past_run", "falling", 20, 90)]


def stuck_bench() -> RuleBench:
    return bench_with(
        "stuck", {"kind": "stuck", "point": "pressure", "for_s": 60}, **{"while": "run"}
    )


def test_a_stuck_value_is_raised_by_the_reading_that_proves_it() -> None:
    bench = stuck_bench()
    bench.see("run", value=True, at=0)
    for at in (1, 20, 40, 60):
        assert bench.see("pressure", 3.0, at) == []
    assert bench.see("pressure", 3.0, 61) == [("raised", "stuck", 61, None)]
    assert bench.see("pressure", 3.0, 70) == []
    assert bench.see("pressure", 3.1, 80) == [("returned", "stuck", 80, None)]


def test_a_value_may_stand_still_while_the_machine_does() -> None:
    bench = stuck_bench()
    bench.see("run", value=False, at=0)
    for at in range(1, 200, 20):
        assert bench.see("pressure", 3.0, at) == []
    assert bench.see("run", value=True, at=200) == []
    assert bench.see("pressure", 3.0, 210) == []
    assert bench.see("pressure", 3.0, 265) == []
    assert bench.see("pressure", 3.0, 270) == [("raised", "stuck", 270, None)]


def test_silence_is_not_stuck() -> None:
    bench = stuck_bench()
    bench.see("run", value=True, at=0)
    bench.see("pressure", 3.0, 1)
    bench.clock.advance(3600)
    assert bench.sweep() == []


def expression_bench(**more: Any) -> RuleBench:
    condition = {
        "kind": "expression",
        "point": "pressure",
        "when": "run and pressure < 1",
        "until": "pressure > 2",
    }
    return bench_with("dry", condition, **more)


def test_an_expression_over_several_points() -> None:
    bench = expression_bench()
    assert bench.see("pressure", 0.5, 1) == []
    assert bench.see("run", value=True, at=2) == [("raised", "dry", 2, None)]
    assert bench.see("pressure", 1.5, 3) == []
    assert bench.see("run", value=False, at=4) == []
    assert bench.see("pressure", 2.5, 5) == [("returned", "dry", 5, None)]


def test_an_expression_with_an_unknown_value_says_nothing() -> None:
    bench = expression_bench()
    bench.see_all([("run", True), ("pressure", 0.5)], 1)
    assert bench.see("pressure", None, 2, quality=Quality.BAD) == []
    assert bench.see("pressure", 3.0, 3) == [("returned", "dry", 3, None)]


def test_an_expression_waits_for_its_delay() -> None:
    bench = expression_bench(on_delay_s=10)
    bench.see_all([("run", True), ("pressure", 0.5)], 1)
    assert bench.see("pressure", 0.6, 12) == [("raised", "dry", 1, None)]


def test_an_expression_of_the_past_ends_where_the_present_is_known_to_be_well() -> None:
    bench = expression_bench()
    bench.see_all([("run", True), ("pressure", 3.0)], 100)
    assert bench.see_all([("run", True), ("pressure", 0.5)], 40, late=True) == []
    assert bench.see_all([("run", True), ("pressure", 2.5)], 60, late=True) == [
        ("past_run", "dry", 40, 60)
    ]


def test_what_was_remembered_for_another_kind_of_condition_is_forgotten() -> None:
    bench = stuck_bench()
    bench.see("run", value=True, at=0)
    for at in (1, 30, 61):
        bench.see("pressure", 3.0, at)
    rate = {
        "kind": "rate",
        "point": "pressure",
        "direction": "either",
        "change": 1,
        "within_s": 60,
    }
    kind = bench_with("stuck", rate, **{"while": "run"}).engine._register.book.classes["pump"]
    step = bench.engine.reload(RuleBook({"pump": kind}))
    bench.engine.commit(step)
    assert bench.see("pressure", 3.0, 70) == [("returned", "stuck", 70, None)]
    assert bench.see("pressure", 4.5, 80) == [("raised", "stuck", 80, None)]
