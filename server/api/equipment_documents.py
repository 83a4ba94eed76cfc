"""/equipment/{id}/documents: manuals, drawings and certificates in the ledger."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel
from sqlalchemy.orm import Session

from server.access.principal import Principal
from server.api.context import RowId, Use, problems
from server.api.lookup import get_or_404
from server.api.order_records import FILE_ANSWER, RAW_FILE, file_answer, keep
from server.api.rights import PlantReader
from server.api.rooms import LedgerWriter
from server.api.router import api_router
from server.api.shapes import Instant
from server.assets.documents import (
    add_document,
    document_of,
    documents_of,
    remove_document,
)
from server.assets.model import Equipment, EquipmentDocument

router = api_router(prefix="/equipment", tag="ledger", responses=problems(404))


class DocumentItem(BaseModel):
    """A document of equipment."""

    id: int
    name: str
    media_type: str
    size: int
    """Bytes."""
    added_at: Instant
    added_by: str


class DocumentReport(BaseModel):
    """Documents of one piece of equipment, oldest first."""

    items: list[DocumentItem]


@router.get("/{equipment_id}/documents")
def list_equipment_documents(equipment_id: RowId, use: Use, caller: PlantReader) -> DocumentReport:
    """List the documents of equipment: 100 at most."""

    def read(session: Session) -> list[DocumentItem]:
        _require(session, equipment_id, caller)
        return [_item(row) for row in documents_of(session, equipment_id)]

    return DocumentReport(items=use.records.read(read))


@router.post(
    "/{equipment_id}/documents",
    status_code=HTTPStatus.CREATED,
    responses=problems(403, 409, 413),
    openapi_extra=RAW_FILE,
)
async def add_equipment_document(
    equipment_id: RowId,
    request: Request,
    use: Use,
    caller: LedgerWriter,
    *,
    name: Annotated[str, Query(min_length=1, max_length=200, description="What it is called.")],
) -> DocumentItem:
    """Add a PDF, an image (JPEG, PNG, WebP) or a film (MP4); 10 MB at most.

    The body is the file itself. What it is, is told by its bytes; a file that is there already is
    not added twice.
    """
    content = await request.body()

    def add() -> DocumentItem:
        use.records.read(lambda session: _require(session, equipment_id, caller))
        stored = keep(use.settings.data_dir, content)
        now = use.clock.now_ms()

        def change(session: Session) -> DocumentItem:
            row = add_document(session, equipment_id, stored, name=name, by=caller.name, now=now)
            return _item(row)

        return use.records.write(change)

    return await run_in_threadpool(add)


@router.get("/{equipment_id}/documents/{document_id}", responses=FILE_ANSWER)
def get_equipment_document(
    equipment_id: RowId, document_id: RowId, use: Use, caller: PlantReader
) -> Response:
    """Return what a document holds."""

    def read(session: Session) -> EquipmentDocument:
        _require(session, equipment_id, caller)
        return document_of(session, equipment_id, document_id)

    return file_answer(use, use.records.read(read), thumbnail=False)


@router.delete(
    "/{equipment_id}/documents/{document_id}",
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems(403),
)
def remove_equipment_document(
    equipment_id: RowId, document_id: RowId, use: Use, caller: LedgerWriter
) -> None:
    """Delete a document; the audit keeps that it was there."""
    now = use.clock.now_ms()

    def change(session: Session) -> None:
        _require(session, equipment_id, caller)
        remove_document(session, equipment_id, document_id, by=caller.name, now=now)

    use.records.write(change)


def _require(session: Session, equipment_id: int, caller: Principal) -> None:
    get_or_404(session, Equipment, equipment_id, "equipment", caller.scope)


def _item(row: EquipmentDocument) -> DocumentItem:
    return DocumentItem.model_validate(row, from_attributes=True)
