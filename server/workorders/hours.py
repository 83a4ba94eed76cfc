"""Time that counts: the service hours of an estate, without the pauses; pure."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from config.work_orders import ServiceHours
from server.people.calendar import IsWorkday, is_workday
from server.people.duty import begins_on_days, instant, local

Span = tuple[int, int]
"""From an instant until just before another, UTC ms."""
_DAY = timedelta(days=1)
_FOREVER_MS = 100 * 365 * 86_400_000
_MOST_DAYS = 800
"""Longest look ahead; further away nothing is due."""


def service_spans(
    hours: ServiceHours | None, since: int, *, workday: IsWorkday = is_workday
) -> Iterator[Span]:
    """Yield the hours of service from an instant on, in order and apart; None: every hour."""
    if hours is None:
        yield since, since + _FOREVER_MS
        return
    zone = ZoneInfo(hours.time_zone)
    # A shift of yesterday may reach over midnight into the first hours.
    day = local(since, zone).date() - _DAY
    reached = since
    for _ in range(_MOST_DAYS):
        for start, end in sorted(_of_day(hours, day, zone, workday)):
            if end > reached:
                yield max(start, reached), end
                reached = end
        day += _DAY


def _of_day(hours: ServiceHours, day: date, zone: ZoneInfo, workday: IsWorkday) -> Iterator[Span]:
    for shift in hours.shifts:
        if begins_on_days(shift.days, day, workday=workday):
            after = day if shift.end > shift.start else day + _DAY
            yield instant(day, shift.start, zone), instant(after, shift.end, zone)


def due_after(since: int, counted_ms: int, *, spans: Iterable[Span], pauses: Sequence[Span]) -> int:
    """Return when so much time has counted since an instant.

    Args:
        since: UTC ms.
        counted_ms: Time of the spans that is not paused.
        spans: What counts, in order.
        pauses: What does not, in order.
    """
    left, reached = counted_ms, since
    for begin, end in _without(spans, pauses):
        if end <= since:
            continue
        length = end - max(begin, since)
        if left <= length:
            return max(begin, since) + left
        left, reached = left - length, end
    return reached + left


def _without(spans: Iterable[Span], pauses: Sequence[Span]) -> Iterator[Span]:
    for start, end in spans:
        begin = start
        for pause_start, pause_end in pauses:
            if pause_end <= begin or pause_start >= end:
                continue
            if pause_start > begin:
                yield begin, pause_start
            begin = max(begin, pause_end)
        if begin < end:
            yield begin, end
