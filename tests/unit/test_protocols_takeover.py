"""Two clients with one client id, told from brokers that go away and lines that break."""

from protocols.sparkplug.takeover import TakeoverWatch


def test_connections_closed_within_moments_by_a_broker_that_is_there_are_suspicious() -> None:
    watch = TakeoverWatch()
    watch.lost(86_400)
    assert (watch.suspected, watch.pause_s) == (False, 0)
    for _ in range(3):
        assert not watch.suspected
        watch.lost(0.2)
    assert (watch.suspected, watch.pause_s) == (True, 5)


def test_a_broker_that_is_restarted_again_and_again_is_not() -> None:
    watch = TakeoverWatch()
    for _ in range(30):
        watch.lost(0.5)
        watch.refused()
    assert (watch.suspected, watch.pause_s) == (False, 0)


def test_a_line_that_breaks_every_minute_is_not() -> None:
    watch = TakeoverWatch()
    for _ in range(30):
        watch.lost(60)
    assert not watch.suspected


def test_two_clients_leave_each_other_alone_for_longer_and_longer() -> None:
    watch = TakeoverWatch()
    for _ in range(3):
        watch.lost(0.2)
    pauses = [watch.pause_s]
    for _ in range(6):
        watch.lost(20)  # the other one was pausing
        pauses.append(watch.pause_s)
    assert pauses == [5, 10, 20, 40, 60, 60, 60]


def test_a_connection_that_lasts_or_a_broker_that_goes_away_ends_the_suspicion() -> None:
    for end in (lambda watch: watch.lost(301), lambda watch: watch.refused()):
        watch = TakeoverWatch()
        for _ in range(3):
            watch.lost(0.2)
        end(watch)
        assert (watch.suspected, watch.pause_s) == (False, 0)


def test_who_was_there_first_assumes_it_too_although_the_other_one_pauses() -> None:
    watch = TakeoverWatch()
    for lived_s in (86_400, 0.1, 0.1, 4.5):
        assert not watch.suspected
        watch.lost(lived_s)
    assert watch.suspected
