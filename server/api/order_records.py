"""/work-orders/{id}/comments, files and lines: what is written down beside the steps."""

from http import HTTPStatus
from pathlib import Path as FilePath
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field
from sqlalchemy.orm import Session

from server.access.principal import Principal
from server.api.context import RowId, Services, Use, problems
from server.api.etag import IfMatch, expected_version, set_etag
from server.api.order_shapes import FileItem, LineItem, OrderDetail, OriginIn
from server.api.router import api_router
from server.api.shapes import InstantIn
from server.api.strict import Body
from server.api.visible import require_visible
from server.api.workorders import OrderReader, OrderStepper, order_detail, order_to_step
from server.assets.model import EquipmentDocument
from server.core.attachments import Attachments
from server.core.errors import ArgumentError
from server.core.media import ALLOWED, StoredMedia, sniff
from server.core.problem import ProblemError
from server.requests.progress import Progress, tell_residents
from server.workorders.attachments import FileKind, add_file, file_of
from server.workorders.history import Origin
from server.workorders.lines import LineKind, add_line, remove_line
from server.workorders.model import WorkOrder, WorkOrderFile
from server.workorders.service import (
    StaleVersionError,
    add_comment,
    check_version,
    get_order,
    make_appointment,
)

router = api_router(prefix="/work-orders", tag="work-orders", responses=problems())

RAW_FILE: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in ALLOWED},
    }
}
"""What OpenAPI says of a body that is a file; what it really is, is told by its bytes."""
FILE_ANSWER: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "What the file holds.",
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in ALLOWED},
    }
}


class CommentIn(OriginIn):
    """A remark."""

    comment: Annotated[str, Field(min_length=1, max_length=2000)]


class AppointmentIn(Body):
    """When somebody comes."""

    at: InstantIn
    note: Annotated[str | None, Field(max_length=2000)] = None


class LineIn(Body):
    """A part that was used, or hours that were worked."""

    kind: LineKind
    name: Annotated[str, Field(min_length=1, max_length=200)]
    """Of the part, or who worked."""
    quantity: Annotated[float, Field(gt=0, le=1_000_000)]
    unit: Annotated[str, Field(min_length=1, max_length=20)]
    """Of the quantity; labour is in hours."""
    unit_price_fen: Annotated[int, Field(ge=0, le=10_000_000_000)] = 0
    """0.01 yuan for one unit."""


@router.post("/{order_id}/comments", responses=problems(403, 404, 412))
def comment_work_order(
    order_id: RowId,
    body: CommentIn,
    use: Use,
    caller: OrderStepper,
    response: Response,
    *,
    if_match: IfMatch = None,
) -> OrderDetail:
    """Write a remark; also on an order that is over."""
    now = use.clock.now_ms()

    def change(session: Session) -> OrderDetail:
        check_version(
            order_to_step(session, order_id, caller, lock=True), expected_version(if_match)
        )
        order = add_comment(
            session, order_id, text=body.comment, by=caller.name, now=now, origin=body.origin
        )
        return order_detail(session, order, use.settings.work_orders, now)

    try:
        detail = use.records.write(change)
    except StaleVersionError as error:
        raise ProblemError(HTTPStatus.PRECONDITION_FAILED, str(error)) from error
    set_etag(response, detail.version)
    return detail


@router.post("/{order_id}/appointments", responses=problems(403, 404, 409, 412))
def make_work_order_appointment(
    order_id: RowId,
    body: AppointmentIn,
    use: Use,
    caller: OrderStepper,
    response: Response,
    *,
    if_match: IfMatch = None,
) -> OrderDetail:
    """Write down when somebody comes, as it was agreed; the last appointment counts."""
    now, settings = use.clock.now_ms(), use.settings.work_orders

    def change(session: Session) -> OrderDetail:
        order_to_step(session, order_id, caller)
        order = make_appointment(
            session,
            order_id,
            at=body.at,
            note=body.note,
            by=caller.name,
            now=now,
            settings=settings,
            expected_version=expected_version(if_match),
        )
        tell_residents(
            session, order, Progress.APPOINTMENT, settings=use.settings, now=now, at=body.at
        )
        return order_detail(session, order, settings, now)

    try:
        detail = use.records.write(change)
    except StaleVersionError as error:
        raise ProblemError(HTTPStatus.PRECONDITION_FAILED, str(error)) from error
    set_etag(response, detail.version)
    return detail


@router.post(
    "/{order_id}/files",
    status_code=HTTPStatus.CREATED,
    responses=problems(403, 404, 409, 413),
    openapi_extra=RAW_FILE,
)
async def add_work_order_file(
    order_id: RowId,
    request: Request,
    use: Use,
    caller: OrderStepper,
    response: Response,
    *,
    kind: Annotated[FileKind, Query(description="What it is for.")] = FileKind.PHOTO,
    name: Annotated[
        str, Query(min_length=1, max_length=200, description="Of a signature: who signed.")
    ],
    device: Annotated[
        str | None, Query(max_length=100, description="What it is sent with.")
    ] = None,
) -> FileItem:
    """Add a photo (JPEG, PNG, WebP), a PDF, a film (MP4) or a signature; 10 MB at most.

    The body is the file itself. What it is, is told by its bytes; a file that is there already is
    not added twice. The ETag is the version of the order.
    """
    content = await request.body()

    def add() -> FileItem:
        def change(session: Session) -> tuple[FileItem, int]:
            row = add_file(
                session,
                order_id,
                stored,
                kind=kind,
                name=name,
                by=caller.name,
                now=use.clock.now_ms(),
                origin=Origin(device),
            )
            version = get_order(session, order_id).version
            return FileItem.model_validate(row, from_attributes=True), version

        use.records.read(lambda session: order_to_step(session, order_id, caller))
        stored = keep(use.settings.data_dir, content)
        item, version = use.records.write(change)
        set_etag(response, version)
        return item

    return await run_in_threadpool(add)


@router.get("/{order_id}/files/{file_id}", responses={**FILE_ANSWER, **problems(404)})
def get_work_order_file(order_id: RowId, file_id: RowId, use: Use, caller: OrderReader) -> Response:
    """Return what a file holds."""
    row = _visible_file(use, order_id, file_id, caller)
    return file_answer(use, row, thumbnail=False)


@router.get("/{order_id}/files/{file_id}/thumbnail", responses={**FILE_ANSWER, **problems(404)})
def get_work_order_thumbnail(
    order_id: RowId, file_id: RowId, use: Use, caller: OrderReader
) -> Response:
    """Return a small JPEG of an image."""
    row = _visible_file(use, order_id, file_id, caller)
    if not row.has_thumbnail:
        raise ProblemError(HTTPStatus.NOT_FOUND, f"file {file_id} is no image")
    return file_answer(use, row, thumbnail=True)


@router.post(
    "/{order_id}/lines", status_code=HTTPStatus.CREATED, responses=problems(403, 404, 409, 412)
)
def add_work_order_line(
    order_id: RowId,
    body: LineIn,
    use: Use,
    caller: OrderStepper,
    response: Response,
    *,
    if_match: IfMatch = None,
) -> LineItem:
    """Write down a part that was used, or hours that were worked; the ETag is the order's."""

    def change(session: Session) -> tuple[LineItem, int]:
        order = order_to_step(session, order_id, caller, lock=True)
        check_version(order, expected_version(if_match))
        row = add_line(
            session, order_id, **body.model_dump(), by=caller.name, now=use.clock.now_ms()
        )
        return LineItem.of(row), order.version

    try:
        item, version = use.records.write(change)
    except StaleVersionError as error:
        raise ProblemError(HTTPStatus.PRECONDITION_FAILED, str(error)) from error
    set_etag(response, version)
    return item


@router.delete(
    "/{order_id}/lines/{line_id}",
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems(403, 404, 409),
)
def remove_work_order_line(order_id: RowId, line_id: RowId, use: Use, caller: OrderStepper) -> None:
    """Take a line back; the history keeps it."""
    now = use.clock.now_ms()

    def change(session: Session) -> None:
        order_to_step(session, order_id, caller)
        remove_line(session, order_id, line_id, by=caller.name, now=now)

    use.records.write(change)


def _visible_file(use: Services, order_id: int, file_id: int, caller: Principal) -> WorkOrderFile:
    def read(session: Session) -> WorkOrderFile:
        require_visible(
            session, WorkOrder, order_id, "work order", caller.scope, own=caller.own_names
        )
        return file_of(session, order_id, file_id)

    return use.records.read(read)


def keep(data_dir: FilePath, content: bytes, *, only: str = "") -> StoredMedia:
    """Find out what the bytes are and have them on disk before any row names them.

    Args:
        only: What their media type has to begin with.

    Raises:
        InvalidError: No kind of file that is accepted; nothing is on disk.
        StoreError: The disk is full.
    """
    media = sniff(content)
    if not media.media_type.startswith(only):
        raise ArgumentError("body", f"expected {only}..., got {media.media_type}")
    digest = Attachments(data_dir).keep(content, thumbnail=media.thumbnail)
    return StoredMedia(digest, len(content), media)


def file_answer(
    use: Services, row: WorkOrderFile | EquipmentDocument, *, thumbnail: bool
) -> Response:
    """Return the bytes; a browser shows images and saves everything else."""
    content = Attachments(use.settings.data_dir).read(row.sha256, thumbnail=thumbnail)
    shown = "inline" if row.media_type.startswith("image/") else "attachment"
    return Response(
        content,
        media_type="image/jpeg" if thumbnail else row.media_type,
        headers={"Content-Disposition": f"{shown}; filename*=UTF-8''{quote(row.name)}"},
    )
