"""A new order finds its hands, in the transaction that opens it; orders change hands together."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from config.work_orders import ServiceHours, WorkOrderSettings
from server.assets.model import Particulars, Room, Site
from server.assets.room_warranty import warranty_until
from server.core.errors import ArgumentError, ConflictError
from server.incidents.activity import record_activity
from server.people.service import has_persons, load_directory
from server.workorders.assignees import Assignee, AssigneeKind, assign, find_assignee, loads
from server.workorders.history import EventKind, add_event, record_order_event
from server.workorders.model import WorkOrder
from server.workorders.routing import Care, route
from server.workorders.service import move
from server.workorders.states import OrderState

MOVABLE: Final = (
    OrderState.DISPATCHED,
    OrderState.ACCEPTED,
    OrderState.ON_SITE,
    OrderState.IN_PROGRESS,
    OrderState.WAITING,
)
"""States in which somebody has an order and is not done."""


def dispatch_new(
    session: Session, order: WorkOrder, *, by: str, settings: WorkOrderSettings, now: int
) -> None:
    """Dispatch an order that was opened just now, when the records say to whom."""
    care = _care_of(session, order, settings)
    if care is None and not settings.dispatch_to_duty:
        return
    if not has_persons(session):
        return
    found = route(
        care or Care(),
        load_directory(session),
        site=session.get_one(Site, order.site_id).key,
        trade=order.trade,
        at=now,
        load={one.assignee: one.waiting + one.begun for one in loads(session)},
        to_duty=settings.dispatch_to_duty,
    )
    if found is None:
        return
    move(
        session,
        order,
        to=OrderState.DISPATCHED,
        by=by,
        reason=found.why.value,
        hands=assign(order, find_assignee(session, found.person)),
        settings=settings,
        now=now,
    )
    record_order_event(session, order, kind="work-order.dispatched", at=now, by=by)


def hand_all_over(
    session: Session,
    *,
    whose: str,
    to: str,
    conditions: Sequence[ColumnElement[bool]],
    note: str | None,
    by: str,
    settings: WorkOrderSettings,
    now: int,
) -> list[int]:
    """Give all orders that somebody has to somebody else, as at a change of shifts; return ids.

    Raises:
        ArgumentError: One of them is nobody of the records, or both are the same.
    """
    assignee = find_assignee(session, to, argument="to_assignee")
    # Whoever has left is in no record any more, but still has orders.
    held = {whose}
    if session.scalar(select(WorkOrder.id).where(WorkOrder.assignee == whose).limit(1)) is None:
        held = {find_assignee(session, whose, argument="from_assignee").key}
    if assignee.key in held:
        raise ArgumentError("to_assignee", "somebody else than from_assignee")
    query = select(WorkOrder).where(
        WorkOrder.assignee.in_(held), WorkOrder.state.in_(MOVABLE), *conditions
    )
    orders = session.scalars(query.order_by(WorkOrder.id).with_for_update()).all()
    for order in orders:
        give(session, order, assignee, note=note, by=by, settings=settings, now=now)
    return [order.id for order in orders]


def give(
    session: Session,
    order: WorkOrder,
    to: Assignee,
    *,
    reason: str | None = None,
    note: str | None = None,
    by: str,
    settings: WorkOrderSettings,
    now: int,
) -> None:
    """Give a locked order to somebody, who accepts it; its history says from whom, and why.

    Whoever acknowledged its incident has not, as far as the idle time goes: the next one does.

    Raises:
        ConflictError: The work is done.
    """
    state = OrderState(order.state)
    if state is not OrderState.OPEN and state not in MOVABLE:
        raise ConflictError(f"work order {order.id} is {state}; nobody has to go on with it")
    kind = EventKind.STEP if state is OrderState.OPEN else EventKind.HANDED_OVER
    hands = assign(order, to)
    if state is OrderState.DISPATCHED:
        add_event(session, order, kind=kind, by=by, reason=reason, note=note, hands=hands, now=now)
    else:
        move(
            session,
            order,
            to=OrderState.DISPATCHED,
            kind=kind,
            by=by,
            reason=reason,
            note=note,
            hands=hands,
            settings=settings,
            now=now,
        )
    record_order_event(session, order, kind="work-order.reassigned", at=now, by=by)
    if order.equipment_id is not None:
        record_activity(
            session,
            equipment_id=order.equipment_id,
            cause=order.cause,
            active=False,
            ends=False,
            by=by,
            now=now,
        )


def is_contractors(order: WorkOrder) -> bool:
    """Return whether another company has the order: the own engineer verifies it."""
    return order.assignee_kind == AssigneeKind.CONTRACTOR


def _care_of(session: Session, order: WorkOrder, settings: WorkOrderSettings) -> Care | None:
    """Return who looks after the equipment or the room of an order; None: nobody wrote it down."""
    if order.room_id is not None:
        room = session.get_one(Room, order.room_id)
        until = warranty_until(
            order.trade,
            moved_in=room.moved_in,
            agreed=room.warranty,
            settings=settings.room_warranty,
        )
        return None if until is None else Care(until, room.builder)
    row = session.get(Particulars, order.equipment_id)
    if row is None:
        return None
    hours = row.contract_hours
    return Care(
        row.warranty_until,
        row.builder,
        row.contractor,
        row.contract_from,
        row.contract_until,
        None if hours is None else ServiceHours.model_validate(hours),
    )
