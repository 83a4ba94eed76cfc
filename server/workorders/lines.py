"""Parts and labour of a work order, and what they cost."""

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from server.core.errors import NotFoundError
from server.workorders.attachments import check_open
from server.workorders.history import EventKind, add_event, record_order_event
from server.workorders.model import WorkOrder, WorkOrderLine
from server.workorders.service import get_order


class LineKind(StrEnum):
    """What a line is about."""

    PART = "part"
    LABOUR = "labour"


class Part(NamedTuple):
    """A part that repairs have used."""

    name: str
    unit: str
    times: int
    """On how many lines."""
    unit_price_fen: int
    """The last time, 0.01 yuan for one unit."""


def add_line(
    session: Session,
    order_id: int,
    *,
    kind: LineKind,
    name: str,
    quantity: float,
    unit: str,
    unit_price_fen: int,
    by: str,
    now: int,
) -> WorkOrderLine:
    """Write down a part that was used, or hours that were worked.

    Raises:
        NotFoundError: No such order.
        ConflictError: The order is over.
    """
    order = get_order(session, order_id, lock=True)
    check_open(order)
    row = WorkOrderLine(
        work_order_id=order_id,
        kind=kind.value,
        name=name,
        quantity=quantity,
        unit=unit,
        unit_price_fen=unit_price_fen,
        added_at=now,
        added_by=by,
    )
    session.add(row)
    note = f"+ {name}: {quantity:g} {unit}"
    add_event(session, order, kind=EventKind.LINE, by=by, reason=kind.value, note=note, now=now)
    session.flush()
    record_order_event(session, order, kind="work-order.line_added", at=now, by=by)
    return row


def remove_line(session: Session, order_id: int, line_id: int, *, by: str, now: int) -> WorkOrder:
    """Take a line back; it stays in the records.

    Raises:
        NotFoundError: No such order, or it has no such line.
        ConflictError: The order is over.
    """
    order = get_order(session, order_id, lock=True)
    check_open(order)
    row = session.get(WorkOrderLine, line_id)
    if row is None or row.work_order_id != order_id or row.removed_at is not None:
        raise NotFoundError(f"work order {order_id} has no line {line_id}")
    row.removed_at, row.removed_by = now, by
    note = f"- {row.name}: {row.quantity:g} {row.unit}"
    add_event(session, order, kind=EventKind.LINE, by=by, reason=row.kind, note=note, now=now)
    record_order_event(session, order, kind="work-order.line_removed", at=now, by=by)
    return order


def lines_of(session: Session, order_id: int) -> Sequence[WorkOrderLine]:
    """Return the lines of an order that were not taken back, oldest first."""
    query = select(WorkOrderLine).where(
        WorkOrderLine.work_order_id == order_id, WorkOrderLine.removed_at.is_(None)
    )
    return session.scalars(query.order_by(WorkOrderLine.id)).all()


def used_parts(
    session: Session, conditions: Sequence[ColumnElement[bool]] = (), *, most: int
) -> list[Part]:
    """Return the parts that the orders of the conditions used, most used first."""
    parts = (
        select(
            WorkOrderLine.name,
            WorkOrderLine.unit,
            func.count().label("times"),
            func.max(WorkOrderLine.id).label("last"),
        )
        .join(WorkOrder, WorkOrder.id == WorkOrderLine.work_order_id)
        .where(WorkOrderLine.kind == LineKind.PART, WorkOrderLine.removed_at.is_(None), *conditions)
        .group_by(WorkOrderLine.name, WorkOrderLine.unit)
        .subquery()
    )
    query = (
        select(parts.c.name, parts.c.unit, parts.c.times, WorkOrderLine.unit_price_fen)
        .join(WorkOrderLine, WorkOrderLine.id == parts.c.last)
        .order_by(parts.c.times.desc(), parts.c.name, parts.c.unit)
        .limit(most)
    )
    return [Part(*row) for row in session.execute(query)]


def price_fen(line: WorkOrderLine) -> int:
    """Return what a line costs, 0.01 yuan, rounded half up."""
    exact = Decimal(repr(line.quantity)) * line.unit_price_fen
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def cost_fen(lines: Iterable[WorkOrderLine]) -> int:
    """Return what all lines cost, 0.01 yuan."""
    return sum(price_fen(line) for line in lines)
