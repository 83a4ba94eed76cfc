"""How a resident's request reaches a work order: it joins one, opens one again, or opens one."""

from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.work_orders import WorkOrderSettings
from server.assets.model import Room
from server.workorders.history import REOPENS, EventKind, add_event, events_of, record_order_event
from server.workorders.model import WorkOrder
from server.workorders.opening import find_repeated, reopen, say_severity
from server.workorders.states import OrderState, is_done

_REQUESTS = frozenset({EventKind.OPENED, EventKind.REQUESTED, *REOPENS})
"""Lines that a request has written."""


class Became(StrEnum):
    """What became of a request."""

    OPENED = "opened"
    JOINED = "joined"
    """It was known: the order is the one of an earlier request."""
    REOPENED = "reopened"
    """The work had been done; its order is open again."""


class Need(NamedTuple):
    """What has to be done in a room."""

    room: Room
    cause: str
    trade: str
    severity: str
    title_en: str
    title_zh: str


class OrderOfRoom(NamedTuple):
    """The order of a request."""

    order: WorkOrder
    became: Became


def order_for(
    session: Session,
    need: Need,
    *,
    by: str,
    join_ms: int,
    settings: WorkOrderSettings,
    now: int,
) -> OrderOfRoom:
    """Return the order in which a need of a room is taken care of.

    Args:
        session: The transaction.
        need: What has to be done.
        by: Who writes it down.
        join_ms: A request so soon after the last one about the same joins its order.
        settings: How soon a fault that comes back is a repeat failure.
        now: UTC ms.
    """
    # Two requests for a room at once: the second waits here and finds the order of the first.
    session.scalar(select(Room.id).where(Room.id == need.room.id).with_for_update())
    about = (WorkOrder.room_id == need.room.id, WorkOrder.cause == need.cause)
    query = select(WorkOrder).where(*about, WorkOrder.closed_at.is_(None))
    order = session.scalar(query.order_by(WorkOrder.id.desc()).limit(1).with_for_update())
    if order is not None and not is_done(OrderState(order.state)):
        if now - _asked_at(session, order) <= join_ms:
            add_event(session, order, kind=EventKind.REQUESTED, by=by, now=now)
            record_order_event(session, order, kind="work-order.requested", at=now, by=by)
            return OrderOfRoom(order, Became.JOINED)
        order = None
    elif order is None:
        order = find_repeated(session, about, settings, now=now)
    if order is not None:
        reopen(session, order, by=by, settings=settings, now=now)
        return OrderOfRoom(order, Became.REOPENED)
    return OrderOfRoom(_open(session, need, by=by, settings=settings, now=now), Became.OPENED)


def _open(
    session: Session, need: Need, *, by: str, settings: WorkOrderSettings, now: int
) -> WorkOrder:
    order = WorkOrder(
        site_id=need.room.site_id,
        room_id=need.room.id,
        cause=need.cause,
        trade=need.trade,
        severity=need.severity,
        life_safety=False,
        title_en=need.title_en,
        title_zh=need.title_zh,
        state=OrderState.OPEN.value,
        opened_at=now,
        version=1,
        repeat_failures=0,
    )
    session.add(order)
    session.flush()
    say_severity(session, order, EventKind.OPENED, by=by, settings=settings, now=now)
    record_order_event(session, order, kind="work-order.opened", at=now, by=by)
    return order


def _asked_at(session: Session, order: WorkOrder) -> int:
    """Return when a resident asked for it last, UTC ms."""
    session.flush()
    return max(row.at for row in events_of(session, order.id) if row.kind in _REQUESTS)
