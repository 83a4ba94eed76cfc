"""Quiet hours hold messages back, urgent ones never."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.messages.receivers import CHINA, QuietHours, hold_until

NIGHT = QuietHours(time(22, 0), time(7, 0))
NOON = QuietHours(time(12, 0), time(13, 30))


def at(text: str) -> int:
    """China time of 2026-11-22 (or with a day) as UTC ms."""
    day, _, clock = text.rpartition(" ")
    moment = datetime.fromisoformat(f"2026-11-{day or '22'}T{clock}").replace(tzinfo=CHINA)
    return round(moment.timestamp() * 1000)


@pytest.mark.parametrize(
    ("quiet", "now", "until"),
    [
        (NIGHT, "21:59:59.999", "21:59:59.999"),
        (NIGHT, "22:00", "23 07:00"),
        (NIGHT, "23:30", "23 07:00"),
        (NIGHT, "00:00", "07:00"),
        (NIGHT, "06:59:59.999", "07:00"),
        (NIGHT, "07:00", "07:00"),
        (NOON, "11:59", "11:59"),
        (NOON, "12:00", "13:30"),
        (NOON, "13:30", "13:30"),
        (None, "03:00", "03:00"),
        (QuietHours(time(8), time(8)), "08:00", "08:00"),
    ],
)
def test_messages_wait_for_the_end_of_the_quiet_hours(
    quiet: QuietHours | None, now: str, until: str
) -> None:
    assert hold_until(quiet, "high", at(now)) == at(until)
    assert hold_until(quiet, "urgent", at(now)) == at(now)


def test_a_clock_change_in_the_night_ends_it_at_the_local_hour() -> None:
    berlin = QuietHours(time(22), time(7), ZoneInfo("Europe/Berlin"))
    before = round(datetime(2026, 10, 24, 21, 30, tzinfo=UTC).timestamp() * 1000)
    after = round(datetime(2026, 10, 25, 6, 0, tzinfo=UTC).timestamp() * 1000)
    assert hold_until(berlin, "low", before) == after


@given(
    now=st.integers(1_700_000_000_000, 1_900_000_000_000),
    begins=st.times().map(lambda one: one.replace(tzinfo=None)),
    ends=st.times().map(lambda one: one.replace(tzinfo=None)),
)
def test_nothing_waits_longer_than_a_day_or_again_at_the_end(
    now: int, begins: time, ends: time
) -> None:
    quiet = QuietHours(begins, ends)
    until = hold_until(quiet, "medium", now)
    assert now <= until <= now + timedelta(days=1) / timedelta(milliseconds=1)
    assert hold_until(quiet, "medium", until + 1) <= until + 1 or begins == ends or until == now
