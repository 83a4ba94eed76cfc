"""The lines of an order's history, and what is computed from them."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.work_orders import TargetsOfLevel
from server.assets.model import Equipment, Room
from server.core.instant import rfc3339
from server.core.records import record_event
from server.workorders.model import WorkOrder, WorkOrderEvent


class EventKind(StrEnum):
    """What a line of the history says."""

    OPENED = "opened"
    STEP = "step"
    HANDED_OVER = "handed_over"
    """A step back to dispatched: somebody else goes on."""
    SEVERITY = "severity"
    """It became more severe; the reason says how severe."""
    REPEAT_FAILURE = "repeat_failure"
    """The fault came back soon after the work was done: it is reopened."""
    REOPENED = "reopened"
    """The fault came back long after the work was done, and before the order was closed."""
    RECOVERED = "recovered"
    """The equipment is normal again and nobody has been there."""
    NOTE = "note"
    COMMENT = "comment"
    APPOINTMENT = "appointment"
    FILE = "file"
    LINE = "line"
    """A part or hours were written down, or taken back."""
    REQUESTED = "requested"
    """A resident asked for the same once more."""


class Origin(NamedTuple):
    """From where somebody did something."""

    device: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    accuracy_m: float | None = None


class Place(NamedTuple):
    """Where the work of an order is."""

    key: str
    """Of the equipment, or of the room."""
    name_en: str
    name_zh: str


class Hands(NamedTuple):
    """From whom to whom an order went; None: nobody."""

    before: str | None
    after: str | None


NOWHERE = Origin()
REOPENS = frozenset({EventKind.REPEAT_FAILURE, EventKind.REOPENED})
"""Lines with which another repair begins."""


class Satisfaction(StrEnum):
    """What a resident says in the return call."""

    VERY_SATISFIED = "very_satisfied"
    SATISFIED = "satisfied"
    DISSATISFIED = "dissatisfied"


def add_event(
    session: Session,
    order: WorkOrder,
    *,
    kind: EventKind,
    to: str | None = None,
    by: str,
    now: int,
    reason: str | None = None,
    note: str | None = None,
    origin: Origin = NOWHERE,
    targets: TargetsOfLevel | None = None,
    appointment_at: int | None = None,
    satisfaction: Satisfaction | None = None,
    hands: Hands | None = None,
) -> None:
    """Write one line of the order's history; without ``to`` the state stays."""
    event = WorkOrderEvent(
        work_order_id=order.id,
        at=now,
        kind=kind.value,
        from_state=None if kind is EventKind.OPENED else order.state,
        to_state=to or order.state,
        by=by,
        reason=reason,
        note=note,
        **origin._asdict(),
        targets=None if targets is None else targets.model_dump(mode="json"),
        appointment_at=appointment_at,
        satisfaction=satisfaction,
        from_assignee=None if hands is None else hands.before,
        to_assignee=None if hands is None else hands.after,
    )
    session.add(event)
    if kind is not EventKind.OPENED:
        order.version += 1


def events_of(session: Session, order_id: int) -> Sequence[WorkOrderEvent]:
    """Return who took which step and when, oldest first."""
    query = select(WorkOrderEvent).where(WorkOrderEvent.work_order_id == order_id)
    return session.scalars(query.order_by(WorkOrderEvent.id)).all()


def record_order_event(
    session: Session, order: WorkOrder, *, kind: str, at: int, by: str | None = None
) -> None:
    """Write the event of a change."""
    record_event(
        session,
        at=at,
        topic="work-orders",
        kind=kind,
        subject_id=order.id,
        by=by,
        payload=summary(session, order),
    )


def summary(session: Session, order: WorkOrder) -> dict[str, Any]:
    """The order in events and lists."""
    at_equipment, place = order.equipment_id is not None, place_of(session, order)
    return {
        "id": order.id,
        "state": order.state,
        "severity": order.severity,
        "cause": order.cause,
        "trade": order.trade,
        "life_safety": order.life_safety,
        "title_en": order.title_en,
        "title_zh": order.title_zh,
        "equipment_id": order.equipment_id,
        "equipment_key": place.key if at_equipment else None,
        "equipment_name_en": place.name_en if at_equipment else None,
        "equipment_name_zh": place.name_zh if at_equipment else None,
        "room": None if at_equipment else place.key,
        "incident_id": order.incident_id,
        "assignee": order.assignee,
        "opened_at": rfc3339(order.opened_at),
        "on_site_due_at": _instant(order.on_site_due_at),
        "closed_at": _instant(order.closed_at),
        "recovered_at": _instant(order.recovered_at),
        "repeat_failures": order.repeat_failures,
        "version": order.version,
    }


def place_of(session: Session, order: WorkOrder) -> Place:
    """Return where the work is: at equipment or in a room."""
    if order.room_id is not None:
        room = session.get_one(Room, order.room_id)
        return Place(room.key, room.key, room.key)
    equipment = session.get_one(Equipment, order.equipment_id)
    return Place(equipment.key, equipment.name_en, equipment.name_zh)


def _instant(at: int | None) -> str | None:
    return None if at is None else rfc3339(at)
