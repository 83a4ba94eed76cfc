"""Every instant has exactly the duty that the pattern says."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.people import DAYS, RosterSettings, ShiftSettings, TeamSettings
from server.people.calendar import is_workday
from server.people.duty import Change, begins_on, spans_of, uncovered

HOUR = 3_600_000
DAY = 24 * HOUR
ZONE = ZoneInfo("Asia/Shanghai")
MONDAY = datetime(2026, 11, 23, tzinfo=ZONE)


def ms(text: str) -> int:
    """Local time, such as "2026-11-23 08:00", as UTC ms."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp() * 1000)


def roster(*shifts: dict[str, Any], **more: Any) -> RosterSettings:
    return RosterSettings.model_validate({"name": "r", "shifts": shifts, **more})


def shift(start: str, end: str, *persons: str, **more: Any) -> dict[str, Any]:
    return {"start": start, "end": end, "persons": persons, **more}


def duty(
    plan: RosterSettings, start: str, end: str, *changes: Change, **more: Any
) -> list[tuple[str, str, str]]:
    spans = spans_of(
        plan, teams=more.get("teams", {}), changes=changes, start=ms(start), end=ms(end)
    )
    return [(local(one.start), local(one.end), one.person) for one in spans if one.part == "duty"]


def local(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1000, UTC).astimezone(ZONE):%m-%d %H:%M}"


BESIDE_EDGES = {0, 1, 19, 20, 21, 58, 59}
"""Minutes of an hour at which the duty of these clocks may change, and those beside them."""

clocks = st.builds(lambda h, m: f"{h:02}:{m:02}", st.integers(0, 23), st.sampled_from([0, 20, 59]))
shifts = st.builds(
    lambda start, end, days, who: shift(start, end, who, days=sorted(days)),
    clocks,
    clocks,
    st.sets(st.sampled_from(DAYS), min_size=1),
    st.sampled_from(["a", "b", "c"]),
)


def expected(plan: RosterSettings, at: datetime) -> set[str]:
    """Who is on duty by the plainest reading of the pattern: weekday and hands of the clock."""
    clock = f"{at:%H:%M}"
    today, yesterday = DAYS[at.weekday()], DAYS[(at.weekday() - 1) % 7]
    present: set[str] = set()
    for one in plan.shifts:
        if one.end > one.start:
            on = today in one.days and one.start <= clock < one.end
        else:
            on = (today in one.days and clock >= one.start) or (
                yesterday in one.days and clock < one.end
            )
        if on:
            present.update(one.persons)
    return present


@given(st.lists(shifts, min_size=1, max_size=5))
def test_every_instant_of_a_week_has_exactly_the_duty_of_the_pattern(
    patterns: list[dict[str, Any]],
) -> None:
    plan = roster(*patterns)
    start = int(MONDAY.timestamp() * 1000)
    spans = spans_of(plan, teams={}, start=start, end=start + 7 * DAY)
    present: list[set[str]] = [set() for _ in range(7 * 24 * 60)]
    for one in spans:
        for minute in range((one.start - start) // 60_000, (one.end - start) // 60_000):
            present[minute].add(one.person)
    for minute, found in enumerate(present):
        if minute % 60 in BESIDE_EDGES:
            assert found == expected(plan, MONDAY + timedelta(minutes=minute))


def test_a_week_of_duty_looks_once_at_each_shift_and_day() -> None:
    asked: list[date] = []

    def workday(day: date) -> bool:
        asked.append(day)
        return True

    plan = roster(*(shift("08:00", "20:00", f"p{n}", days=["workday"]) for n in range(100)))
    start = int(MONDAY.timestamp() * 1000)
    spans = spans_of(plan, teams={}, start=start, end=start + 7 * DAY, workday=workday)
    assert len(spans) == 100 * 7
    # The day before may reach into the week, and the last instant is on the day after it.
    assert len(asked) == 100 * 9


def test_a_shift_over_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    plan = roster(shift("20:00", "08:00", "wang", days=["fri"]))
    assert duty(plan, "2026-11-23 00:00", "2026-11-30 00:00") == [
        ("11-27 20:00", "11-28 08:00", "wang")
    ]
    assert duty(plan, "2026-11-28 03:00", "2026-11-28 04:00") == [
        ("11-28 03:00", "11-28 04:00", "wang")
    ]


def test_the_same_hour_twice_is_a_whole_day() -> None:
    plan = roster(shift("08:00", "08:00", "wang", days=["sun"]))
    assert duty(plan, "2026-11-24 00:00", "2026-12-01 00:00") == [
        ("11-29 08:00", "11-30 08:00", "wang")
    ]


def test_one_day_on_and_two_off_comes_round_whatever_the_weekday() -> None:
    cycle = {"since": "2026-11-21", "length": 3, "days": [0]}
    plan = roster(shift("08:00", "08:00", "wang", cycle=cycle))
    assert duty(plan, "2026-11-23 00:00", "2026-12-01 00:00") == [
        ("11-24 08:00", "11-25 08:00", "wang"),
        ("11-27 08:00", "11-28 08:00", "wang"),
        ("11-30 08:00", "12-01 00:00", "wang"),
    ]


@pytest.mark.parametrize(
    ("day", "works"),
    [
        ("2026-02-14", True),  # Saturday before Spring Festival, made up for
        ("2026-02-16", False),  # Monday of Spring Festival
        ("2026-10-10", True),  # Saturday after National Day
        ("2026-10-08", True),
        ("2026-10-07", False),
        ("2026-11-22", False),  # an ordinary Sunday
        ("2027-02-08", False),  # Spring Festival of a year that was not announced yet
        ("2027-10-01", False),
        ("2027-03-10", True),
    ],
)
def test_public_holidays_and_make_up_workdays(day: str, works: bool) -> None:  # noqa: FBT001
    plan = ShiftSettings.model_validate(shift("08:00", "17:00", days=["workday"]))
    rest = ShiftSettings.model_validate(shift("08:00", "17:00", days=["day_off"]))
    assert begins_on(plan, date.fromisoformat(day)) is works
    assert begins_on(rest, date.fromisoformat(day)) is not works
    assert is_workday(date.fromisoformat(day)) is works


def test_teams_are_on_duty_and_their_leader_leads() -> None:
    teams = {
        "night": TeamSettings.model_validate(
            {"name": "Night", "members": ["wang", "sun"], "leader": "li"}
        )
    }
    plan = roster({"start": "20:00", "end": "08:00", "teams": ["night"], "persons": ["sun"]})
    spans = spans_of(plan, teams=teams, start=ms("2026-11-23 21:00"), end=ms("2026-11-23 22:00"))
    assert [(one.person, one.part) for one in spans] == [
        ("li", "leader"),
        ("sun", "duty"),
        ("wang", "duty"),
    ]


ALWAYS = roster(shift("08:00", "20:00", "wang"), shift("20:00", "08:00", "sun"))


def test_somebody_stands_in_for_exactly_the_hours_that_were_his() -> None:
    ill = Change(ms("2026-11-24 12:00"), ms("2026-11-25 12:00"), off="wang", on="li")
    assert duty(ALWAYS, "2026-11-24 08:00", "2026-11-25 20:00", ill) == [
        ("11-24 08:00", "11-24 12:00", "wang"),
        ("11-24 12:00", "11-24 20:00", "li"),
        ("11-24 20:00", "11-25 08:00", "sun"),
        ("11-25 08:00", "11-25 12:00", "li"),
        ("11-25 12:00", "11-25 20:00", "wang"),
    ]


def test_a_swap_is_two_changes() -> None:
    one = Change(ms("2026-11-24 08:00"), ms("2026-11-24 20:00"), off="wang", on="sun")
    other = Change(ms("2026-11-24 20:00"), ms("2026-11-25 08:00"), off="sun", on="wang")
    assert duty(ALWAYS, "2026-11-24 08:00", "2026-11-25 08:00", one, other) == [
        ("11-24 08:00", "11-24 20:00", "sun"),
        ("11-24 20:00", "11-25 08:00", "wang"),
    ]


def test_two_people_swap_a_whole_day() -> None:
    day = ms("2026-11-24 00:00"), ms("2026-11-25 00:00")
    one = Change(*day, off="wang", on="sun", batch=1)
    other = Change(*day, off="sun", on="wang", batch=1)
    swapped = [
        ("11-24 00:00", "11-24 08:00", "wang"),
        ("11-24 08:00", "11-24 20:00", "sun"),
        ("11-24 20:00", "11-25 00:00", "wang"),
    ]
    assert duty(ALWAYS, "2026-11-24 00:00", "2026-11-25 00:00", one, other) == swapped
    assert duty(ALWAYS, "2026-11-24 00:00", "2026-11-25 00:00", other, one) == swapped


def test_what_is_written_later_sees_what_was_written_before() -> None:
    day = ms("2026-11-24 08:00"), ms("2026-11-24 20:00")
    ill = Change(*day, off="wang", on="sun", batch=1)
    then = Change(*day, off="sun", on="li", batch=2)
    assert duty(ALWAYS, "2026-11-24 08:00", "2026-11-24 20:00", ill, then) == [
        ("11-24 08:00", "11-24 20:00", "li")
    ]


def test_people_may_be_added_and_may_be_missing() -> None:
    more = Change(ms("2026-11-24 10:00"), ms("2026-11-24 11:00"), off=None, on="li")
    less = Change(ms("2026-11-24 18:00"), ms("2026-11-24 22:00"), off="wang", on=None)
    assert duty(ALWAYS, "2026-11-24 08:00", "2026-11-24 20:00", more, less) == [
        ("11-24 08:00", "11-24 18:00", "wang"),
        ("11-24 10:00", "11-24 11:00", "li"),
    ]


def test_an_hour_that_a_clock_change_repeats_is_covered_twice_as_long() -> None:
    plan = roster(shift("00:00", "06:00", "wang"), time_zone="Europe/Berlin")
    zone = ZoneInfo("Europe/Berlin")
    start = int(datetime(2026, 10, 25, tzinfo=zone).timestamp() * 1000)
    (span,) = spans_of(plan, teams={}, start=start, end=start + 12 * HOUR)
    assert span.end - span.start == 7 * HOUR


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], [(0, 10)]),
        ([(0, 10)], []),
        ([(2, 4), (3, 6)], [(0, 2), (6, 10)]),
        ([(0, 4), (4, 10)], []),
        ([(-5, 1), (9, 20)], [(1, 9)]),
        ([(1, 9), (2, 3)], [(0, 1), (9, 10)]),
        ([(11, 12)], [(0, 10)]),
    ],
)
def test_what_no_span_covers(spans: list[tuple[int, int]], expected: list[tuple[int, int]]) -> None:
    assert uncovered(spans, start=0, end=10) == expected
