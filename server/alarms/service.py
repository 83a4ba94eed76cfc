"""Alarms for people: lists, details, comments, acknowledgement.

``server.incidents.service.acknowledge`` is the whole acknowledgement: it also closes the incident.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, bindparam, select, true
from sqlalchemy.orm import Session

from server.access.scope import EVERYTHING, Scope
from server.alarms.model import Alarm, AlarmAnnouncement, AlarmChange
from server.alarms.repository import add_change, facts_of
from server.alarms.state import acknowledge
from server.assets.model import Equipment, Point
from server.assets.scoped import scoped, values_of
from server.assets.state_words import said_of
from server.core.errors import ArgumentError, InvalidError, NotFoundError
from server.core.instant import rfc3339
from server.core.paging import DEFAULT_LIMIT, Found, Listing, columns_of
from server.core.records import record_event

_OPEN = Alarm.closed_at.is_(None)
_CONDITIONS: dict[str, ColumnElement[bool]] = {
    "open": _OPEN,
    "active": _OPEN & Alarm.active,
    "unacknowledged": _OPEN & Alarm.acknowledged_at.is_(None),
    "shelved": _OPEN & Alarm.shelved_until_at.is_not(None),
    "suppressed": _OPEN & Alarm.suppressed_by.is_not(None),
    "out_of_service": _OPEN & Alarm.out_of_service_until_at.is_not(None),
    "latched": _OPEN & Alarm.latched,
    "chattering": _OPEN & Alarm.chattering,
    "closed": ~_OPEN,
    "all": true(),
    "monitored": Alarm.monitored.is_(True),
}
STATES = tuple(_CONDITIONS)
"""What lists may be asked for; those of rules on trial only by their own name."""
ALARMS = Listing(
    select(
        *columns_of(Alarm, "trade", "opens_order", "of_communication", "digest_of"),
        Equipment.key.label("equipment"),
        Equipment.name_en.label("equipment_name_en"),
        Equipment.name_zh.label("equipment_name_zh"),
        Point.key.label("point"),
        Point.unit,
        Point.words,
    )
    .join(Equipment, Equipment.id == Alarm.equipment_id)
    .join(Point, Point.id == Alarm.point_id),
    key=Alarm.id,
    newest_first=True,
    filters={
        "state": {
            name: condition if name == "monitored" else condition & ~Alarm.monitored
            for name, condition in _CONDITIONS.items()
        },
        "severity": Alarm.severity == bindparam("severity"),
        "equipment": Alarm.equipment_id == bindparam("equipment"),
        "site": Equipment.site_id == bindparam("site"),
        **scoped(),
        "ids": Alarm.id.in_(bindparam("ids", expanding=True)),
        "active_after": Alarm.active
        | Alarm.inactive_since_at.is_(None)
        | (Alarm.inactive_since_at > bindparam("active_after")),
        "active_before": Alarm.active_since_at < bindparam("active_before"),
    },
)
"""Alarms with the names of what they are about."""


def list_alarms(
    session: Session,
    *,
    state: str = "open",
    severity: str | None = None,
    equipment_id: int | None = None,
    site_id: int | None = None,
    active_after: int | None = None,
    active_before: int | None = None,
    scope: Scope = EVERYTHING,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Found:
    """Return alarms, newest first, and the cursor of what follows.

    Args:
        active_after: Only those that were active at some time after it, UTC ms.
        active_before: Likewise before it.

    Raises:
        InvalidError: An unknown state.
    """
    if state not in STATES:
        raise InvalidError(f"state {state!r}: use one of {', '.join(STATES)}")
    return ALARMS.page(
        session,
        limit=limit,
        cursor=cursor,
        state=str(state),
        severity=severity,
        equipment=equipment_id,
        site=site_id,
        active_after=active_after,
        active_before=active_before,
        **values_of(scope),
    )


def get_alarm(session: Session, alarm_id: int, *, lock: bool = False) -> Alarm:
    """Return an alarm, locked against other writers when it shall change.

    Raises:
        NotFoundError: No such alarm.
    """
    alarm = session.get(Alarm, alarm_id, with_for_update=lock)
    if alarm is None:
        raise NotFoundError(f"no alarm {alarm_id}")
    return alarm


def changes_of(session: Session, alarm_id: int) -> Sequence[AlarmChange]:
    """Return the alarm's history, oldest first."""
    query = select(AlarmChange).where(AlarmChange.alarm_id == alarm_id)
    return session.scalars(query.order_by(AlarmChange.id)).all()


def comment(session: Session, alarm_id: int, *, by: str, text: str, now: int) -> Alarm:
    """Write a remark into the alarm's history.

    Raises:
        NotFoundError: No such alarm.
        InvalidError: The text is empty.
    """
    if not text.strip():
        raise ArgumentError("comment", "write something")
    alarm = get_alarm(session, alarm_id, lock=True)
    alarm.comment = text
    add_change(session, alarm, kind="commented", at=now, now=now, by=by, comment=text)
    record_alarm_event(session, alarm, kind="alarm.commented", at=now, by=by)
    return alarm


def mark_acknowledged(
    session: Session, alarm_id: int, *, by: str, comment: str | None, now: int
) -> Alarm:
    """An operator has seen the alarm; acknowledging twice changes nothing."""
    alarm = get_alarm(session, alarm_id, lock=True)
    before = facts_of(alarm)
    if acknowledge(before) == before:
        return alarm
    alarm.acknowledged_at = now
    alarm.acknowledged_by = by
    if comment:
        alarm.comment = comment
    add_change(session, alarm, kind="acknowledged", at=now, now=now, by=by, comment=comment)
    record_alarm_event(session, alarm, kind="alarm.acknowledged", at=now, by=by)
    close_if_over(session, alarm, now=now)
    return alarm


def mark_false(session: Session, alarm: Alarm, *, by: str, now: int) -> None:
    """Somebody found nothing to repair: it counts against its rule; marking twice changes nothing.

    Its state stays: whether it is active is for the equipment to say.
    """
    if alarm.false_alarm_at is not None:
        return
    alarm.false_alarm_at, alarm.false_alarm_by = now, by
    add_change(session, alarm, kind="judged_false", at=now, now=now, by=by)
    record_alarm_event(session, alarm, kind="alarm.judged_false", at=now, by=by)


def mark_announced(session: Session, alarm: Alarm, *, now: int) -> None:
    """People are told of it now: once more, if they were before."""
    alarm.announced_at = now
    session.add(AlarmAnnouncement(alarm_id=alarm.id, at=now, severity=alarm.severity))


def close_if_over(session: Session, alarm: Alarm, *, now: int) -> bool:
    """Close the occurrence when nothing is left to do; a shelf outlives the return."""
    if alarm.closed_at is not None:
        return False
    facts = facts_of(alarm)
    seen_to = facts.over and facts.shelf is None
    # What people never heard of needs no acknowledgement: it is a line in the record.
    unheard = alarm.announced_at is None and (alarm.monitored or not facts.announced)
    if not seen_to and not (unheard and not facts.active and not facts.latched):
        return False
    alarm.closed_at = now
    add_change(session, alarm, kind="closed", at=now, now=now)
    record_alarm_event(session, alarm, kind="alarm.closed", at=now)
    return True


def record_alarm_event(
    session: Session, alarm: Alarm, *, kind: str, at: int, by: str | None = None
) -> None:
    """Write the event of a change; a rule on trial is silent."""
    if alarm.monitored:
        return
    record_event(
        session,
        at=at,
        topic="alarms",
        kind=kind,
        subject_id=alarm.id,
        by=by,
        payload=summary(session, alarm),
    )


def summary(session: Session, alarm: Alarm) -> dict[str, Any]:
    """The alarm in events, messages and lists."""
    equipment = session.get_one(Equipment, alarm.equipment_id)
    point = session.get_one(Point, alarm.point_id)
    return {
        "id": alarm.id,
        "rule": alarm.rule,
        "state": facts_of(alarm).state.value,
        "severity": alarm.severity,
        "cause": alarm.cause,
        "life_safety": alarm.life_safety,
        "name_en": alarm.name_en,
        "name_zh": alarm.name_zh,
        "equipment_id": equipment.id,
        "equipment_key": equipment.key,
        "equipment_name_en": equipment.name_en,
        "equipment_name_zh": equipment.name_zh,
        "point_id": point.id,
        "point_key": point.key,
        "incident_id": alarm.incident_id,
        "active": alarm.active,
        "active_since": rfc3339(alarm.active_since_at),
        "inactive_since": _instant(alarm.inactive_since_at),
        "acknowledged_at": _instant(alarm.acknowledged_at),
        "acknowledged_by": alarm.acknowledged_by,
        "latched": alarm.latched,
        "shelved_until": _instant(alarm.shelved_until_at),
        "suppressed_by": alarm.suppressed_by,
        "chattering": alarm.chattering,
        "onset_value": alarm.onset_value,
        **said_of("onset", alarm.onset_value, point.words),
        "unit": point.unit,
    }


def _instant(at: int | None) -> str | None:
    return None if at is None else rfc3339(at)
