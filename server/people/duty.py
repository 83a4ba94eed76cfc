"""Who is on duty when; pure. A roster's pattern becomes spans of UTC milliseconds."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import Literal
from zoneinfo import ZoneInfo

from config.people import DAYS, Day, RosterSettings, ShiftSettings, TeamSettings
from server.people.calendar import IsWorkday, is_workday

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A person's duty without a break, from ``start`` until just before ``end``, UTC ms."""

    start: int
    end: int
    person: str
    part: Literal["duty", "leader"] = "duty"
    roster: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """An exception to the pattern, UTC ms."""

    start: int
    end: int
    off: str | None
    on: str | None
    batch: int | None = None
    """Those of one batch look at the roster as it was before all of them; None: on its own."""


def spans_of(
    roster: RosterSettings,
    *,
    key: str = "",
    teams: Mapping[str, TeamSettings],
    changes: Iterable[Change] = (),
    start: int,
    end: int,
    workday: IsWorkday = is_workday,
) -> list[Span]:
    """Return the duty of everybody between two instants, the changes applied, in order."""
    spans = list(_pattern(roster, key=key, teams=teams, start=start, end=end, workday=workday))
    for together in _batches(changes):
        spans = _changed(spans, together, key=key)
    clipped = (replace(one, start=max(one.start, start), end=min(one.end, end)) for one in spans)
    return sorted({one for one in clipped if one.start < one.end})


def begins_on(shift: ShiftSettings, day: date, *, workday: IsWorkday = is_workday) -> bool:
    """Return whether the shift begins on that local date."""
    if shift.cycle is not None:
        since = date.fromisoformat(shift.cycle.since)
        if (day - since).days % shift.cycle.length not in shift.cycle.days:
            return False
    return begins_on_days(shift.days, day, workday=workday)


def begins_on_days(days: Sequence[Day], day: date, *, workday: IsWorkday = is_workday) -> bool:
    """Return whether a local date is one of the days; none: every day is."""
    if not days or DAYS[day.weekday()] in days:
        return True
    return ("workday" if workday(day) else "day_off") in days


def uncovered(spans: Iterable[tuple[int, int]], *, start: int, end: int) -> list[tuple[int, int]]:
    """Return what the spans leave uncovered between two instants."""
    found: list[tuple[int, int]] = []
    reached = start
    for one_start, one_end in sorted(spans):
        if one_start >= end:
            break
        if one_start > reached:
            found.append((reached, one_start))
        reached = max(reached, one_end)
    if reached < end:
        found.append((reached, end))
    return found


def local(at: int, zone: ZoneInfo) -> datetime:
    """Return UTC milliseconds as local time."""
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(zone)


def instant(day: date, clock: str, zone: ZoneInfo) -> int:
    """Return local time as UTC milliseconds."""
    return int(datetime.combine(day, time.fromisoformat(clock), zone).timestamp() * 1000)


def _pattern(
    roster: RosterSettings,
    *,
    key: str,
    teams: Mapping[str, TeamSettings],
    start: int,
    end: int,
    workday: IsWorkday,
) -> Iterator[Span]:
    zone = ZoneInfo(roster.time_zone)
    last = local(end, zone).date()
    for shift in roster.shifts:
        persons = _persons(shift, teams)
        leader = _leader(shift, teams) or roster.leader
        # A shift of yesterday may reach over midnight into the first hours.
        day = local(start, zone).date() - DAY
        while day <= last:
            if begins_on(shift, day, workday=workday):
                after = day if shift.end > shift.start else day + DAY
                begin, until = instant(day, shift.start, zone), instant(after, shift.end, zone)
                yield from (Span(begin, until, person, roster=key) for person in persons)
                if leader is not None:
                    yield Span(begin, until, leader, "leader", roster=key)
            day += DAY


def _persons(shift: ShiftSettings, teams: Mapping[str, TeamSettings]) -> Sequence[str]:
    members = (name for team in shift.teams if team in teams for name in teams[team].members)
    return tuple(dict.fromkeys((*shift.persons, *members)))


def _leader(shift: ShiftSettings, teams: Mapping[str, TeamSettings]) -> str | None:
    if shift.leader is not None:
        return shift.leader
    leaders = (teams[team].leader for team in shift.teams if team in teams)
    return next((one for one in leaders if one is not None), None)


def _batches(changes: Iterable[Change]) -> Iterator[Sequence[Change]]:
    for batch, together in groupby(changes, key=lambda one: one.batch):
        if batch is not None:
            yield list(together)
            continue
        for alone in together:
            yield [alone]


def _changed(spans: Iterable[Span], changes: Sequence[Change], *, key: str) -> list[Span]:
    result: list[Span] = []
    for one in spans:
        rest = [one]
        for change in changes:
            start, end = max(one.start, change.start), min(one.end, change.end)
            if change.off != one.person or start >= end:
                continue
            if change.on is not None:
                result.append(replace(one, start=start, end=end, person=change.on))
            rest = [left for part in rest for left in _without(part, start, end)]
        result += rest
    result += [
        Span(change.start, change.end, change.on, roster=key)
        for change in changes
        if change.off is None and change.on is not None
    ]
    return result


def _without(span: Span, start: int, end: int) -> Iterator[Span]:
    for left in (
        replace(span, end=min(span.end, start)),
        replace(span, start=max(span.start, end)),
    ):
        if left.start < left.end:
            yield left
