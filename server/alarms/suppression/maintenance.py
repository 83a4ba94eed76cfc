"""Why an alarm that is raised is not announced: maintenance, or an outage that explains it."""

from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from server.alarms.evaluation.step import Transition
from server.alarms.model import Alarm
from server.alarms.repository import add_change
from server.assets.model import Equipment

Suppression = Callable[[Session, Transition, int], dict[str, Any]]
"""Returns columns of the alarm's row; called with the server's time."""


def suppress_nothing(_session: Session, _transition: Transition, _now: int) -> dict[str, Any]:
    """Tell people of everything."""
    return {}


def suppress_out_of_service(session: Session, transition: Transition, now: int) -> dict[str, Any]:
    """Suppress what is raised on equipment that maintenance has taken out; never life safety."""
    if transition.rule.settings.life_safety:
        return {}
    return out_of_service(session.get_one(Equipment, transition.series.equipment_id), now=now)


def out_of_service(equipment: Equipment, *, now: int) -> dict[str, Any]:
    """Return the columns of an alarm of equipment that may be out of service."""
    until = equipment.out_of_service_until_at
    if until is None or until <= now:
        return {}
    return {
        "out_of_service_until_at": until,
        "out_of_service_by": equipment.out_of_service_by,
    }


def note_suppressed(session: Session, alarm: Alarm, *, at: int, now: int) -> None:
    """Write into the history of an alarm that was just raised why it is not announced."""
    if alarm.out_of_service_until_at is not None:
        by = alarm.out_of_service_by
        add_change(session, alarm, kind="out_of_service", at=at, now=now, by=by)
    if alarm.suppressed_by is not None:
        cause = alarm.suppressed_by
        add_change(session, alarm, kind="suppressed", at=at, now=now, comment=cause)
