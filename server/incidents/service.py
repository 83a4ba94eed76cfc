"""Incidents: alarms of one (equipment, cause); the unit of notification and of work."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from sqlalchemy import bindparam, func, select, true
from sqlalchemy.orm import Session

from config.classes import Severity
from server.access.scope import EVERYTHING, Scope
from server.alarms.model import Alarm
from server.alarms.repository import facts_of
from server.alarms.service import mark_acknowledged
from server.assets.model import Equipment, Gateway, Site
from server.assets.scoped import scoped, values_of
from server.core.errors import InvalidError, NotFoundError
from server.core.instant import rfc3339
from server.core.paging import DEFAULT_LIMIT, Found, Listing, columns_of
from server.core.records import record_event
from server.core.upsert import insert_row
from server.incidents.escalation_steps import add_change, start_idle_timer, stop
from server.incidents.model import Incident

_CONDITIONS = {
    "open": Incident.closed_at.is_(None),
    "closed": Incident.closed_at.is_not(None),
    "all": true(),
}
STATES = tuple(_CONDITIONS)
"""What lists may be asked for."""
INCIDENTS = Listing(
    select(
        *columns_of(Incident, "policy"),
        Equipment.key.label("equipment"),
        Equipment.name_en.label("equipment_name_en"),
        Equipment.name_zh.label("equipment_name_zh"),
        select(func.count())
        .where(Alarm.incident_id == Incident.id)
        .scalar_subquery()
        .label("alarms"),
    ).join(Equipment, Equipment.id == Incident.equipment_id),
    key=Incident.id,
    newest_first=True,
    filters={
        "state": _CONDITIONS,
        "equipment": Incident.equipment_id == bindparam("equipment"),
        "id": Incident.id == bindparam("id"),
        "ids": Incident.id.in_(bindparam("ids", expanding=True)),
        **scoped(),
    },
)
"""Incidents with the names of their equipment and the number of their alarms."""


class Joined(NamedTuple):
    """The incident that an alarm belongs to now."""

    incident: Incident
    opened: bool
    """The alarm opened it."""
    worse: bool
    """The alarm made it more severe."""


def join_incident(
    session: Session, alarm: Alarm, *, severity: str | None = None, now: int
) -> Joined:
    """Put the alarm into the open incident of its equipment and cause, or open one.

    Args:
        session: The transaction.
        alarm: The alarm.
        severity: How severe it makes the incident; None: as it is itself.
        now: UTC ms.
    """
    severity = severity or alarm.severity
    equipment = session.get_one(Equipment, alarm.equipment_id)
    opened = insert_row(
        session,
        Incident,
        equipment_id=alarm.equipment_id,
        cause=alarm.cause,
        severity=severity,
        title_en=f"{equipment.name_en}: {alarm.name_en}",
        title_zh=f"{equipment.name_zh} {alarm.name_zh}",
        opened_at=now,
    )
    incident = opened or lock_open(session, alarm.equipment_id, alarm.cause)
    if incident is None:
        # The open one that stood in the way was closed by another process in between.
        return join_incident(session, alarm, severity=severity, now=now)
    worse = Severity(severity).rank < Severity(incident.severity).rank
    if worse:
        incident.severity = severity
    alarm.incident_id = incident.id
    session.flush()
    kind = "incident.updated" if opened is None else "incident.opened"
    record_incident_event(session, incident, kind=kind, at=now)
    return Joined(incident, opened is not None, worse)


def close_if_over(session: Session, incident_id: int | None, *, now: int) -> bool:
    """Close the incident when all its alarms are closed."""
    if incident_id is None:
        return False
    session.flush()
    incident = _locked(session, incident_id)
    if incident.closed_at is not None or open_alarms(session, incident_id):
        return False
    incident.closed_at = now
    incident.deferred_call_at = None
    stop(session, incident_id, now=now)
    add_change(session, incident, kind="closed", at=now)
    record_incident_event(session, incident, kind="incident.closed", at=now)
    return True


def acknowledge(
    session: Session, alarm_id: int, *, by: str, comment: str | None = None, now: int
) -> Alarm:
    """An operator has seen the alarm: it closes when it is over, and its incident with the last.

    Acknowledging twice changes nothing.

    Raises:
        NotFoundError: No such alarm.
    """
    alarm = mark_acknowledged(session, alarm_id, by=by, comment=comment, now=now)
    if alarm.incident_id is not None and not _unseen_alarms(session, alarm.incident_id):
        incident = _locked(session, alarm.incident_id)
        take_care(session, incident, by=by, note=comment, now=now)
    if alarm.closed_at is not None:
        close_if_over(session, alarm.incident_id, now=now)
    return alarm


def acknowledge_incident(
    session: Session, incident_id: int, *, by: str, comment: str | None = None, now: int
) -> Incident:
    """Somebody takes care: its alarms are acknowledged and nobody else is called.

    Doing it twice says that it is still taken care of; alarms that came meanwhile are acknowledged
    as well.

    Raises:
        NotFoundError: No such incident.
    """
    get_incident(session, incident_id)
    # Alarms are locked before their incident, as the chain does it.
    for alarm in alarms_of(session, incident_id):
        if alarm.closed_at is None:
            mark_acknowledged(session, alarm.id, by=by, comment=comment, now=now)
    incident = _locked(session, incident_id)
    answered = take_care(session, incident, by=by, note=comment, now=now)
    if not answered and incident.closed_at is None:
        add_change(session, incident, kind="confirmed", at=now, by=by, note=comment)
    close_if_over(session, incident_id, now=now)
    return incident


def in_view(session: Session, incident: Incident, *, besides: Alarm | None = None) -> bool:
    """Return whether any of its alarms is open and not shelved, suppressed or out of service."""
    return any(
        alarm.closed_at is None and facts_of(alarm).announced
        for alarm in alarms_of(session, incident.id)
        if besides is None or alarm.id != besides.id
    )


def take_care(
    session: Session,
    incident: Incident,
    *,
    by: str,
    now: int,
    kind: Literal["acknowledged", "moved"] = "acknowledged",
    note: str | None = None,
) -> bool:
    """Acknowledge it and call nobody else; False when somebody did before."""
    if incident.acknowledged_at is not None or incident.closed_at is not None:
        return False
    incident.acknowledged_at, incident.acknowledged_by, incident.assignee = now, by, None
    incident.deferred_call_at = None
    stop(session, incident.id, now=now)
    add_change(session, incident, kind=kind, at=now, by=by, note=note)
    if kind == "acknowledged":
        start_idle_timer(session, incident, now=now)
    record_incident_event(session, incident, kind="incident.acknowledged", at=now, by=by)
    return True


def lock_open(session: Session, equipment_id: int, cause: str) -> Incident | None:
    """Return the open incident of this equipment and cause, locked; before its work order."""
    query = select(Incident).where(
        Incident.equipment_id == equipment_id,
        Incident.cause == cause,
        Incident.closed_at.is_(None),
    )
    return session.scalar(query.with_for_update().execution_options(populate_existing=True))


def list_incidents(
    session: Session,
    *,
    state: str = "open",
    equipment_id: int | None = None,
    scope: Scope = EVERYTHING,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Found:
    """Return incidents, newest first, and the cursor of what follows.

    Raises:
        InvalidError: An unknown state.
    """
    if state not in STATES:
        raise InvalidError(f"state {state!r}: use one of {', '.join(STATES)}")
    return INCIDENTS.page(
        session,
        limit=limit,
        cursor=cursor,
        state=str(state),
        equipment=equipment_id,
        **values_of(scope),
    )


def get_incident(session: Session, incident_id: int) -> Incident:
    """Return an incident.

    Raises:
        NotFoundError: No such incident.
    """
    incident = session.get(Incident, incident_id)
    if incident is None:
        raise NotFoundError(f"no incident {incident_id}")
    return incident


def alarms_of(session: Session, incident_id: int) -> Sequence[Alarm]:
    """Return the incident's alarms, oldest first."""
    query = select(Alarm).where(Alarm.incident_id == incident_id)
    return session.scalars(query.order_by(Alarm.id)).all()


def open_alarms(session: Session, incident_id: int) -> int:
    """Return how many of its alarms are open."""
    query = select(func.count()).where(Alarm.incident_id == incident_id, Alarm.closed_at.is_(None))
    return session.scalar(query) or 0


def record_incident_event(
    session: Session,
    incident: Incident,
    *,
    kind: str,
    at: int,
    by: str | None = None,
    more: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Write the event of a change."""
    record_event(
        session,
        at=at,
        topic="incidents",
        kind=kind,
        subject_id=incident.id,
        by=by,
        payload={**summary(session, incident), **more},
    )


def summary(session: Session, incident: Incident) -> dict[str, Any]:
    """The incident in events, messages and lists."""
    equipment = session.get_one(Equipment, incident.equipment_id)
    site = session.get_one(Site, equipment.site_id)
    return {
        "id": incident.id,
        "state": "open" if incident.closed_at is None else "closed",
        "severity": incident.severity,
        "cause": incident.cause,
        "title_en": incident.title_en,
        "title_zh": incident.title_zh,
        "site_key": site.key,
        "site_name_en": site.name_en,
        "site_name_zh": site.name_zh,
        "equipment_id": equipment.id,
        "equipment_key": equipment.key,
        "equipment_name_en": equipment.name_en,
        "equipment_name_zh": equipment.name_zh,
        "opened_at": rfc3339(incident.opened_at),
        "closed_at": None if incident.closed_at is None else rfc3339(incident.closed_at),
        "acknowledged_at": (
            None if incident.acknowledged_at is None else rfc3339(incident.acknowledged_at)
        ),
        "acknowledged_by": incident.acknowledged_by,
    }


def source_of(session: Session, incident: Incident) -> str:
    """Return the key of the gateway whose equipment the incident is about."""
    query = (
        select(Gateway.key)
        .join(Equipment, Equipment.gateway_id == Gateway.id)
        .where(Equipment.id == incident.equipment_id)
    )
    return session.scalars(query).one()


def _unseen_alarms(session: Session, incident_id: int) -> int:
    query = select(func.count()).where(
        Alarm.incident_id == incident_id,
        Alarm.closed_at.is_(None),
        Alarm.acknowledged_at.is_(None),
    )
    return session.scalar(query) or 0


def _locked(session: Session, incident_id: int) -> Incident:
    """Return the incident as it is now: what was read before the lock may be old."""
    session.flush()
    return session.get_one(Incident, incident_id, with_for_update=True, populate_existing=True)
