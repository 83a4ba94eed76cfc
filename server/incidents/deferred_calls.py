"""Calls that a flood holds back: noted on the incident, made when the flood is over."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.alarms.floods import of_open_floods
from server.assets.model import Equipment
from server.incidents.escalation_steps import clear_acknowledgement
from server.incidents.model import Incident

_OWED = Incident.call_owed_at.is_not(None)


def owe_call(session: Session, incident: Incident, *, now: int) -> None:
    """People are called when the flood is over; who answered before has not seen this."""
    incident.call_owed_at = now
    clear_acknowledgement(session, incident)


def any_deferred_call(session: Session) -> bool:
    """Return whether a call is owed anywhere, floods that go on included."""
    return session.scalar(select(Incident.id).where(_OWED).limit(1)) is not None


def owed_incidents(session: Session, *, limit: int) -> Sequence[Incident]:
    """Return open incidents whose flood is over and that nobody was called for, locked."""
    in_flood = select(Equipment.id).where(Equipment.site_id.in_(of_open_floods()))
    query = select(Incident).where(
        _OWED, Incident.closed_at.is_(None), Incident.equipment_id.not_in(in_flood)
    )
    rows = query.order_by(Incident.id).limit(limit).with_for_update()
    return session.scalars(rows).all()
