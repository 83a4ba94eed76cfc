"""Rooms of an estate, and until when the builder repairs what is wrong in them."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Path, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import Session

from config.base import Identifier
from config.classes import Trade
from config.work_orders import RoomWarrantySettings
from server.access.principal import Principal
from server.access.roles import Permission
from server.api.context import PAGE, Cursor, Limit, Use, problems
from server.api.lookup import site_id as site_id_of
from server.api.pages import PageOf
from server.api.rights import PlantReader, may
from server.api.router import api_router
from server.api.shapes import Day, fields_of
from server.api.strict import Body
from server.assets.model import Room, Site
from server.assets.particulars import delete_room, save_room
from server.assets.room_warranty import warranty_until
from server.core.paging import Found, Listing, columns_of
from server.core.problem import FieldError
from server.people.service import load_directory

router = api_router(tag="ledger", responses=problems(404))

LedgerWriter = Annotated[Principal, may(Permission.LEDGER_WRITE)]
SiteKey = Annotated[str, Path(max_length=64, description="Key of an estate.")]
RoomKey = Annotated[str, Path(max_length=64, description="As people write it, such as 3-2-501.")]


class RoomIn(Body):
    """A room of the plant, or of residents; what is left out stays as it is."""

    building: Annotated[str, Field(max_length=64)] = ""
    floor: Annotated[str, Field(max_length=64)] = ""
    name: Annotated[str, Field(max_length=200)] = ""
    moved_in: Day | None = None
    """Day on which it was handed to its resident; its warranty begins."""
    warranty: dict[Trade, Day] | None = None
    """Last day by trade, where another one was agreed on; the whole list at once."""
    builder: Identifier | None = None
    """Key of the contractor who repairs what is wrong in it in warranty."""


class RoomItem(BaseModel):
    """A room of an estate."""

    id: int
    site: str
    key: str
    building: str
    floor: str
    name: str
    moved_in: str | None
    warranty: dict[Trade, str]
    """Last day by trade, where another one was agreed on."""
    builder: str | None
    warranty_until: dict[Trade, str]
    """Last day of every trade that has a warranty: as agreed on, or by ``room_warranty``."""


_ROOMS = Listing(
    select(*columns_of(Room, "site_id"), Site.key.label("site")).join(
        Site, Site.id == Room.site_id
    ),
    key=Room.id,
    filters={
        "site": Site.key == bindparam("site"),
        "search": or_(
            *(one.icontains(bindparam("search")) for one in (Room.key, Room.building, Room.name))
        ),
    },
)
_PAGES = PageOf(RoomItem)


@router.get("/sites/{site}/rooms", response_model=_PAGES.model)
def list_rooms(
    site: SiteKey,
    use: Use,
    caller: PlantReader,
    *,
    search: Annotated[
        str | None,
        Query(min_length=1, max_length=64, description="A part of key, building or name."),
    ] = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Response:
    """List the rooms of an estate, oldest first."""

    def read(session: Session) -> Found:
        site_id_of(session, site, caller.scope)
        return _ROOMS.page(session, limit=limit, cursor=cursor, site=site, search=search)

    settings = use.settings.work_orders.room_warranty
    return _PAGES.answer(
        use.records.read(read), lambda row: _fields(row, _ROOMS.fields(row), settings)
    )


@router.put("/sites/{site}/rooms/{key}", responses=problems(403))
def save_room_(
    site: SiteKey, key: RoomKey, body: RoomIn, use: Use, caller: LedgerWriter
) -> RoomItem:
    """Make or change a room."""

    def change(session: Session) -> RoomItem:
        site_id = site_id_of(session, site, caller.scope)
        changes = body.model_dump(mode="json", exclude_unset=True)
        if changes.get("builder") is not None:
            require_contractor(session, "builder", changes["builder"])
        row = save_room(session, site_id, key, changes, by=caller.name, now=use.clock.now_ms())
        _check_warranty(row)
        return room_item(session, row, use.settings.work_orders.room_warranty)

    return use.records.write(change)


@router.delete(
    "/sites/{site}/rooms/{key}",
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems(403, 409),
)
def delete_room_(site: SiteKey, key: RoomKey, use: Use, caller: LedgerWriter) -> None:
    """Delete a room in which nothing is."""

    def change(session: Session) -> None:
        site_id = site_id_of(session, site, caller.scope)
        delete_room(session, site_id, key, by=caller.name, now=use.clock.now_ms())

    use.records.write(change)


def room_item(session: Session, row: Room, settings: RoomWarrantySettings) -> RoomItem:
    """Show a room."""
    site = session.get_one(Site, row.site_id).key
    return RoomItem.model_validate(_fields(row, fields_of(row) | {"site": site}, settings))


def contractors_of(session: Session) -> dict[str, str]:
    """Return the keys of all contractors by their keys and by their names."""
    persons = load_directory(session).people.persons
    found = {key: one for key, one in persons.items() if one.role == "contractor"}
    return {one.name: key for key, one in found.items()} | {key: key for key in found}


def require_contractor(session: Session, field: str, key: str) -> None:
    """Go on when a field of the body names a contractor.

    Raises:
        FieldError: It does not.
    """
    known = set(contractors_of(session).values())
    if key not in known:
        raise FieldError(
            f"body.{field}",
            f"no contractor {key!r}: a person with the role contractor",
            sorted(known)[:20],
        )


def _fields(
    row: Any,  # noqa: ANN401 (a row of _ROOMS, or a room)
    fields: dict[str, Any],
    settings: RoomWarrantySettings,
) -> dict[str, Any]:
    found = {
        trade: warranty_until(trade, moved_in=row.moved_in, agreed=row.warranty, settings=settings)
        for trade in Trade
    }
    known = {trade: until for trade, until in found.items() if until is not None}
    return fields | {"warranty": row.warranty or {}, "warranty_until": known}


def _check_warranty(row: Room) -> None:
    for trade, until in (row.warranty or {}).items():
        if until < (row.moved_in or ""):
            raise FieldError(f"body.warranty.{trade}", f"before somebody moved in ({row.moved_in})")
