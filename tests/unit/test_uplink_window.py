"""How much of the backlog may be under way, on ways of every width."""

import pytest

from edge_agent.uplink.window import LEAST_READINGS, AckTimes, Outflow, Window


class Way:
    """Takes ``width`` readings a second and answers ``idle_s`` later; always as full as allowed."""

    def __init__(self, *, width: float, idle_s: float) -> None:
        self.window = Window(rate=5000)
        self.width, self.idle_s = width, idle_s
        self.now_s = 0.0

    def live(self, seconds: float) -> float:
        """Return the longest that anything waited in the last half of this time."""
        began_s, longest_s = self.now_s, 0.0
        while self.now_s < began_s + seconds:
            under_way = self.window.readings
            took_s = max(self.idle_s, under_way / self.width)
            self.now_s += took_s
            self.window.took(took_s, self.now_s, under_way=under_way)
            if self.now_s > began_s + seconds / 2:
                longest_s = max(longest_s, took_s)
        return longest_s


@pytest.mark.parametrize(("width", "idle_s"), [(400, 0.05), (2000, 0.3), (100_000, 0.3)])
def test_the_queue_stays_short_and_the_way_busy_for_hours(width: float, idle_s: float) -> None:
    way = Way(width=width, idle_s=idle_s)
    assert way.live(7200) <= max(idle_s, LEAST_READINGS / width) + 0.5
    assert way.window.readings >= min(5000, width) * idle_s


def test_a_host_that_acknowledges_late_but_takes_everything_is_kept_busy() -> None:
    way = Way(width=100_000, idle_s=4.0)
    way.live(3600)
    assert max(way.window.readings, way.window._afterwards or 0) / 4.0 >= 5000


def test_the_way_may_become_narrow_and_wide_again() -> None:
    way = Way(width=100_000, idle_s=0.3)
    way.live(600)
    wide = way.window.readings
    way.width = 300
    assert way.live(120) <= 0.9
    way.width = 100_000
    way.live(120)
    assert way.window.readings > wide / 2


def test_what_is_acknowledged_or_given_up_is_no_longer_under_way() -> None:
    window = Window(rate=5000)
    for offset in range(10):
        window.sent(offset, 20)
    window.sent(3, 20)
    assert window.under_way == 200
    window.gone([(0, 3), (100, 10**12)])
    window.gone([(2, 4)])
    assert (window.under_way, window.room) == (100, window.readings - 100)
    window.forget()
    assert window.under_way == 0


def test_one_message_is_followed_until_it_is_answered() -> None:
    times = AckTimes()
    times.sent(5, 1.0, under_way=7)
    times.sent(6, 2.0, under_way=8)
    assert times.acknowledged([(6, 9)], 3.0) is None
    assert times.acknowledged([(0, 5)], 4.0) == 7
    assert times.latest_s == 3.0
    assert times.acknowledged([(0, 9)], 5.0) is None


def test_the_message_behind_much_of_the_window_is_followed_rather_than_one_in_front() -> None:
    times = AckTimes()
    times.sent(5, 1.0, under_way=7)
    times.sent(6, 2.0, under_way=300, heavy=True)
    times.sent(7, 2.5, under_way=400, heavy=True)
    assert times.acknowledged([(5, 5)], 3.0) is None
    assert times.acknowledged([(6, 7)], 4.0) == 300
    assert times.latest_s == 2.0


def test_a_message_that_is_never_answered_does_not_end_the_measuring() -> None:
    times = AckTimes()
    times.sent(5, 0.0, under_way=1)
    times.sent(6, 61.0, under_way=2)
    assert times.acknowledged([(6, 6)], 62.0) == 2


def test_half_a_second_of_what_the_connection_takes_may_be_queued() -> None:
    outflow = Outflow()
    for step in range(10):
        outflow.look(step / 10, passed_bytes=step * 4000, queued_bytes=50_000)
    assert outflow.most_bytes == 20_000
    for step in range(10):
        outflow.look(2 + step / 10, passed_bytes=40_000 + step * 10**6, queued_bytes=50_000)
    assert outflow.most_bytes == 250_000


def test_an_idle_connection_says_nothing_about_its_speed() -> None:
    outflow = Outflow()
    before = outflow.most_bytes
    for step in range(10):
        outflow.look(step, passed_bytes=step * 10, queued_bytes=0)
    assert outflow.most_bytes == before
