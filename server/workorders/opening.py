"""How an alarm reaches a work order, in the transaction of the alarm itself."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.classes import Severity
from server.alarms.model import Alarm
from server.core.upsert import insert_new, insert_row
from server.incidents.model import Incident
from server.workorders.model import WorkOrder, WorkOrderEvent, WorkOrderEvidence
from server.workorders.service import clock_of, record_order_event
from server.workorders.states import OrderState

SYSTEM = "plantroom"
"""Who opens an order that an alarm caused."""


def join_order(
    session: Session, alarm: Alarm, incident: Incident, *, trade: str, opens: bool, now: int
) -> WorkOrder | None:
    """Make the alarm evidence on the open order of its equipment and cause, or open one.

    Args:
        opens: The alarm's rule opens work orders; others only add evidence.
    """
    opened = _insert(session, alarm, incident, trade=trade, now=now) if opens else None
    order = opened or _find_open(session, alarm)
    if order is None:
        if not opens:
            return None
        # The open one that stood in the way was closed by another process in between.
        return join_order(session, alarm, incident, trade=trade, opens=opens, now=now)
    if opened:
        _note(session, order, from_state=None, now=now)
    added = insert_new(
        session, WorkOrderEvidence, work_order_id=order.id, alarm_id=alarm.id, added_at=now
    )
    if opened:
        record_order_event(session, order, kind="work-order.opened", at=now)
    elif added:
        _raise_severity(session, order, alarm, now=now)
        record_order_event(session, order, kind="work-order.evidence_added", at=now)
    return order


def _insert(
    session: Session, alarm: Alarm, incident: Incident, *, trade: str, now: int
) -> WorkOrder | None:
    return insert_row(
        session,
        WorkOrder,
        equipment_id=alarm.equipment_id,
        incident_id=incident.id,
        cause=alarm.cause,
        trade=trade,
        severity=alarm.severity,
        life_safety=alarm.life_safety,
        title_en=incident.title_en,
        title_zh=incident.title_zh,
        state=OrderState.OPEN.value,
        opened_at=now,
        version=1,
    )


def _raise_severity(session: Session, order: WorkOrder, alarm: Alarm, *, now: int) -> None:
    """A worse alarm makes the order more urgent; nothing makes it less."""
    order.version += 1
    order.life_safety = order.life_safety or alarm.life_safety
    if Severity(alarm.severity).rank < Severity(order.severity).rank:
        order.severity = alarm.severity
        _note(session, order, from_state=order.state, now=now)


def _note(session: Session, order: WorkOrder, *, from_state: str | None, now: int) -> None:
    """Write the opening, or what severity it has from now on, and set the clock by it."""
    event = WorkOrderEvent(
        work_order_id=order.id,
        at=now,
        from_state=from_state,
        to_state=order.state,
        by=SYSTEM,
        reason=order.severity,
        note=None,
    )
    session.add(event)
    order.on_site_due_at = clock_of(session, order, now=now).on_site_due_at


def _find_open(session: Session, alarm: Alarm) -> WorkOrder | None:
    query = select(WorkOrder).where(
        WorkOrder.equipment_id == alarm.equipment_id,
        WorkOrder.cause == alarm.cause,
        WorkOrder.closed_at.is_(None),
    )
    return session.scalar(query.with_for_update())
