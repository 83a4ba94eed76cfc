"""Equipment and points that are no longer there: removed by their gateway, retired by people."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from server.assets.event_rate import words_of
from server.assets.events import record_equipment
from server.assets.model import Equipment, Gateway, Point, Site
from server.core.errors import ArgumentError, ConflictError

REMOVED = "removed"
"""Why equipment is not online: its gateway no longer has it."""
_DAY_MS = 86_400_000


class Absence(NamedTuple):
    """Why no rule watches equipment."""

    removed: bool
    """Its gateway says that it no longer has it."""
    retired: bool
    """A person, or the setting of its site, says that it is gone for good."""


PRESENT = Absence(removed=False, retired=False)


def mark_removed(
    session: Session,
    equipment_ids: Collection[int],
    /,
    *,
    omitted_before: Mapping[int, int],
    at: int,
) -> None:
    """Record that the gateway no longer has this equipment; what is marked already stays so.

    Args:
        session: The transaction.
        equipment_ids: Which.
        omitted_before: Those of which an event is written, with the number of changes that were
            omitted before it.
        at: UTC ms.
    """
    query = select(Equipment).where(Equipment.id.in_(equipment_ids), Equipment.removed_at.is_(None))
    for row in session.scalars(query.with_for_update()):
        row.removed_at = at
        if not row.online:
            row.reason = REMOVED
        if row.id in omitted_before:
            _record(session, row, kind="removed", at=at, omitted=omitted_before[row.id])


def mark_present(
    session: Session,
    equipment_ids: Collection[int],
    /,
    *,
    omitted_before: Mapping[int, int],
    at: int,
) -> None:
    """Record that this equipment is there again: neither removed nor retired.

    Args:
        session: The transaction.
        equipment_ids: Which.
        omitted_before: Those of which an event is written, with the number of changes that were
            omitted before it.
        at: UTC ms.
    """
    query = select(Equipment).where(Equipment.id.in_(equipment_ids), absent())
    for row in session.scalars(query.with_for_update()):
        row.removed_at = row.retired_at = row.retired_by = row.retired_reason = None
        if row.id in omitted_before:
            _record(session, row, kind="restored", at=at, omitted=omitted_before[row.id])


def record_state(session: Session, equipment_id: int, *, omitted: int, at: int) -> None:
    """Write the event of what is so now, for changes that have none of their own."""
    row = session.get_one(Equipment, equipment_id)
    record_equipment(
        session,
        row,
        kind="online" if row.online else "offline",
        at=at,
        more={"online": row.online, "reason": row.reason, **words_of(omitted)},
    )


def mark_points(
    session: Session, equipment_id: int, *, removed: Collection[str], back: Collection[str], at: int
) -> None:
    """Record which points a birth does not name any more, and which it names again."""
    of = Point.equipment_id == equipment_id
    if removed:
        session.execute(update(Point).where(of, Point.name.in_(removed)).values(removed_at=at))
    if back:
        session.execute(update(Point).where(of, Point.name.in_(back)).values(removed_at=None))


def absent() -> ColumnElement[bool]:
    """Return the condition that equipment is removed or retired."""
    return Equipment.removed_at.is_not(None) | Equipment.retired_at.is_not(None)


def present() -> ColumnElement[bool]:
    """Return the condition that equipment is neither removed nor retired."""
    return Equipment.removed_at.is_(None) & Equipment.retired_at.is_(None)


def absent_rows(session: Session) -> dict[int, Absence]:
    """Return all equipment that is removed or retired, by id."""
    columns = Equipment.id, Equipment.removed_at, Equipment.retired_at
    return {
        row_id: Absence(removed_at is not None, retired_at is not None)
        for row_id, removed_at, retired_at in session.execute(select(*columns).where(absent()))
    }


def overdue_ids(session: Session, *, now: int) -> list[int]:
    """Return the ids of removed equipment that the setting of its site retires by now."""
    days = Site.retire_removed_after_days
    query = (
        select(Equipment.id)
        .join(Site, Site.id == Equipment.site_id)
        .where(
            Equipment.retired_at.is_(None),
            days.is_not(None),
            Equipment.removed_at + days * _DAY_MS <= now,
        )
    )
    return list(session.scalars(query.order_by(Equipment.id)))


def begin_retirement(
    session: Session, equipment: Equipment, *, reason: str, by: str, now: int
) -> list[Equipment]:
    """Retire equipment, and with a gateway what hangs on it; return what was not retired before.

    Raises:
        ConflictError: It answers.
        ArgumentError: No reason.
    """
    if not reason.strip():
        raise ArgumentError("reason", "say why it is retired")
    if equipment.retired_at is not None:
        return []
    if equipment.online:
        raise ConflictError(
            f"{equipment.key} is online: take it out of its gateway first, "
            "or out of service for a while"
        )
    gateway = session.get_one(Gateway, equipment.gateway_id)
    units = [equipment]
    if equipment.key == gateway.key:
        query = select(Equipment).where(
            Equipment.gateway_id == gateway.id, Equipment.retired_at.is_(None)
        )
        units = list(session.scalars(query.order_by(Equipment.id).with_for_update()))
    for unit in units:
        unit.retired_at, unit.retired_by, unit.retired_reason = now, by, reason
        _record(session, unit, kind="retired", at=now, by=by)
    return units


def end_retirement(session: Session, equipment: Equipment, *, by: str, now: int) -> bool:
    """Take equipment back into the lists; False when it was not retired."""
    if equipment.retired_at is None:
        return False
    equipment.retired_at = equipment.retired_by = equipment.retired_reason = None
    _record(session, equipment, kind="restored", at=now, by=by)
    return True


def _record(
    session: Session,
    equipment: Equipment,
    *,
    kind: str,
    at: int,
    by: str | None = None,
    omitted: int = 0,
) -> None:
    more = {"reason": equipment.retired_reason, **words_of(omitted)}
    record_equipment(session, equipment, kind=kind, at=at, by=by, more=more)
