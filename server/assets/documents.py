"""Documents of equipment: manuals, drawings, certificates."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.assets.model import Equipment, EquipmentDocument
from server.core.errors import ArgumentError, ConflictError, NotFoundError
from server.core.media import StoredMedia
from server.core.records import record_event

MOST_DOCUMENTS: Final = 100
"""Of one piece of equipment."""


def add_document(
    session: Session, equipment_id: int, stored: StoredMedia, *, name: str, by: str, now: int
) -> EquipmentDocument:
    """Write the row of a document; the same file is there once.

    Raises:
        ConflictError: There are as many as there may be.
        ArgumentError: It has no name.
    """
    if not name.strip():
        raise ArgumentError("name", "say what it is called")
    # Two that are added at once are counted one after the other.
    session.get_one(Equipment, equipment_id, with_for_update=True)
    known = documents_of(session, equipment_id)
    for one in known:
        if one.sha256 == stored.sha256:
            return one
    if len(known) >= MOST_DOCUMENTS:
        raise ConflictError(
            f"equipment {equipment_id} has {MOST_DOCUMENTS} documents, which is the most"
        )
    row = EquipmentDocument(
        equipment_id=equipment_id,
        name=name.strip(),
        media_type=stored.media.media_type,
        size=stored.size,
        sha256=stored.sha256,
        added_at=now,
        added_by=by,
    )
    session.add(row)
    session.flush()
    _record(session, row, "added", by=by, now=now)
    return row


def documents_of(session: Session, equipment_id: int) -> Sequence[EquipmentDocument]:
    """Return the documents of equipment, oldest first."""
    query = select(EquipmentDocument).where(EquipmentDocument.equipment_id == equipment_id)
    return session.scalars(query.order_by(EquipmentDocument.id)).all()


def document_of(session: Session, equipment_id: int, document_id: int) -> EquipmentDocument:
    """Return a document of equipment.

    Raises:
        NotFoundError: The equipment has no such document.
    """
    row = session.get(EquipmentDocument, document_id)
    if row is None or row.equipment_id != equipment_id:
        raise NotFoundError(f"equipment {equipment_id} has no document {document_id}")
    return row


def remove_document(
    session: Session, equipment_id: int, document_id: int, *, by: str, now: int
) -> None:
    """Delete the row; the file goes with the next sweep, when no other row names it.

    Raises:
        NotFoundError: The equipment has no such document.
    """
    row = document_of(session, equipment_id, document_id)
    session.delete(row)
    _record(session, row, "removed", by=by, now=now)


def _record(session: Session, row: EquipmentDocument, what: str, *, by: str, now: int) -> None:
    record_event(
        session,
        at=now,
        topic="audit",
        kind=f"equipment.document_{what}",
        subject_id=row.equipment_id,
        by=by,
        payload={"equipment_id": row.equipment_id, "document_id": row.id, "name": row.name},
    )
