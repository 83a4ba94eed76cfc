"""The facts of repairs and the state of equipment, read from the records."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from config.classes import Severity
from server.assets.past import there_at
from server.reports.repairs import Definition, Month, RepairFacts
from server.workorders.clock import Repair, repairs_of, sla_of_repair
from server.workorders.history import EventKind, Satisfaction
from server.workorders.model import WorkOrder, WorkOrderEvent
from server.workorders.states import OrderState, is_done

IN_ORDER: Final = Definition(
    "Equipment in good order",
    "设备完好率",
    "Of the equipment that was in the ledger at the end of the month (or is now), the share "
    "without an open repair that was urgent or high then.",
    "月末(或当前)台账在用设备中, 当时没有未完成的紧急或重要维修的比例。",
    1.0,
)
_SEVERE = frozenset({Severity.URGENT.value, Severity.HIGH.value})
_CHUNK = 500


class OfEquipment(NamedTuple):
    """The equipment of an estate at an instant."""

    good: int
    bad: int
    orders: Sequence[int]
    """Ids of the orders because of which it is bad."""


def facts(
    session: Session, orders: ColumnElement[bool], month: Month, *, now: int
) -> list[RepairFacts]:
    """Return all repairs that may count in a month: those with any line since it began.

    Args:
        session: Where they are read.
        orders: Which orders.
        month: The month.
        now: UTC ms.
    """
    query = (
        select(WorkOrder.id, WorkOrder.room_id)
        .where(
            orders,
            WorkOrder.opened_at < month.end,
            or_(WorkOrder.closed_at.is_(None), WorkOrder.closed_at >= month.start),
        )
        .order_by(WorkOrder.id)
    )
    room_of = {row.id: row.room_id for row in session.execute(query)}
    ids = list(room_of)
    found: list[RepairFacts] = []
    for start in range(0, len(ids), _CHUNK):
        for order_id, events in _events(session, ids[start : start + _CHUNK]):
            of_resident = room_of[order_id] is not None
            found += facts_of(order_id, events, of_resident=of_resident, now=now)
    return found


def facts_of(
    order_id: int, events: Sequence[WorkOrderEvent], *, of_resident: bool, now: int
) -> list[RepairFacts]:
    """Return what the lines of an order say of its repairs."""
    repairs = list(repairs_of(events))
    return [
        _facts(
            order_id,
            repair,
            of_resident=of_resident,
            repeated=after is not None and after.events[0].kind == EventKind.REPEAT_FAILURE,
            now=now,
        )
        for repair, after in zip(repairs, [*repairs[1:], None], strict=True)
    ]


def equipment_at(
    session: Session, equipment: ColumnElement[bool], orders: ColumnElement[bool], at: int
) -> OfEquipment:
    """Return which equipment was in good order at an instant, UTC ms."""
    there = there_at(session, equipment, at)
    rows = session.execute(
        select(WorkOrder.id, WorkOrder.equipment_id).where(
            orders,
            WorkOrder.equipment_id.is_not(None),
            WorkOrder.opened_at <= at,
            or_(WorkOrder.closed_at.is_(None), WorkOrder.closed_at > at),
        )
    ).all()
    equipment_of = {row.id: row.equipment_id for row in rows}
    bad = [
        order_id
        for start in range(0, len(rows), _CHUNK)
        for order_id, events in _events(session, [one.id for one in rows[start : start + _CHUNK]])
        if equipment_of[order_id] in there and _is_bad([row for row in events if row.at <= at])
    ]
    number = len({equipment_of[one] for one in bad})
    return OfEquipment(len(there) - number, number, bad)


def _is_bad(events: Sequence[WorkOrderEvent]) -> bool:
    """Return whether an order with these lines is a severe repair that is not completed."""
    if not events:
        return False
    severities = [row.reason for row in events if row.targets is not None or _says_severity(row)]
    state = OrderState(events[-1].to_state)
    over = is_done(state) or state is OrderState.CANCELLED
    return not over and bool(severities) and severities[-1] in _SEVERE


def _says_severity(row: WorkOrderEvent) -> bool:
    return row.kind in {EventKind.OPENED, EventKind.SEVERITY}


def _facts(
    order_id: int, repair: Repair, *, of_resident: bool, repeated: bool, now: int
) -> RepairFacts:
    sla = sla_of_repair(repair, now=now)
    steps = [row for row in repair.events if row.from_state != row.to_state]
    called = [row for row in steps if row.to_state == OrderState.CALLED_BACK]
    said = called[-1].satisfaction if called else None
    return RepairFacts(
        order_id=order_id,
        number=repair.number,
        of_resident=of_resident,
        arrive_due_at=sla.on_site_due_at,
        arrived_at=sla.on_site_at,
        completed_at=_first(steps, OrderState.COMPLETED),
        cancelled_at=_first(steps, OrderState.CANCELLED),
        verified_at=_first(steps, OrderState.VERIFIED),
        sent_back=any(_is_sent_back(row) for row in steps),
        repeated=repeated,
        called_back_at=called[-1].at if called else None,
        satisfied=None if said is None else said != Satisfaction.DISSATISFIED,
    )


def _is_sent_back(row: WorkOrderEvent) -> bool:
    before = row.from_state
    return (
        before is not None
        and is_done(OrderState(before))
        and row.to_state == OrderState.IN_PROGRESS
    )


def _first(steps: Sequence[WorkOrderEvent], state: OrderState) -> int | None:
    return next((row.at for row in steps if row.to_state == state), None)


def _events(
    session: Session, order_ids: Sequence[int]
) -> Iterator[tuple[int, list[WorkOrderEvent]]]:
    rows = session.scalars(
        select(WorkOrderEvent)
        .where(WorkOrderEvent.work_order_id.in_(order_ids))
        .order_by(WorkOrderEvent.work_order_id, WorkOrderEvent.id)
    )
    for order_id, events in groupby(rows, key=lambda row: row.work_order_id):
        yield order_id, list(events)
