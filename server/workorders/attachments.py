"""Photos, documents and signatures of work orders."""

from collections.abc import Sequence
from enum import StrEnum

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.assets.model import EquipmentDocument
from server.core.attachments import Attachments
from server.core.clock import Clock
from server.core.errors import ArgumentError, ConflictError, NotFoundError
from server.core.media import StoredMedia
from server.core.records import Records
from server.workorders.history import NOWHERE, EventKind, Origin, add_event, record_order_event
from server.workorders.model import WorkOrder, WorkOrderFile
from server.workorders.service import get_order

log = structlog.get_logger()

MOST_FILES = 50
"""Of one order."""


class FileKind(StrEnum):
    """What a file is for."""

    PHOTO = "photo"
    DOCUMENT = "document"
    SIGNATURE = "signature"


def add_file(
    session: Session,
    order_id: int,
    stored: StoredMedia,
    *,
    kind: FileKind,
    name: str,
    by: str,
    now: int,
    origin: Origin = NOWHERE,
) -> WorkOrderFile:
    """Write the row of a file; the same file of the same kind is there once.

    Raises:
        NotFoundError: No such order.
        ConflictError: The order is over, or has as many files as it may.
        ArgumentError: A photo or a signature that is no image, or without a name.
    """
    order = get_order(session, order_id, lock=True)
    check_open(order)
    if not name.strip():
        raise ArgumentError("name", "say what it is called; of a signature who signed")
    image = stored.media.media_type.startswith("image/")
    if kind is FileKind.SIGNATURE and not image:
        raise ArgumentError("kind", f"a signature is an image, got {stored.media.media_type}")
    if kind is FileKind.PHOTO and not (image or stored.media.media_type.startswith("video/")):
        raise ArgumentError("kind", f"a photo is an image or a film, got {stored.media.media_type}")
    files = files_of(session, order_id)
    for one in files:
        if (one.sha256, one.kind) == (stored.sha256, kind):
            return one
    if len(files) >= MOST_FILES:
        raise ConflictError(f"work order {order_id} has {MOST_FILES} files, which is the most")
    row = WorkOrderFile(
        work_order_id=order_id,
        kind=kind.value,
        name=name.strip(),
        media_type=stored.media.media_type,
        size=stored.size,
        sha256=stored.sha256,
        has_thumbnail=stored.media.thumbnail is not None,
        added_at=now,
        added_by=by,
    )
    session.add(row)
    add_event(
        session,
        order,
        kind=EventKind.FILE,
        by=by,
        reason=kind.value,
        note=row.name,
        now=now,
        origin=origin,
    )
    session.flush()
    record_order_event(session, order, kind="work-order.file_added", at=now, by=by)
    return row


def files_of(session: Session, order_id: int) -> Sequence[WorkOrderFile]:
    """Return the files of an order, oldest first."""
    query = select(WorkOrderFile).where(WorkOrderFile.work_order_id == order_id)
    return session.scalars(query.order_by(WorkOrderFile.id)).all()


def file_of(session: Session, order_id: int, file_id: int) -> WorkOrderFile:
    """Return a file of an order.

    Raises:
        NotFoundError: The order has no such file.
    """
    row = session.get(WorkOrderFile, file_id)
    if row is None or row.work_order_id != order_id:
        raise NotFoundError(f"work order {order_id} has no file {file_id}")
    return row


def sweep_attachments(records: Records, attachments: Attachments, clock: Clock) -> None:
    """Delete files that no row names, such as those of an upload that was cut short.

    Raises:
        StoreError: The records or the folder cannot be reached.
    """
    known = records.read(_named)
    deleted = attachments.sweep(known, now=clock.now_ms())
    if deleted:
        log.info("attachments_deleted", files=len(deleted))


def _named(session: Session) -> set[str]:
    """Return the names on disk of all files that rows name."""
    columns = (WorkOrderFile.sha256, EquipmentDocument.sha256)
    return {digest for column in columns for digest in session.scalars(select(column))}


def check_open(order: WorkOrder) -> None:
    """Go on while something may be added to the order.

    Raises:
        ConflictError: It is over.
    """
    if order.closed_at is not None:
        raise ConflictError(f"work order {order.id} is {order.state}; only a comment may be added")
