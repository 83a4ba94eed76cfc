"""When the sentry is inspected: once at each time of the day, whatever the clock does."""

from datetime import datetime, time, timedelta

import pytest

from protocols.fire.session import Moment
from protocols.gb26875.sentry import SentryWatch

START = datetime(2026, 11, 29, 2, 29, 0)  # noqa: DTZ001 (the site's own)
TIMES = (time(2, 30), time(0, 0))


def at(seconds: float) -> Moment:
    return Moment(1000.0 + seconds, START + timedelta(seconds=seconds))


def due(watch: SentryWatch, begin_s: float, end_s: float, step_s: float = 0.5) -> list[str]:
    """The local times at which an inspection was due."""
    found: list[str] = []
    seconds = begin_s
    while seconds <= end_s:
        if watch.is_due(at(seconds)):
            found.append(f"{at(seconds).local:%H:%M:%S}")
        seconds += step_s
    return found


def test_each_time_is_due_once_a_day_also_midnight() -> None:
    watch = SentryWatch(TIMES, moment=at(0))
    day_s = 86_400
    found = due(watch, 0, 2 * day_s, step_s=7.0)
    assert [one[:5] for one in found] == ["02:30", "00:00", "02:30", "00:00"]


def test_a_start_or_a_clock_that_is_set_asks_nobody() -> None:
    watch = SentryWatch(TIMES, moment=at(61))
    assert due(watch, 62, 120) == []
    watch = SentryWatch(TIMES, moment=at(0))
    assert not watch.is_due(at(3600))
    assert not watch.is_due(at(0)), "back"
    assert due(watch, 1, 90) == ["02:30:00"]


@pytest.mark.parametrize("answered", [False, True])
def test_an_answer_that_does_not_come_is_missed_once(*, answered: bool) -> None:
    watch = SentryWatch(TIMES, moment=at(0))
    assert not watch.is_missed(at(1e6)), "nobody was asked"
    watch.asked(at(0), minutes=2)
    assert not watch.is_missed(at(120))
    if answered:
        watch.answered()
    assert watch.is_missed(at(121)) is not answered
    assert not watch.is_missed(at(122))
