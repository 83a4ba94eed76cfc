"""What a scope leaves of rows: the condition of a query, and the events of open streams."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, func, or_, select, true
from sqlalchemy.orm import Session, aliased

from server.access.principal import Principal
from server.access.rights import permits
from server.access.roles import Permission
from server.access.scope import Place, Scope
from server.alarms.model import Alarm
from server.assets.model import Equipment, Point, PowerLink, Site
from server.assets.scoped import conditions
from server.commands.model import Command
from server.core.db import Base
from server.core.errors import NotFoundError
from server.core.model import Event
from server.incidents.model import Incident
from server.messages.model import Message
from server.plans.model import PlanRun
from server.workorders.model import WorkOrder

_EQUIPMENT_OF: Final[Mapping[type[Base], Any]] = {
    Alarm: Alarm.equipment_id,
    Incident: Incident.equipment_id,
    Command: Command.equipment_id,
    PlanRun: PlanRun.equipment_id,
    Point: Point.equipment_id,
}
"""Whose equipment is a column of their own."""
_SUBJECTS: Final[Mapping[str, type[Base]]] = {
    "alarm": Alarm,
    "incident": Incident,
    "work-order": WorkOrder,
    "equipment": Equipment,
    "command": Command,
    "plan-run": PlanRun,
    "message": Message,
}
"""What an event is about, by the first word of its kind; others are about no equipment."""
_READERS: Final[Mapping[str, Permission]] = {
    "messages": Permission.MESSAGES_READ,
    "plans": Permission.PLANS_READ,
    "work-orders": Permission.ORDERS_READ,
    "audit": Permission.AUDIT_READ,
}
"""What the topics of events are for, where that is more than looking at the plant."""


def may_read_topic(principal: Principal, topic: str) -> bool:
    """Return whether somebody may hear of a topic at all."""
    return permits(principal, _READERS.get(topic, Permission.PLANT_READ))


def visible(kind: type[Base], scope: Scope, own: Collection[str] = ()) -> ColumnElement[bool]:
    """Return the condition that a row is about equipment in the scope.

    Args:
        kind: Of the row.
        scope: Somebody's.
        own: Its names: a work order in a room is in the scope of whoever has it.
    """
    if scope.is_everything:
        return true()
    if kind is Equipment:
        return and_(*conditions(scope))
    if kind is Message:
        of = select(Incident.id).where(Incident.id == Message.incident_id)
        return of.where(visible(Incident, scope)).exists()
    if kind is PowerLink:
        both = (PowerLink.feeder_id, PowerLink.equipment_id)
        return and_(*(_in_scope(column, scope) for column in both))
    if kind is WorkOrder:
        return or_(_in_scope(WorkOrder.equipment_id, scope), _room_in_scope(scope, own))
    return _in_scope(_EQUIPMENT_OF[kind], scope)


def _room_in_scope(scope: Scope, own: Collection[str]) -> ColumnElement[bool]:
    """Return the condition that an order is in a room of a whole estate, or of its own."""
    there = [WorkOrder.room_id.is_not(None)]
    if scope.sites is not None:
        sites = select(Site.id).where(Site.key.in_(scope.sites))
        there.append(WorkOrder.site_id.in_(sites))
    if scope.picks:
        there.append(WorkOrder.assignee.in_(own))
    return and_(*there)


def _in_scope(column: Any, scope: Scope) -> ColumnElement[bool]:  # noqa: ANN401 (a column)
    equipment = aliased(Equipment)
    there = select(equipment.id).where(equipment.id == column, *conditions(scope, equipment))
    return there.exists()


def require_visible(
    session: Session,
    kind: type[Base],
    row_id: int,
    word: str,
    scope: Scope,
    *,
    own: Collection[str] = (),
) -> None:
    """Go on when a row is in the scope.

    Raises:
        NotFoundError: It is not there, or not for this caller; both look the same.
    """
    if scope.is_everything:
        return
    key = kind.__table__.c["id"]
    if session.scalar(select(key).where(key == row_id, visible(kind, scope, own))) is None:
        raise NotFoundError(f"no {word} {row_id}")


def require_site(session: Session, site: str, scope: Scope) -> None:
    """Go on when rights may hold at a site.

    Raises:
        NotFoundError: There is no such site for this caller.
    """
    if scope.is_everything:
        return
    at = select(Site.id).join(Equipment, Equipment.site_id == Site.id)
    if session.scalar(at.where(Site.key == site, *conditions(scope)).limit(1)) is None:
        raise NotFoundError(f"no site {site!r}")


def visible_events(scope: Scope) -> ColumnElement[bool]:
    """Return the condition that an event is about equipment in the scope."""
    if scope.is_everything:
        return true()
    about = [
        Event.kind.startswith(f"{word}.", autoescape=True)
        & select(kind.__table__.c["id"])
        .where(kind.__table__.c["id"] == Event.subject_id, visible(kind, scope))
        .exists()
        for word, kind in _SUBJECTS.items()
    ]
    return or_(*about)


def places_of_events(session: Session, events: Sequence[Event]) -> dict[int, Place]:
    """Return where each event happened, by its id; without those that are about no equipment."""
    subjects: defaultdict[type[Base], dict[int, list[int]]] = defaultdict(dict)
    for event in events:
        kind = _SUBJECTS.get(event.kind.partition(".")[0])
        if kind is not None and event.subject_id is not None:
            subjects[kind].setdefault(event.subject_id, []).append(event.id)
    found: dict[int, Place] = {}
    for kind, by_subject in subjects.items():
        for subject, *place in session.execute(_places(kind, list(by_subject))):
            found.update(dict.fromkeys(by_subject[subject], Place(*place)))
    return found


def _places(kind: type[Base], ids: Sequence[int]) -> Any:  # noqa: ANN401 (a query of four columns)
    place = (Site.key, Equipment.equipment_class, Equipment.key)
    key = kind.__table__.c["id"]
    query = select(key, *place).where(key.in_(ids))
    if kind is Equipment:
        return query.join(Site, Site.id == Equipment.site_id)
    if kind is WorkOrder:
        # In a room: nothing of a class or a key that a scope could name.
        columns = (Equipment.equipment_class, Equipment.key)
        query = select(key, Site.key, *(func.coalesce(one, "") for one in columns))
        query = query.where(key.in_(ids)).join(Site, Site.id == WorkOrder.site_id)
        return query.outerjoin(Equipment, Equipment.id == WorkOrder.equipment_id)
    if kind is Message:
        query = query.join(Incident, Incident.id == Message.incident_id)
        query = query.join(Equipment, Equipment.id == Incident.equipment_id)
    else:
        query = query.join(Equipment, Equipment.id == _EQUIPMENT_OF[kind])
    return query.join(Site, Site.id == Equipment.site_id)
