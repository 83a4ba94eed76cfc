"""Equipment that maintenance has taken out of service, and its return."""

from sqlalchemy.orm import Session

from server.assets.events import record_equipment
from server.assets.model import Equipment
from server.core.errors import ArgumentError
from server.core.instant import rfc3339


def begin_out_of_service(
    session: Session,
    equipment: Equipment,
    *,
    until: int,
    reason: str,
    by: str,
    longest_ms: int,
    now: int,
) -> None:
    """Take equipment out of service: by whom, why and until when; repeating it moves the end.

    Raises:
        ArgumentError: No reason, an end that is past or too far away.
    """
    if not reason.strip():
        raise ArgumentError("reason", "say why it is out of service")
    if until <= now:
        raise ArgumentError("until", "this is past")
    if until - now > longest_ms:
        raise ArgumentError("until", f"{longest_ms / 86_400_000:g} days at most")
    if equipment.out_of_service_since_at is None:
        equipment.out_of_service_since_at = now
    equipment.out_of_service_until_at = until
    equipment.out_of_service_by = by
    equipment.out_of_service_reason = reason
    _record(session, equipment, kind="out_of_service", by=by, now=now)


def end_out_of_service(session: Session, equipment: Equipment, *, by: str | None, now: int) -> bool:
    """Put it back; False when it was in service."""
    if equipment.out_of_service_since_at is None:
        return False
    _record(session, equipment, kind="in_service", by=by, now=now)
    equipment.out_of_service_since_at = equipment.out_of_service_until_at = None
    equipment.out_of_service_by = equipment.out_of_service_reason = None
    return True


def _record(session: Session, equipment: Equipment, *, kind: str, by: str | None, now: int) -> None:
    until = equipment.out_of_service_until_at
    more = {
        "reason": equipment.out_of_service_reason,
        "until": None if until is None else rfc3339(until),
    }
    record_equipment(session, equipment, kind=kind, at=now, by=by, more=more)
