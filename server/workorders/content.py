"""What a message says of an incident: what happened, and what is done about it."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.classes import Severity
from server.alarms.service import summary as alarm_summary
from server.incidents.model import Incident
from server.incidents.service import alarms_of
from server.incidents.service import summary as incident_summary
from server.workorders.history import summary as order_summary
from server.workorders.model import WorkOrder


def message_content(session: Session, incident: Incident) -> dict[str, Any]:
    """Return the incident, its worst alarm and the open work order of its equipment and cause.

    Of alarms of life safety the one that was announced last: it says where it burns now.
    """
    session.flush()
    alarms = sorted(
        alarms_of(session, incident.id),
        key=lambda one: (
            one.closed_at is not None,
            not one.active,
            Severity(one.severity).rank,
            -(one.announced_at or 0) if one.life_safety else 0,
        ),
    )
    query = select(WorkOrder).where(
        WorkOrder.equipment_id == incident.equipment_id,
        WorkOrder.cause == incident.cause,
        WorkOrder.closed_at.is_(None),
    )
    order = session.scalar(query)
    return {
        "incident": incident_summary(session, incident),
        "alarm": alarm_summary(session, alarms[0]) if alarms else None,
        "work_order": None if order is None else order_summary(session, order),
    }
