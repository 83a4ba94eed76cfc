"""Work orders for people: lists, details, and the walk that only people take."""

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.classes import Severity
from config.work_orders import TargetsOfLevel, WorkOrderSettings
from server.access.scope import EVERYTHING, Scope
from server.alarms.model import Alarm
from server.alarms.service import mark_false
from server.assets.scoped import values_of
from server.core.errors import ArgumentError, ConflictError, NotFoundError
from server.core.paging import DEFAULT_LIMIT, Found
from server.incidents.activity import record_activity
from server.incidents.service import lock_open
from server.workorders.assignees import assign, find_assignee
from server.workorders.clock import PRESETS, set_clock
from server.workorders.history import (
    NOWHERE,
    EventKind,
    Hands,
    Origin,
    Satisfaction,
    add_event,
    record_order_event,
)
from server.workorders.listing import CONDITIONS, HAS_ARRIVED, ORDERS, WAITED_FROM
from server.workorders.model import WorkOrder, WorkOrderEvidence
from server.workorders.states import (
    FALSE_ALARM,
    OrderState,
    check_transition,
    is_done,
    is_hand_over,
    parse_state,
)

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
    origin: Origin = NOWHERE,
    satisfaction: Satisfaction | None = None,
    settings: WorkOrderSettings = PRESETS,
) -> WorkOrder:
    """Take the order one step further.

    Args:
        satisfaction: What the resident said in a return call.

    Raises:
        NotFoundError: No such order.
        StaleVersionError: Its version is not the expected one.
        ConflictError: The step is not allowed from its state.
        InvalidError: Unknown state, or a reason is missing.
    """
    target = parse_state(to)
    order = get_order(session, order_id, lock=True)
    check_version(order, expected_version)
    state = OrderState(order.state)
    check_transition(
        state,
        target,
        reason=reason,
        note=note,
        needs_arrival=needs_arrival(order),
        arrived=has_arrived(session, order),
        of_resident=order.of_resident,
        answered=satisfaction is not None,
    )
    if target is OrderState.DISPATCHED and not (assignee or order.assignee):
        raise ArgumentError("assignee", "say to whom it is dispatched")
    receiver = None if assignee is None else find_assignee(session, assignee)
    kind = EventKind.HANDED_OVER if is_hand_over(state, target) else EventKind.STEP
    if kind is EventKind.HANDED_OVER and (receiver is None or receiver.key == order.assignee):
        raise ArgumentError("assignee", "say to whom else it is handed over")
    if receiver is None and target is OrderState.ACCEPTED and order.assignee is None:
        receiver = find_assignee(session, by)
    changes_hands = receiver is not None or target is OrderState.OPEN
    move(
        session,
        order,
        to=target,
        kind=kind,
        by=by,
        reason=reason,
        note=note,
        now=now,
        origin=origin,
        satisfaction=satisfaction if target is OrderState.CALLED_BACK else None,
        hands=assign(order, receiver) if changes_hands else None,
        settings=settings,
    )
    if target is OrderState.CANCELLED and reason == FALSE_ALARM:
        for alarm in evidence_of(session, order.id):
            mark_false(session, alarm, by=by, now=now)
    record_order_event(session, order, kind=f"work-order.{target}", at=now, by=by)
    if order.equipment_id is not None:
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
        add_event(session, order, kind=EventKind.NOTE, by=by, note=note, now=now)
        record_order_event(session, order, kind="work-order.noted", at=now, by=by)


def add_comment(
    session: Session, order_id: int, *, text: str, by: str, now: int, origin: Origin = NOWHERE
) -> WorkOrder:
    """Write a remark of a person; also on an order that is over.

    Raises:
        NotFoundError: No such order.
        InvalidError: The text is empty.
    """
    if not text.strip():
        raise ArgumentError("comment", "write something")
    order = get_order(session, order_id, lock=True)
    add_event(session, order, kind=EventKind.COMMENT, by=by, note=text, now=now, origin=origin)
    record_order_event(session, order, kind="work-order.commented", at=now, by=by)
    return order


def make_appointment(
    session: Session,
    order_id: int,
    *,
    at: int,
    note: str | None,
    by: str,
    now: int,
    settings: WorkOrderSettings = PRESETS,
    expected_version: int | None = None,
) -> WorkOrder:
    """Write down when somebody comes; the last appointment counts.

    Raises:
        NotFoundError: No such order.
        StaleVersionError: Its version is not the expected one.
        ConflictError: The work is done.
        InvalidError: The time is past.
    """
    order = get_order(session, order_id, lock=True)
    check_version(order, expected_version)
    if order.closed_at is not None or is_done(OrderState(order.state)):
        raise ConflictError(f"work order {order_id} is {order.state}; nobody has to come")
    if at <= now:
        raise ArgumentError("at", "an appointment is in the future")
    add_event(
        session, order, kind=EventKind.APPOINTMENT, by=by, note=note, now=now, appointment_at=at
    )
    set_clock(session, order, now=now, settings=settings)
    record_order_event(session, order, kind="work-order.appointment_made", at=now, by=by)
    return order


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
    assignees: Sequence[str] | None = None,
    scope: Scope = EVERYTHING,
    own: Collection[str] = (),
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Found:
    """Return orders, newest first; ``open`` is everything that is not over.

    Args:
        session: Where they are read.
        state: A state, open, closed or all.
        equipment_id: Only of this equipment.
        trade: Only of this trade.
        assignees: Only what one of them has; None for any, and for nobody's.
        scope: Whose equipment; an order in a room is in the scope of a whole estate.
        own: Names of the caller: an order in a room that is given to it is in its scope.
        cursor: Of the page before.
        limit: Of the page.

    Raises:
        InvalidError: An unknown state.
    """
    if state not in CONDITIONS:
        parse_state(state)
    return ORDERS.page(
        session,
        limit=limit,
        cursor=cursor,
        state=str(state),
        equipment=equipment_id,
        trade=trade,
        assignees=assignees,
        **values_of(scope, own),
    )


def get_order(session: Session, order_id: int, *, lock: bool = False) -> WorkOrder:
    """Return an order, locked against other writers when it shall change.

    Its incident is locked first, as a new alarm does it, so that the two never wait for each other.

    Raises:
        NotFoundError: No such order.
    """
    of = select(WorkOrder.equipment_id, WorkOrder.cause).where(WorkOrder.id == order_id)
    about = session.execute(of).first() if lock else None
    if about is not None and about.equipment_id is not None:
        lock_open(session, about.equipment_id, about.cause)
    order = session.get(WorkOrder, order_id, with_for_update=lock)
    if order is None:
        raise NotFoundError(f"no work order {order_id}")
    return order


def evidence_of(session: Session, order_id: int) -> Sequence[Alarm]:
    """Return the alarms that are evidence, oldest first."""
    query = (
        select(Alarm)
        .join(WorkOrderEvidence, WorkOrderEvidence.alarm_id == Alarm.id)
        .where(WorkOrderEvidence.work_order_id == order_id)
        .order_by(Alarm.id)
    )
    return session.scalars(query).all()


def needs_arrival(order: WorkOrder) -> bool:
    """Return whether somebody has to be on site before the work begins."""
    return order.life_safety or order.severity == Severity.URGENT


def move(
    session: Session,
    order: WorkOrder,
    *,
    to: OrderState,
    kind: EventKind = EventKind.STEP,
    by: str,
    now: int,
    reason: str | None = None,
    note: str | None = None,
    origin: Origin = NOWHERE,
    targets: TargetsOfLevel | None = None,
    satisfaction: Satisfaction | None = None,
    hands: Hands | None = None,
    settings: WorkOrderSettings = PRESETS,
) -> None:
    """Write the step and take it; the clock follows from the events."""
    add_event(
        session,
        order,
        kind=kind,
        to=to.value,
        by=by,
        reason=reason,
        note=note,
        now=now,
        origin=origin,
        targets=targets,
        satisfaction=satisfaction,
        hands=hands,
    )
    order.state = to.value
    order.closed_at = now if to in _OVER else None
    # A pause moves what is due.
    set_clock(session, order, now=now, settings=settings)


def check_version(order: WorkOrder, expected_version: int | None) -> None:
    """Go on when the change is meant for this version, or for any.

    Raises:
        StaleVersionError: It is meant for another one.
    """
    if expected_version is not None and order.version != expected_version:
        raise StaleVersionError(
            f"work order {order.id} has version {order.version}, not {expected_version}"
        )


def has_arrived(session: Session, order: WorkOrder) -> bool:
    """Return whether somebody has been on site since the order was opened, or opened again."""
    return session.scalar(select(HAS_ARRIVED).where(WorkOrder.id == order.id)) or False
