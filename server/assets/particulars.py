"""The ledger as people keep it: rooms, and the particulars of equipment."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from server.assets.model import Equipment, Particulars, Room, Site
from server.core.errors import ConflictError, NotFoundError
from server.core.records import record_event

EMPTY: Final[Mapping[str, Any]] = {
    "room_id": None,
    "maker": "",
    "model": "",
    "serial_number": "",
    "warranty_until": None,
    "builder": None,
    "contractor": None,
    "contract_from": None,
    "contract_until": None,
    "contract_hours": None,
}
"""Of equipment of which nobody has written anything."""


class StaleParticularsError(ConflictError):
    """They were changed by somebody else meanwhile; 412."""


def particulars_of(session: Session, equipment_id: int, *, lock: bool = False) -> Particulars:
    """Return the particulars of equipment, version 0 when there are none yet."""
    row = session.get(Particulars, equipment_id, with_for_update=lock)
    return row or Particulars(
        equipment_id=equipment_id, **EMPTY, version=0, changed_at=0, changed_by=""
    )


def save_particulars(
    session: Session,
    equipment_id: int,
    changes: Mapping[str, Any],
    *,
    by: str,
    now: int,
    expected_version: int | None = None,
) -> Particulars:
    """Write particulars; what is not among the changes stays.

    Raises:
        StaleParticularsError: Their version is not the expected one.
    """
    row = particulars_of(session, equipment_id, lock=True)
    if expected_version is not None and row.version != expected_version:
        raise StaleParticularsError(
            f"the particulars of equipment {equipment_id} have version {row.version}, "
            f"not {expected_version}"
        )
    if row.version and all(getattr(row, name) == value for name, value in changes.items()):
        return row
    for name, value in changes.items():
        setattr(row, name, value)
    row.version, row.changed_at, row.changed_by = row.version + 1, now, by
    session.add(row)
    session.flush()
    record_event(
        session,
        at=now,
        topic="audit",
        kind="equipment.particulars_changed",
        subject_id=equipment_id,
        by=by,
        payload={"equipment_id": equipment_id, "changes": dict(changes)},
    )
    return row


def save_room(
    session: Session, site_id: int, key: str, changes: Mapping[str, Any], *, by: str, now: int
) -> Room:
    """Make or change a room; what is not among the changes stays."""
    query = select(Room).where(Room.site_id == site_id, Room.key == key).with_for_update()
    row = session.scalar(query) or Room(site_id=site_id, key=key, building="", floor="", name="")
    for name, value in changes.items():
        setattr(row, name, value)
    session.add(row)
    session.flush()
    site = session.get_one(Site, site_id).key
    payload = {"site": site, "key": key, **changes}
    record_event(session, at=now, topic="audit", kind="room.saved", by=by, payload=payload)
    return row


def room_of(session: Session, site_id: int, key: str) -> Room:
    """Return a room of an estate.

    Raises:
        NotFoundError: There is none.
    """
    row = session.scalar(select(Room).where(Room.site_id == site_id, Room.key == key))
    if row is None:
        raise NotFoundError(f"no room {key!r} at this site")
    return row


def delete_room(session: Session, site_id: int, key: str, *, by: str, now: int) -> None:
    """Delete a room in which nothing is.

    Raises:
        NotFoundError: There is none.
        ConflictError: Equipment is in it, or somebody has asked for repairs there.
    """
    row = room_of(session, site_id, key)
    inside = session.scalar(
        select(Equipment.key)
        .join(Particulars, Particulars.equipment_id == Equipment.id)
        .where(Particulars.room_id == row.id)
        .limit(1)
    )
    if inside is not None:
        raise ConflictError(f"room {key!r} has equipment in it, such as {inside}")
    session.delete(row)
    try:
        session.flush()
    except IntegrityError as error:
        raise ConflictError(
            f"room {key!r} is kept: repairs were asked for there, or a code to scan is made for it"
        ) from error
    record_event(session, at=now, topic="audit", kind="room.deleted", by=by, payload={"key": key})
