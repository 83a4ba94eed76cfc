"""Particulars of equipment: where it is, who made it, who looks after it."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from config.base import Identifier
from config.work_orders import ServiceHours
from server.access.principal import Principal
from server.api.context import RowId, Services, Use, problems
from server.api.etag import IfMatch, expected_version, set_etag
from server.api.rights import PlantReader
from server.api.rooms import LedgerWriter, RoomItem, require_contractor, room_item
from server.api.router import api_router
from server.api.shapes import Day, Instant
from server.api.strict import Body
from server.api.visible import require_visible
from server.assets.model import Equipment, Particulars, Room
from server.assets.particulars import (
    StaleParticularsError,
    particulars_of,
    room_of,
    save_particulars,
)
from server.core.errors import NotFoundError
from server.core.problem import ProblemError

router = api_router(tag="ledger", responses=problems(404))


class ParticularsIn(Body):
    """What people know of equipment; what is left out stays as it is."""

    room: Annotated[str | None, Field(max_length=64)] = None
    """Key of a room of its estate."""
    maker: Annotated[str, Field(max_length=200)] = ""
    model: Annotated[str, Field(max_length=200)] = ""
    serial_number: Annotated[str, Field(max_length=200)] = ""
    warranty_until: Day | None = None
    """Last day."""
    builder: Identifier | None = None
    """Key of the contractor who repairs it in warranty."""
    contractor: Identifier | None = None
    """Key of the contractor of its maintenance contract."""
    contract_from: Day | None = None
    contract_until: Day | None = None
    contract_hours: ServiceHours | None = None
    """When the contractor comes; null: always."""


class ParticularsItem(BaseModel):
    """What people know of equipment."""

    equipment_id: int
    room: RoomItem | None
    maker: str
    model: str
    serial_number: str
    warranty_until: str | None
    builder: str | None
    contractor: str | None
    contract_from: str | None
    contract_until: str | None
    contract_hours: ServiceHours | None
    version: int
    """Counts changes; also the ETag; 0: nobody has written anything."""
    changed_at: Instant | None
    changed_by: str


@router.get("/equipment/{equipment_id}/particulars")
def get_particulars(
    equipment_id: RowId, use: Use, caller: PlantReader, response: Response
) -> ParticularsItem:
    """Show place, maker, warranty and contract of equipment; the ETag is the version."""

    def read(session: Session) -> ParticularsItem:
        _equipment(session, equipment_id, caller)
        return _shown(session, particulars_of(session, equipment_id), use)

    item = use.records.read(read)
    set_etag(response, item.version)
    return item


@router.put("/equipment/{equipment_id}/particulars", responses=problems(403, 412))
def save_particulars_(
    equipment_id: RowId,
    body: ParticularsIn,
    use: Use,
    caller: LedgerWriter,
    response: Response,
    *,
    if_match: IfMatch = None,
) -> ParticularsItem:
    """Write what is given; new orders are dispatched by it."""

    def change(session: Session) -> ParticularsItem:
        equipment = _equipment(session, equipment_id, caller)
        changes = body.model_dump(mode="json", exclude_unset=True)
        if "room" in changes:
            key = changes.pop("room")
            room = None if key is None else room_of(session, equipment.site_id, key)
            changes["room_id"] = None if room is None else room.id
        for field in ("builder", "contractor"):
            if changes.get(field) is not None:
                require_contractor(session, field, changes[field])
        row = save_particulars(
            session,
            equipment_id,
            changes,
            by=caller.name,
            now=use.clock.now_ms(),
            expected_version=expected_version(if_match),
        )
        return _shown(session, row, use)

    try:
        item = use.records.write(change)
    except StaleParticularsError as error:
        raise ProblemError(HTTPStatus.PRECONDITION_FAILED, str(error)) from error
    set_etag(response, item.version)
    return item


def _equipment(session: Session, equipment_id: int, caller: Principal) -> Equipment:
    require_visible(session, Equipment, equipment_id, "equipment", caller.scope)
    row = session.get(Equipment, equipment_id)
    if row is None:
        raise NotFoundError(f"no equipment {equipment_id}")
    return row


def _shown(session: Session, row: Particulars, use: Services) -> ParticularsItem:
    settings = use.settings.work_orders.room_warranty
    room = None if row.room_id is None else session.get_one(Room, row.room_id)
    return ParticularsItem(
        equipment_id=row.equipment_id,
        room=None if room is None else room_item(session, room, settings),
        maker=row.maker,
        model=row.model,
        serial_number=row.serial_number,
        warranty_until=row.warranty_until,
        builder=row.builder,
        contractor=row.contractor,
        contract_from=row.contract_from,
        contract_until=row.contract_until,
        contract_hours=(
            None if row.contract_hours is None else ServiceHours.model_validate(row.contract_hours)
        ),
        version=row.version,
        changed_at=row.changed_at or None,
        changed_by=row.changed_by,
    )
