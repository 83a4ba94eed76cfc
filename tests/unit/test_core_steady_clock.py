"""What waits does not wait longer because somebody turns the machine's clock."""

from server.core.steady_clock import SteadyClock
from tests.fakes.agent_clock import FakeClock

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def test_it_says_what_the_machine_says() -> None:
    wall = FakeClock()
    clock = SteadyClock(wall)
    wall.advance(10)
    assert clock.now_ms() == wall.now_ms()


def test_turned_back_by_an_hour_it_goes_on_and_is_true_again_after_ten() -> None:
    wall = FakeClock()
    clock = SteadyClock(wall)
    before = clock.now_ms()
    wall.utc_ms -= HOUR_MS
    assert clock.now_ms() == before
    wall.advance(10)
    assert clock.now_ms() == before + 9_000
    for _ in range(9 * 60):
        wall.advance(60)
        assert clock.now_ms() > wall.now_ms()
    wall.advance(3600)
    assert clock.now_ms() == wall.now_ms()


def test_a_jump_ahead_is_followed_at_once() -> None:
    wall = FakeClock()
    clock = SteadyClock(wall)
    wall.utc_ms += HOUR_MS
    assert clock.now_ms() == wall.now_ms()
    wall.utc_ms -= HOUR_MS
    assert clock.now_ms() == wall.now_ms() + HOUR_MS


def test_a_start_goes_on_at_the_newest_record() -> None:
    wall = FakeClock()
    clock = SteadyClock(wall)
    clock.start(wall.now_ms() + HOUR_MS)
    assert clock.now_ms() == wall.now_ms() + HOUR_MS
    clock.start(wall.now_ms() - HOUR_MS)
    assert clock.now_ms() == wall.now_ms() + HOUR_MS


def test_a_start_leaves_a_clock_alone_that_may_be_right() -> None:
    wall = FakeClock()
    clock = SteadyClock(wall)
    clock.start(wall.now_ms() + 300_000, tolerance_ms=300_000)
    assert clock.now_ms() == wall.now_ms()
    clock.start(wall.now_ms() + 25 * HOUR_MS, tolerance_ms=300_000)
    assert clock.now_ms() == wall.now_ms() + 25 * HOUR_MS


def test_what_was_mad_is_not_followed() -> None:
    wall = FakeClock()
    clock = SteadyClock(wall)
    clock.start(wall.now_ms() + 2 * DAY_MS)
    assert clock.now_ms() == wall.now_ms()
    wall.utc_ms += 30 * DAY_MS
    clock.now_ms()
    wall.utc_ms -= 30 * DAY_MS
    assert clock.now_ms() == wall.now_ms()
