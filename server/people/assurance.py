"""Assurance periods (重大活动, 节假日保障): what opens during one is a class higher."""

from datetime import date
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.classes import Severity
from config.people import AssuranceSettings
from server.people.duty import local
from server.people.model import Assurance

_HIGHER = {
    Severity.LOW: Severity.MEDIUM,
    Severity.MEDIUM: Severity.HIGH,
    Severity.HIGH: Severity.URGENT,
    Severity.URGENT: Severity.URGENT,
}


def raised(severity: str) -> str:
    """Return the class above a severity."""
    return _HIGHER[Severity(severity)].value


def is_assured(settings: AssuranceSettings, site: str, at: int) -> bool:
    """Return whether a period holds at an estate at an instant, UTC ms."""
    day = local(at, ZoneInfo(settings.time_zone)).date()
    inside = date.fromisoformat(settings.first) <= day <= date.fromisoformat(settings.last)
    return inside and (not settings.sites or site in settings.sites)


def severity_at(session: Session, severity: str, *, site: str, at: int) -> str:
    """Return how severe something of a severity is at an estate at an instant."""
    bodies = session.scalars(select(Assurance.body))
    held = any(is_assured(AssuranceSettings.model_validate(one), site, at) for one in bodies)
    return raised(severity) if held else severity
