"""Whether somebody moves after an acknowledgement: steps of the order, or signs without one."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.alarms.model import Alarm, AlarmChange
from server.core.timers import cancel_timer
from server.incidents.escalation_steps import idle_key, watch
from server.incidents.model import Incident, IncidentChange
from server.incidents.service import lock_open, take_care


def note_movement(
    session: Session,
    *,
    equipment_id: int,
    cause: str,
    moves: bool,
    ends: bool,
    by: str,
    now: int,
) -> None:
    """A work order of this equipment and cause took a step.

    Whoever accepts the order takes care of the incident too. Handing an order over, back, or giving
    it up moves nobody: the clock of an acknowledged incident starts again.

    Args:
        moves: Somebody works on it, or has.
        ends: The order is over.
    """
    incident = lock_open(session, equipment_id, cause)
    if incident is None:
        return
    if not moves:
        incident.moving_since_at = None
        watch(session, incident, now=now)
        return
    incident.moving_since_at = None if ends else incident.moving_since_at or now
    if not take_care(session, incident, by=by, kind="moved", now=now):
        cancel_timer(session, idle_key(incident.id))


def newest_sign(session: Session, incident: Incident) -> int | None:
    """Return when somebody last said that it is taken care of, after the acknowledgement, UTC ms.

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
    signs = [session.scalar(confirmed), session.scalar(commented)]
    return max((one for one in signs if one is not None), default=None)
