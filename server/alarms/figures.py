"""How well the alarms serve people: the figures of ISA-18.2, from what people were told.

Counted are announcements: an alarm that is announced again counts again. Rows of the past never
change, so neither do the figures of a past day. A duty room watches one estate, so floods and
loads are found for each estate by itself.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, TypeAlias

from sqlalchemy import ColumnElement, distinct, func, select, true
from sqlalchemy.orm import Session

from server.alarms.floods import WINDOW_MS
from server.alarms.model import Alarm, AlarmAnnouncement, AlarmChange
from server.alarms.suppression.outages import AWAITING_OUTAGE
from server.assets.model import Equipment, Site

BIN_MS = WINDOW_MS
Within: TypeAlias = Sequence[ColumnElement[bool]]
"""Conditions on the equipment that is looked at; none: all of it."""
STALE_MS = 86_400_000
_TOP = 10


class Announced(NamedTuple):
    """One announcement."""

    rule: str
    point_id: int
    equipment_id: int
    site_id: int
    severity: str
    at: int
    alarm_id: int = 0


class Flooding(NamedTuple):
    """When a flood begins and ends, in alarms of an estate in ten minutes."""

    starts: int
    """More than this."""
    ends: int
    """Fewer than this."""


class Bin(NamedTuple):
    """Ten minutes."""

    start: int
    alarms: int
    per_operator: float
    flood: bool
    """Of any estate."""


class Frequent(NamedTuple):
    """One of those that come most often."""

    rule: str
    point_id: int
    equipment_id: int
    alarms: int
    share: float


class Figures(NamedTuple):
    """Of one span of time; shares are 0 to 1."""

    alarms: int
    average_per_operator: float
    """Announcements in ten minutes for each operator; 1 is good, 2 the most one can handle."""
    peak: int
    """Announcements of one estate in its worst ten minutes."""
    flood_share: float
    """Of the time in a flood, averaged over the estates; below 0.01 is good."""
    top: list[Frequent]
    top_share: float
    """Of the ten most frequent; below 0.05 is good."""
    split: dict[str, float]
    """Shares of low, medium, high (urgent included); 0.80, 0.15 and 0.05 are good."""
    bins: list[Bin]


def figures_of(
    announcements: Sequence[Announced],
    *,
    start: int,
    end: int,
    operators: int,
    sites: int,
    flooding: Flooding,
) -> Figures:
    """Compute the figures of ``start <= at < end``; both on a grid of ten minutes.

    Args:
        operators: People who watch one estate.
        sites: Number of estates.
    """
    number = max(1, -(-(end - start) // BIN_MS))
    counts = _per_bin(announcements, start)
    floods = floods_of(announcements, start=start, flooding=flooding)
    people, total = operators * max(1, sites), len(announcements)
    bins = [
        Bin(
            start + index * BIN_MS,
            alarms := sum(per_bin[index] for per_bin in counts.values()),
            alarms / people,
            any(index in flooded for flooded in floods.values()),
        )
        for index in range(number)
    ]
    frequent = Counter((one.rule, one.point_id, one.equipment_id) for one in announcements)
    top = [Frequent(*key, count, count / total) for key, count in frequent.most_common(_TOP)]
    words = Counter("high" if one.severity == "urgent" else one.severity for one in announcements)
    return Figures(
        alarms=total,
        average_per_operator=total / number / people,
        peak=max((max(per_bin.values()) for per_bin in counts.values()), default=0),
        flood_share=sum(map(len, floods.values())) / number / max(1, sites),
        top=top,
        top_share=sum(one.alarms for one in top) / total if total else 0.0,
        split={name: words[name] / total if total else 0.0 for name in ("low", "medium", "high")},
        bins=bins,
    )


def floods_of(
    announcements: Sequence[Announced], *, start: int, flooding: Flooding
) -> dict[int, set[int]]:
    """Return the ten minutes of each estate that lie in a flood, counted from ``start``."""
    return {
        site: set(_floods(per_bin, max(per_bin) + 1, flooding))
        for site, per_bin in _per_bin(announcements, start).items()
    }


def _per_bin(announcements: Sequence[Announced], start: int) -> dict[int, Counter[int]]:
    counts: defaultdict[int, Counter[int]] = defaultdict(Counter)
    for one in announcements:
        counts[one.site_id][(one.at - start) // BIN_MS] += 1
    return counts


def _floods(counts: Counter[int], number: int, flooding: Flooding) -> Iterator[int]:
    """Yield the bins of one estate that lie in a flood: it lasts until it is really quiet."""
    flood = False
    for index in range(number):
        alarms = counts[index]
        flood = alarms >= flooding.ends if flood else alarms > flooding.starts
        if flood:
            yield index


def announced(session: Session, *, start: int, end: int, within: Within = ()) -> list[Announced]:
    """Return what people were told in a span."""
    query = (
        select(
            Alarm.rule,
            Alarm.point_id,
            Alarm.equipment_id,
            Equipment.site_id,
            AlarmAnnouncement.severity,
            AlarmAnnouncement.at,
            Alarm.id,
        )
        .join(Alarm, Alarm.id == AlarmAnnouncement.alarm_id)
        .join(Equipment, Equipment.id == Alarm.equipment_id)
        .where(AlarmAnnouncement.at >= start, AlarmAnnouncement.at < end, _within(within))
    )
    rows = session.execute(query.order_by(AlarmAnnouncement.at, AlarmAnnouncement.id))
    return [Announced(*row) for row in rows]


def count_sites(session: Session, *, within: Within = ()) -> int:
    """Return how many estates the figures are about."""
    query = select(func.count()).select_from(Site)
    if within:
        there = select(Equipment.site_id).where(*within)
        query = query.where(Site.id.in_(there))
    return session.scalar(query) or 0


def stale(session: Session, *, now: int, within: Within = ()) -> list[int]:
    """Return the ids of alarms that have been active for more than a day; none is good.

    Those that were never announced are not among them: an outage explains them.
    """
    query = select(Alarm.id).where(
        Alarm.closed_at.is_(None),
        Alarm.active,
        ~Alarm.monitored,
        Alarm.announced_at.is_not(None),
        Alarm.active_since_at < now - STALE_MS,
        _within(within),
    )
    return list(session.scalars(query.order_by(Alarm.id)))


def explained(session: Session, *, start: int, end: int, within: Within = ()) -> dict[str, int]:
    """Return how many alarms each outage hid in a span, those released since included."""
    query = (
        select(AlarmChange.comment, func.count(distinct(AlarmChange.alarm_id)))
        .join(Alarm, Alarm.id == AlarmChange.alarm_id)
        .where(*_hidden(start, end), _within(within))
        .group_by(AlarmChange.comment)
    )
    return {cause: count for cause, count in session.execute(query) if cause is not None}


def on_trial(session: Session, *, start: int, end: int, within: Within = ()) -> dict[str, int]:
    """Return how many alarms each rule on trial had."""
    query = (
        select(Alarm.rule, func.count())
        .where(*_tried(start, end), _within(within))
        .group_by(Alarm.rule)
    )
    return {rule: count for rule, count in session.execute(query)}  # noqa: C416 (rows are no pairs)


def false_alarms(session: Session, *, start: int, end: int, within: Within = ()) -> dict[str, int]:
    """Return how many alarms of each rule were raised in a span and had nothing to repair."""
    query = (
        select(Alarm.rule, func.count())
        .where(*_false(start, end), _within(within))
        .group_by(Alarm.rule)
    )
    return {rule: count for rule, count in session.execute(query)}  # noqa: C416 (rows are no pairs)


def ids_of(
    session: Session,
    kind: Literal["explained", "on_trial", "false"],
    *,
    start: int,
    end: int,
    within: Within = (),
) -> list[int]:
    """Return the ids of the alarms that ``explained``, ``on_trial`` or ``false_alarms`` count."""
    query = select(Alarm.id).where(_within(within))
    match kind:
        case "explained":
            hidden = select(AlarmChange.alarm_id).where(*_hidden(start, end))
            query = query.where(Alarm.id.in_(hidden))
        case "on_trial":
            query = query.where(*_tried(start, end))
        case "false":
            query = query.where(*_false(start, end))
    return list(session.scalars(query.order_by(Alarm.id)))


def _hidden(start: int, end: int) -> Within:
    return (
        AlarmChange.kind == "suppressed",
        AlarmChange.comment != AWAITING_OUTAGE,
        AlarmChange.recorded_at >= start,
        AlarmChange.recorded_at < end,
    )


def _tried(start: int, end: int) -> Within:
    return (Alarm.monitored.is_(True), Alarm.raised_at >= start, Alarm.raised_at < end)


def _false(start: int, end: int) -> Within:
    return (Alarm.false_alarm_at.is_not(None), Alarm.raised_at >= start, Alarm.raised_at < end)


def _within(conditions: Within) -> ColumnElement[bool]:
    if not conditions:
        return true()
    return Alarm.equipment_id.in_(select(Equipment.id).where(*conditions))
