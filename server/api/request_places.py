"""/request-places: codes to scan, for a room, a building or an estate; as SVG and PNG."""

from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from server.access.principal import Principal
from server.api.context import PAGE, Cursor, Limit, RowId, Services, Use, problems
from server.api.lookup import site_id as site_id_of
from server.api.pages import PageOf
from server.api.repair_requests import RequestTaker
from server.api.router import api_router
from server.api.shapes import Instant
from server.api.strict import Body
from server.assets.model import Room, Site
from server.assets.particulars import room_of
from server.core.errors import NotFoundError
from server.core.paging import Found, Listing, columns_of
from server.requests.model import RequestPlace
from server.requests.places import PLACE_PATH, end_place, make_place
from server.requests.qr import png, svg

router = api_router(prefix="/request-places", tag="repair-requests", responses=problems())

_SVG, _PNG = "image/svg+xml", "image/png"


def _image(kind: str) -> dict[int | str, dict[str, Any]]:
    schema = {"type": "string", "format": "binary"}
    return {200: {"description": "The code.", "content": {kind: {"schema": schema}}}}


class PlaceIn(Body):
    """Where a code will hang."""

    site: Annotated[str, Field(max_length=64)]
    room: Annotated[str | None, Field(max_length=64)] = None
    """Key of a room; without it the resident names one of the building."""
    building: Annotated[str, Field(max_length=64)] = ""
    """As rooms have it; empty: any room of the estate."""


class PlaceItem(BaseModel):
    """A code that hangs somewhere."""

    id: int
    site: str
    room: str | None
    building: str
    path: str
    """Of the address that the code leads to."""
    made_at: Instant
    made_by: str


_PLACES: Final = Listing(
    select(
        *columns_of(RequestPlace, "secret", "site_id", "room_id", "ended_at"),
        Site.key.label("site"),
        Room.key.label("room"),
    )
    .join(Site, Site.id == RequestPlace.site_id)
    .outerjoin(Room, Room.id == RequestPlace.room_id)
    .where(RequestPlace.ended_at.is_(None)),
    key=RequestPlace.id,
    filters={
        "id": RequestPlace.id == bindparam("id"),
        "sites": Site.key.in_(bindparam("sites", expanding=True)),
    },
)
_PAGES = PageOf(PlaceItem)


@router.get("", response_model=_PAGES.model)
def list_request_places(
    use: Use, caller: RequestTaker, *, limit: Limit = PAGE, cursor: Cursor = None
) -> Response:
    """List the codes that lead somewhere, oldest first."""

    def read(session: Session) -> Found:
        if caller.scope.picks:
            return Found([], None)
        return _PLACES.page(session, limit=limit, cursor=cursor, sites=_sites(caller))

    return _PAGES.answer(use.records.read(read), _fields)


@router.post("", status_code=HTTPStatus.CREATED, responses=problems(403, 404))
def make_request_place(body: PlaceIn, use: Use, caller: RequestTaker) -> PlaceItem:
    """Make a code; a room, a building or an estate that has one keeps it."""
    now = use.clock.now_ms()

    def change(session: Session) -> PlaceItem:
        site = site_id_of(session, body.site, caller.scope)
        if caller.scope.picks:
            raise NotFoundError(f"no site {body.site!r}")
        room = None if body.room is None else room_of(session, site, body.room)
        building = body.building if room is None else room.building
        made = make_place(session, site, room=room, building=building, by=caller.name, now=now)
        (row,) = _PLACES.all(session, id=made.place.id)
        return PlaceItem.model_validate(_fields(row))

    return use.records.write(change)


@router.delete("/{place_id}", status_code=HTTPStatus.NO_CONTENT, responses=problems(403, 404, 409))
def end_request_place(place_id: RowId, use: Use, caller: RequestTaker) -> None:
    """Let a code lead nowhere: it is lost, or was misused."""
    now = use.clock.now_ms()
    use.records.write(
        lambda session: end_place(
            session, _visible(session, place_id, caller), by=caller.name, now=now
        )
    )


@router.get("/{place_id}/qr.svg", responses={**_image(_SVG), **problems(404)})
def get_request_place_svg(
    place_id: RowId, request: Request, use: Use, caller: RequestTaker
) -> Response:
    """Return the code as a drawing to print."""
    return Response(svg(_address(use, request, place_id, caller)), media_type=_SVG)


@router.get("/{place_id}/qr.png", responses={**_image(_PNG), **problems(404)})
def get_request_place_png(
    place_id: RowId, request: Request, use: Use, caller: RequestTaker
) -> Response:
    """Return the code as an image."""
    return Response(png(_address(use, request, place_id, caller)), media_type=_PNG)


def _address(use: Services, request: Request, place_id: int, caller: Principal) -> str:
    """Return what the code says; without a public address the one at which it is read."""
    code = use.records.read(lambda session: _visible(session, place_id, caller).code)
    root = use.settings.residents_url or str(request.base_url).rstrip("/")
    return f"{root}{PLACE_PATH}{code}"


def _visible(session: Session, place_id: int, caller: Principal) -> RequestPlace:
    place = session.get(RequestPlace, place_id)
    if place is not None and not caller.scope.picks:
        site = session.get_one(Site, place.site_id)
        if caller.scope.has_site(site.key):
            return place
    raise NotFoundError(f"no request place {place_id}")


def _sites(caller: Principal) -> list[str] | None:
    return None if caller.scope.sites is None else sorted(caller.scope.sites)


def _fields(row: Any) -> dict[str, Any]:  # noqa: ANN401 (a row of _PLACES)
    return _PLACES.fields(row) | {"path": f"{PLACE_PATH}{row.code}"}
