"""An acknowledged incident goes on in other hands."""

from sqlalchemy.orm import Session

from server.core.errors import ConflictError, NotFoundError
from server.incidents.escalation_steps import add_change, start_idle_timer
from server.incidents.model import Incident
from server.incidents.service import record_incident_event


def hand_incident_over(
    session: Session,
    incident_id: int,
    *,
    whose: str | None,
    to: str,
    note: str | None,
    by: str,
    now: int,
) -> Incident:
    """Write down who goes on with an incident; the idle time begins anew.

    Args:
        session: The transaction.
        incident_id: The incident.
        whose: Who had it; None: nobody.
        to: Who has it since.
        note: Why, in words.
        by: Who hands it over.
        now: UTC ms.

    Raises:
        NotFoundError: No such incident.
        ConflictError: It is over.
    """
    incident = session.get(Incident, incident_id, with_for_update=True)
    if incident is None:
        raise NotFoundError(f"no incident {incident_id}")
    if incident.closed_at is not None:
        raise ConflictError(f"incident {incident_id} is over; nobody has to go on with it")
    incident.assignee = to
    words = f"{whose or '-'} -> {to}"
    add_change(
        session,
        incident,
        kind="handed_over",
        at=now,
        by=by,
        note=f"{words}: {note}" if note else words,
    )
    start_idle_timer(session, incident, now=now)
    record_incident_event(
        session,
        incident,
        kind="incident.handed_over",
        at=now,
        by=by,
        more={"from_assignee": whose, "to_assignee": to},
    )
    return incident
