"""Work orders for people: lists, details, and the walk that only people take."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.classes import Severity
from server.alarms.model import Alarm
from server.assets.model import Equipment
from server.core.errors import ConflictError, InvalidError, NotFoundError
from server.core.instant import rfc3339
from server.core.paging import DEFAULT_LIMIT, Found
from server.core.records import record_event
from server.incidents.activity import record_activity
from server.incidents.service import lock_open
from server.workorders.listing import CONDITIONS, HAS_ARRIVED, ORDERS, WAITED_FROM
from server.workorders.model import WorkOrder, WorkOrderEvent, WorkOrderEvidence
from server.workorders.sla import Sla, Step, sla_of
from server.workorders.states import OrderState, check_transition, parse_state

_OVER = frozenset({OrderState.CLOSED, OrderState.CANCELLED})
_INACTIVE = frozenset({OrderState.OPEN, OrderState.DISPATCHED, OrderState.CANCELLED})


class StaleVersionError(ConflictError):
    """The order was changed by somebody else meanwhile; 412."""


def transition(
    session: Session,
    order_id: int,
    *,
    to: str,
    by: str,
    reason: str | None = None,
    note: str | None = None,
    assignee: str | None = None,
    now: int,
    expected_version: int | None = None,
) -> WorkOrder:
    """Take the order one step further.

    Raises:
        NotFoundError: No such order.
        StaleVersionError: Its version is not the expected one.
        ConflictError: The step is not allowed from its state.
        InvalidError: Unknown state, or a reason is missing.
    """
    target = parse_state(to)
    order = get_order(session, order_id, lock=True)
    if expected_version is not None and order.version != expected_version:
        raise StaleVersionError(
            f"work order {order_id} has version {order.version}, not {expected_version}"
        )
    state = OrderState(order.state)
    check_transition(
        state,
        target,
        reason=reason,
        note=note,
        needs_arrival=needs_arrival(order),
        arrived=_has_arrived(session, order),
    )
    if target is OrderState.DISPATCHED and not (assignee or order.assignee):
        raise InvalidError("assignee: say to whom it is dispatched")
    _move(session, order, to=target, by=by, reason=reason, note=note, now=now)
    if assignee is not None:
        order.assignee = assignee
    elif target is OrderState.ACCEPTED:
        order.assignee = order.assignee or by
    elif target is OrderState.OPEN:
        order.assignee = None
    record_order_event(session, order, kind=f"work-order.{target}", at=now, by=by)
    record_activity(
        session,
        equipment_id=order.equipment_id,
        cause=order.cause,
        active=target not in _INACTIVE,
        ends=target in _OVER,
        by=by,
        now=now,
    )
    return order


def note_on_orders(session: Session, equipment_id: int, *, note: str, by: str, now: int) -> None:
    """Write a remark on every open order of equipment; nothing else of them changes."""
    query = select(WorkOrder).where(
        WorkOrder.equipment_id == equipment_id, WorkOrder.closed_at.is_(None)
    )
    for order in session.scalars(query.order_by(WorkOrder.id).with_for_update()):
        _add_event(session, order, to=order.state, by=by, reason=None, note=note, now=now)
        record_order_event(session, order, kind="work-order.noted", at=now, by=by)


def state_before_wait(session: Session, order: WorkOrder) -> OrderState:
    """Return where a waiting order goes on."""
    before = session.scalar(select(WAITED_FROM).where(WorkOrder.id == order.id))
    return OrderState(before or OrderState.ACCEPTED)


def list_orders(
    session: Session,
    *,
    state: str = "open",
    equipment_id: int | None = None,
    trade: str | None = None,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Found:
    """Return orders, newest first; ``open`` is everything that is not over.

    Raises:
        InvalidError: An unknown state.
    """
    if state not in CONDITIONS:
        parse_state(state)
    return ORDERS.page(
        session, limit=limit, cursor=cursor, state=str(state), equipment=equipment_id, trade=trade
    )


def get_order(session: Session, order_id: int, *, lock: bool = False) -> WorkOrder:
    """Return an order, locked against other writers when it shall change.

    Its incident is locked first, as a new alarm does it, so that the two never wait for each other.

    Raises:
        NotFoundError: No such order.
    """
    of = select(WorkOrder.equipment_id, WorkOrder.cause).where(WorkOrder.id == order_id)
    if lock and (about := session.execute(of).first()) is not None:
        lock_open(session, about.equipment_id, about.cause)
    order = session.get(WorkOrder, order_id, with_for_update=lock)
    if order is None:
        raise NotFoundError(f"no work order {order_id}")
    return order


def events_of(session: Session, order_id: int) -> Sequence[WorkOrderEvent]:
    """Return who took which step and when, oldest first."""
    query = select(WorkOrderEvent).where(WorkOrderEvent.work_order_id == order_id)
    return session.scalars(query.order_by(WorkOrderEvent.id)).all()


def evidence_of(session: Session, order_id: int) -> Sequence[Alarm]:
    """Return the alarms that are evidence, oldest first."""
    query = (
        select(Alarm)
        .join(WorkOrderEvidence, WorkOrderEvidence.alarm_id == Alarm.id)
        .where(WorkOrderEvidence.work_order_id == order_id)
        .order_by(Alarm.id)
    )
    return session.scalars(query).all()


def clock_of(session: Session, order: WorkOrder, *, now: int) -> Sla:
    """Return the order's clock, computed from its events."""
    session.flush()
    rows = events_of(session, order.id)
    urgent_since = next((row.at for row in rows if row.reason == Severity.URGENT), None)
    steps = [
        Step(row.at, OrderState(row.to_state)) for row in rows if row.from_state != row.to_state
    ]
    return sla_of(order.opened_at, steps, urgent_since=urgent_since, now=now)


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
    equipment = session.get_one(Equipment, order.equipment_id)
    due = order.on_site_due_at
    return {
        "id": order.id,
        "state": order.state,
        "severity": order.severity,
        "cause": order.cause,
        "trade": order.trade,
        "life_safety": order.life_safety,
        "title_en": order.title_en,
        "title_zh": order.title_zh,
        "equipment_id": equipment.id,
        "equipment_key": equipment.key,
        "equipment_name_en": equipment.name_en,
        "equipment_name_zh": equipment.name_zh,
        "incident_id": order.incident_id,
        "assignee": order.assignee,
        "opened_at": rfc3339(order.opened_at),
        "on_site_due_at": None if due is None else rfc3339(due),
        "closed_at": None if order.closed_at is None else rfc3339(order.closed_at),
        "version": order.version,
    }


def _add_event(
    session: Session,
    order: WorkOrder,
    *,
    to: str,
    by: str,
    reason: str | None,
    note: str | None,
    now: int,
) -> None:
    """Write one line of the order's history, from its state to this one."""
    event = WorkOrderEvent(
        work_order_id=order.id,
        at=now,
        from_state=order.state,
        to_state=to,
        by=by,
        reason=reason,
        note=note,
    )
    session.add(event)
    order.version += 1


def _move(
    session: Session,
    order: WorkOrder,
    *,
    to: OrderState,
    by: str,
    reason: str | None,
    note: str | None,
    now: int,
) -> None:
    _add_event(session, order, to=to.value, by=by, reason=reason, note=note, now=now)
    order.state = to.value
    order.closed_at = now if to in _OVER else None
    # A pause moves the instant by which somebody must be there.
    order.on_site_due_at = clock_of(session, order, now=now).on_site_due_at


def _has_arrived(session: Session, order: WorkOrder) -> bool:
    return session.scalar(select(HAS_ARRIVED).where(WorkOrder.id == order.id)) or False


def needs_arrival(order: WorkOrder) -> bool:
    """Return whether somebody has to be on site before the work begins."""
    return order.life_safety or order.severity == Severity.URGENT
