"""How well the alarms serve people: the figures of ISA-18.2, from announced alarms."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.alarms.floods import WINDOW_MS
from server.alarms.model import Alarm
from server.assets.model import Equipment

BIN_MS = WINDOW_MS
STALE_MS = 86_400_000
_TOP = 10


class Told(NamedTuple):
    """One announced alarm."""

    id: int
    rule: str
    point_id: int
    equipment_id: int
    severity: str
    at: int


class Bin(NamedTuple):
    """Ten minutes."""

    start: int
    alarms: int
    flood: bool


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
    """Announced alarms in ten minutes for each operator; 1 is good, 2 the most one can handle."""
    peak: int
    flood_share: float
    """Of the time with more than ``flood_starts`` alarms in ten minutes; below 0.01 is good."""
    top: list[Frequent]
    top_share: float
    """Of the ten most frequent; below 0.05 is good."""
    split: dict[str, float]
    """Shares of low, medium, high (urgent included); 0.80, 0.15 and 0.05 are good."""
    bins: list[Bin]


def figures_of(
    told: Sequence[Told], *, start: int, end: int, operators: int, flood_starts: int
) -> Figures:
    """Compute the figures of ``start <= at < end``; both on a grid of ten minutes."""
    counts = Counter((one.at - start) // BIN_MS for one in told)
    number = max(1, -(-(end - start) // BIN_MS))
    bins = [
        Bin(start + index * BIN_MS, counts[index], counts[index] > flood_starts)
        for index in range(number)
    ]
    total = len(told)
    frequent = Counter((one.rule, one.point_id, one.equipment_id) for one in told)
    top = [Frequent(*key, count, count / total) for key, count in frequent.most_common(_TOP)]
    words = Counter("high" if one.severity == "urgent" else one.severity for one in told)
    return Figures(
        alarms=total,
        average_per_operator=total / number / operators,
        peak=max(counts.values(), default=0),
        flood_share=sum(one.flood for one in bins) / number,
        top=top,
        top_share=sum(one.alarms for one in top) / total if total else 0.0,
        split={name: words[name] / total if total else 0.0 for name in ("low", "medium", "high")},
        bins=bins,
    )


def announced(session: Session, *, start: int, end: int, site_id: int | None = None) -> list[Told]:
    """Return the alarms that were announced in a span, by when people were told last."""
    query = select(
        Alarm.id,
        Alarm.rule,
        Alarm.point_id,
        Alarm.equipment_id,
        Alarm.severity,
        Alarm.announced_at,
    ).where(Alarm.announced_at >= start, Alarm.announced_at < end)
    if site_id is not None:
        of_site = select(Equipment.id).where(Equipment.site_id == site_id)
        query = query.where(Alarm.equipment_id.in_(of_site))
    return [Told(*row) for row in session.execute(query.order_by(Alarm.announced_at))]


def stale(session: Session, *, now: int, site_id: int | None = None) -> list[int]:
    """Return the ids of alarms that have been active for more than a day; none is good."""
    query = select(Alarm.id).where(
        Alarm.closed_at.is_(None),
        Alarm.active,
        ~Alarm.monitored,
        Alarm.active_since_at < now - STALE_MS,
    )
    if site_id is not None:
        of_site = select(Equipment.id).where(Equipment.site_id == site_id)
        query = query.where(Alarm.equipment_id.in_(of_site))
    return list(session.scalars(query.order_by(Alarm.id)))


def explained(session: Session, *, start: int, end: int) -> dict[str, int]:
    """Return how many alarms each outage explained."""
    query = (
        select(Alarm.suppressed_by, func.count())
        .where(Alarm.suppressed_by.is_not(None), Alarm.raised_at >= start, Alarm.raised_at < end)
        .group_by(Alarm.suppressed_by)
    )
    return {cause: count for cause, count in session.execute(query) if cause is not None}


def on_trial(session: Session, *, start: int, end: int) -> dict[str, int]:
    """Return how many alarms each rule on trial had."""
    query = (
        select(Alarm.rule, func.count())
        .where(Alarm.monitored, Alarm.raised_at >= start, Alarm.raised_at < end)
        .group_by(Alarm.rule)
    )
    return {rule: count for rule, count in session.execute(query)}  # noqa: C416 (rows are no pairs)
