"""Activity after an acknowledgement: steps of the work order, or comments without an order."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.alarms.model import Alarm, AlarmChange
from server.core.timers import cancel_timer
from server.incidents.escalation_steps import idle_key, start_idle_timer
from server.incidents.model import Incident, IncidentChange
from server.incidents.service import lock_open, take_care


def record_activity(
    session: Session,
    *,
    equipment_id: int,
    cause: str,
    active: bool,
    ends: bool,
    by: str,
    now: int,
) -> None:
    """Record a step of the work order of this equipment and cause.

    Whoever accepts the order takes care of the incident too. Handing an order over, back, or giving
    it up is no activity: the idle time of an acknowledged incident starts again.

    Args:
        active: Somebody works on it, or has.
        ends: The order is over.
    """
    incident = lock_open(session, equipment_id, cause)
    if incident is None:
        return
    if not active:
        incident.activity_since_at = None
        start_idle_timer(session, incident, now=now)
        return
    incident.activity_since_at = None if ends else incident.activity_since_at or now
    if not take_care(session, incident, by=by, kind="moved", now=now):
        cancel_timer(session, idle_key(incident.id))


def last_activity_at(session: Session, incident: Incident) -> int | None:
    """Return when somebody last confirmed it after the acknowledgement, UTC ms.

    That is acknowledging the incident again, or a comment on one of its alarms.
    """
    session.flush()
    since = incident.acknowledged_at or 0
    confirmed = select(func.max(IncidentChange.at)).where(
        IncidentChange.incident_id == incident.id,
        IncidentChange.kind == "confirmed",
        IncidentChange.at >= since,
    )
    commented = (
        select(func.max(AlarmChange.at))
        .join(Alarm, Alarm.id == AlarmChange.alarm_id)
        .where(
            Alarm.incident_id == incident.id,
            AlarmChange.kind == "commented",
            AlarmChange.at >= since,
        )
    )
    times = [session.scalar(confirmed), session.scalar(commented)]
    return max((one for one in times if one is not None), default=None)
