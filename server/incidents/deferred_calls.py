"""Deferred calls: a flood holds them back; they are noted on the incident and made afterwards."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.alarms.floods import of_open_floods
from server.assets.model import Equipment
from server.incidents.escalation_steps import clear_acknowledgement
from server.incidents.model import Incident

_DEFERRED = Incident.deferred_call_at.is_not(None)


def defer_call(session: Session, incident: Incident, *, now: int) -> None:
    """Call people when the flood is over; an acknowledgement from before is cleared."""
    incident.deferred_call_at = now
    clear_acknowledgement(session, incident)


def any_deferred_call(session: Session) -> bool:
    """Return whether any call is deferred, those of floods that go on included."""
    return session.scalar(select(Incident.id).where(_DEFERRED).limit(1)) is not None


def due_for_deferred_call(session: Session, *, limit: int) -> Sequence[Incident]:
    """Return open incidents with a deferred call whose flood is over, locked."""
    in_flood = select(Equipment.id).where(Equipment.site_id.in_(of_open_floods()))
    query = select(Incident).where(
        _DEFERRED, Incident.closed_at.is_(None), Incident.equipment_id.not_in(in_flood)
    )
    rows = query.order_by(Incident.id).limit(limit).with_for_update()
    return session.scalars(rows).all()
