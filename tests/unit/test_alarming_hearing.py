"""What may have been missed is noticed: the broker away, the server's clock ahead."""

import pytest

from server.alarming.hearing import Hearing
from server.alarms.evaluation.memory import Memory, Seen
from tests.fakes.rule_bench import RuleBench


def waiting(bench: RuleBench) -> None:
    """The level is low since 1 s; its delay runs."""
    bench.see("level", 0.5, 1)


def test_a_delay_of_before_the_broker_was_away_waits_for_the_backlog() -> None:
    bench, hears = RuleBench(), True
    hearing = Hearing(bench.engine, bench.clock, hears=lambda: hears)
    waiting(bench)
    assert hearing.look()
    hears = False
    assert not hearing.look()
    bench.clock.advance(12)
    assert bench.is_held("low_level", "level", 1)
    hears = True
    assert hearing.look()
    bench.clock.advance(14)
    assert bench.is_held("low_level", "level", 1)
    bench.clock.advance(2)
    assert bench.expire("low_level", "level", 1) == [("raised", "low_level", 1, None)]


def test_a_delay_that_began_after_the_broker_was_back_waits_for_nobody() -> None:
    bench, hears = RuleBench(), False
    hearing = Hearing(bench.engine, bench.clock, hears=lambda: hears)
    hearing.look()
    hears = True
    hearing.look()
    waiting(bench)
    bench.clock.advance(10)
    assert bench.expire("low_level", "level", 1) == [("raised", "low_level", 1, None)]


def test_a_clock_that_is_set_ahead_is_no_silence_and_ends_no_delay() -> None:
    bench = RuleBench()
    hearing = Hearing(bench.engine, bench.clock, hears=lambda: True)
    bench.clock.advance(100)
    bench.see("pressure", 3.0, 100)
    bench.see("level", 0.5, 100)
    bench.clock.utc_ms += 3_600_000
    hearing.look()
    assert bench.sweep() == []
    assert bench.is_held("low_level", "level", 100)
    assert bench.see("level", 2.0, 104) == []
    bench.clock.advance(60 + 121)
    assert [one[:2] for one in bench.sweep()] == [("raised", "silent")]


@pytest.mark.parametrize("seconds", [0, 5])
def test_what_a_start_finds_running_waits_until_a_birth_confirms_it(seconds: int) -> None:
    bench = RuleBench()
    level = bench.series["level"]
    began = Seen(bench.start + 1000, 0.5)
    bench.engine.restore({("pump.low_level", level.id): Memory(held=True, pending=began)})
    assert bench.engine.doubtful() == {"estate/gw"}
    assert bench.is_held("low_level", "level", 1)
    level.stands_at = began.at + seconds * 1000
    assert bench.expire("low_level", "level", 1) == [("raised", "low_level", 1, None)]
    assert bench.engine.doubtful() == set()


def test_it_waits_no_longer_than_its_bound_though_the_backlog_goes_on() -> None:
    bench = RuleBench()
    level = bench.series["level"]
    began = Seen(bench.start + 1000, 0.5)
    bench.engine.restore({("pump.low_level", level.id): Memory(held=True, pending=began)})
    for _ in range(3):
        bench.see("temperature", 20.0, 1, late=True)
        assert bench.is_held("low_level", "level", 1)
        bench.clock.advance(10)
    assert bench.expire("low_level", "level", 1) == [("raised", "low_level", 1, None)]
