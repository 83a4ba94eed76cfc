"""Why nobody is told of an alarm that is raised: maintenance, or an outage that explains it."""

from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from server.alarms.step import Transition
from server.assets.model import Equipment

Hiding = Callable[[Session, Transition, int], dict[str, Any]]
"""Returns columns of the alarm's row; called with the server's time."""


def hide_nothing(_session: Session, _transition: Transition, _now: int) -> dict[str, Any]:
    """Tell people of everything."""
    return {}


def hide_out_of_service(session: Session, transition: Transition, now: int) -> dict[str, Any]:
    """Hide what is raised on equipment that maintenance has taken out; never life safety."""
    if transition.rule.settings.life_safety:
        return {}
    equipment = session.get_one(Equipment, transition.series.equipment_id)
    until = equipment.out_of_service_until_at
    if until is None or until <= now:
        return {}
    return {
        "out_of_service_until_at": until,
        "out_of_service_by": equipment.out_of_service_by,
    }
