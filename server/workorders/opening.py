"""How an alarm reaches a work order, in the transaction of the alarm itself."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from config.classes import Severity
from config.work_orders import TargetsOfLevel, WorkOrderSettings
from server.alarms.model import Alarm
from server.assets.model import Equipment, Site
from server.core.upsert import insert_new, insert_row
from server.incidents.model import Incident
from server.workorders.clock import PRESETS, clock_of, set_clock
from server.workorders.dispatching import dispatch_new
from server.workorders.history import (
    EventKind,
    add_event,
    record_order_event,
)
from server.workorders.model import WorkOrder, WorkOrderEvidence
from server.workorders.service import evidence_of, has_arrived, move
from server.workorders.states import OrderState, is_done, reopened_state

SYSTEM = "plantroom"
"""Who opens an order that an alarm caused."""


def join_order(
    session: Session,
    alarm: Alarm,
    incident: Incident,
    *,
    trade: str,
    opens: bool,
    severity: str | None = None,
    settings: WorkOrderSettings = PRESETS,
    now: int,
) -> WorkOrder | None:
    """Make the alarm evidence on the open order of its equipment and cause, or open one.

    An order whose work was done a few days ago is opened again instead.

    Args:
        opens: The alarm's rule opens work orders; others only add evidence.
        severity: How severe it makes the order; None: as it is itself.
        settings: How soon a fault that comes back is a repeat failure.
    """
    severity = severity or alarm.severity
    order = _find_open(session, alarm)
    opened = False
    if order is None and opens:
        order = _find_repeated(session, alarm, settings, now=now)
        if order is None:
            order = _insert(session, alarm, incident, trade=trade, severity=severity, now=now)
            if order is None:
                # Another process opened one in between.
                return join_order(
                    session,
                    alarm,
                    incident,
                    trade=trade,
                    opens=opens,
                    severity=severity,
                    settings=settings,
                    now=now,
                )
            opened = True
            say_severity(session, order, EventKind.OPENED, by=SYSTEM, settings=settings, now=now)
    if order is None:
        return None
    added = insert_new(
        session, WorkOrderEvidence, work_order_id=order.id, alarm_id=alarm.id, added_at=now
    )
    order.recovered_at = None
    if opened:
        record_order_event(session, order, kind="work-order.opened", at=now)
        dispatch_new(session, order, by=SYSTEM, settings=settings, now=now)
        return order
    if is_done(OrderState(order.state)):
        done_at = clock_of(session, order, now=now).done_at or 0
        # What is on since before the work was done is back in view only.
        if order.closed_at is not None or added or alarm.active_since_at > done_at:
            order.incident_id = incident.id
            reopen(session, order, by=SYSTEM, settings=settings, now=now)
    if added:
        _raise_severity(session, order, alarm, severity, settings, now=now)
        record_order_event(session, order, kind="work-order.evidence_added", at=now)
    return order


def note_recovery(session: Session, alarm: Alarm, *, now: int) -> None:
    """The alarm has returned to normal: when nobody has been there, the order says so.

    It stays open, whatever it is about: somebody looks and says that it is done.
    """
    order = _find_open(session, alarm)
    if order is None or order.recovered_at is not None or is_done(OrderState(order.state)):
        return
    session.flush()
    if OrderState(order.state) is OrderState.IN_PROGRESS or has_arrived(session, order):
        return
    if any(one.active for one in evidence_of(session, order.id)):
        return
    order.recovered_at = now
    add_event(session, order, kind=EventKind.RECOVERED, by=SYSTEM, now=now)
    record_order_event(session, order, kind="work-order.recovered", at=now)


def _insert(
    session: Session, alarm: Alarm, incident: Incident, *, trade: str, severity: str, now: int
) -> WorkOrder | None:
    return insert_row(
        session,
        WorkOrder,
        site_id=session.get_one(Equipment, alarm.equipment_id).site_id,
        equipment_id=alarm.equipment_id,
        incident_id=incident.id,
        cause=alarm.cause,
        trade=trade,
        severity=severity,
        life_safety=alarm.life_safety,
        title_en=incident.title_en,
        title_zh=incident.title_zh,
        state=OrderState.OPEN.value,
        opened_at=now,
        version=1,
        repeat_failures=0,
    )


def reopen(
    session: Session, order: WorkOrder, *, by: str, settings: WorkOrderSettings, now: int
) -> None:
    """Open an order again whose work was done."""
    done_at = clock_of(session, order, now=now).done_at or 0
    repeated = now - done_at <= settings.repeat_failure_ms
    if repeated:
        order.repeat_failures += 1
    kind = EventKind.REPEAT_FAILURE if repeated else EventKind.REOPENED
    to = reopened_state(assigned=order.assignee is not None)
    move(
        session,
        order,
        to=to,
        kind=kind,
        by=by,
        reason=order.severity,
        targets=_level(session, order, settings),
        settings=settings,
        now=now,
    )
    record_order_event(session, order, kind=f"work-order.{kind}", at=now)


def _find_repeated(
    session: Session, alarm: Alarm, settings: WorkOrderSettings, *, now: int
) -> WorkOrder | None:
    """Return the closed order of this equipment and cause whose work was done a few days ago."""
    about = (WorkOrder.equipment_id == alarm.equipment_id, WorkOrder.cause == alarm.cause)
    return find_repeated(session, about, settings, now=now)


def find_repeated(
    session: Session,
    about: Sequence[ColumnElement[bool]],
    settings: WorkOrderSettings,
    *,
    now: int,
) -> WorkOrder | None:
    """Return the closed order about something whose work was done a few days ago."""
    query = (
        select(WorkOrder)
        .where(
            *about,
            WorkOrder.state == OrderState.CLOSED,
            WorkOrder.closed_at >= now - settings.repeat_failure_ms,
        )
        .order_by(WorkOrder.closed_at.desc(), WorkOrder.id.desc())
        .limit(1)
        .with_for_update()
    )
    if settings.repeat_failure_ms == 0:
        return None
    order = session.scalar(query)
    if order is None:
        return None
    done_at = clock_of(session, order, now=now).done_at
    return order if done_at is not None and now - done_at <= settings.repeat_failure_ms else None


def _raise_severity(
    session: Session,
    order: WorkOrder,
    alarm: Alarm,
    severity: str,
    settings: WorkOrderSettings,
    *,
    now: int,
) -> None:
    """A worse alarm makes the order more urgent; nothing makes it less."""
    order.version += 1
    order.life_safety = order.life_safety or alarm.life_safety
    if Severity(severity).rank < Severity(order.severity).rank:
        order.severity = severity
        say_severity(session, order, EventKind.SEVERITY, by=SYSTEM, settings=settings, now=now)


def say_severity(
    session: Session,
    order: WorkOrder,
    kind: EventKind,
    *,
    by: str,
    settings: WorkOrderSettings,
    now: int,
) -> None:
    """Write what severity it has from now on, with the presets of today, and set the clock."""
    add_event(
        session,
        order,
        kind=kind,
        by=by,
        reason=order.severity,
        targets=_level(session, order, settings),
        now=now,
    )
    set_clock(session, order, now=now, settings=settings)


def _level(session: Session, order: WorkOrder, settings: WorkOrderSettings) -> TargetsOfLevel:
    return settings.level(order.severity, session.get_one(Site, order.site_id).key)


def _find_open(session: Session, alarm: Alarm) -> WorkOrder | None:
    query = select(WorkOrder).where(
        WorkOrder.equipment_id == alarm.equipment_id,
        WorkOrder.cause == alarm.cause,
        WorkOrder.closed_at.is_(None),
    )
    return session.scalar(query.with_for_update())
