"""/repair-requests: what residents ask for, who sees of whom it is, and the calls that are due."""

from collections.abc import Sequence
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import bindparam, or_, select, true
from sqlalchemy.orm import Session

from config.classes import Severity, Trade
from server.access.principal import Principal
from server.access.roles import Permission
from server.api.classes import ClassReader
from server.api.context import PAGE, Cursor, Limit, RowId, Use, problems
from server.api.lookup import site_id as site_id_of
from server.api.order_shapes import OrderItem
from server.api.pages import PageOf
from server.api.residents import RequestItem, request_item
from server.api.rights import may
from server.api.rooms import RoomKey, SiteKey
from server.api.router import api_router
from server.api.shapes import InstantIn
from server.api.strict import Body
from server.api.visible import require_visible, visible
from server.api.workorders import OrderReader, order_fields
from server.assets.model import Particulars, Room, Site
from server.assets.particulars import room_of
from server.assets.scoped import values_of
from server.core.errors import NotFoundError
from server.core.paging import Found, Listing, columns_of
from server.core.problem import FieldError
from server.people.channels import channel_names
from server.requests.faults import FAULTS
from server.requests.model import RepairRequest
from server.requests.service import Wish, take_request
from server.workorders.listing import ORDERS, RETURN_CALLS
from server.workorders.model import WorkOrder
from server.workorders.of_rooms import Became

RequestTaker = Annotated[Principal, may(Permission.REQUESTS_TAKE)]

router = api_router(tag="repair-requests", responses=problems())


class FaultItem(BaseModel):
    """A kind of fault that residents report."""

    key: str
    trade: Trade
    severity: Severity
    name_en: str
    name_zh: str


class Faults(BaseModel):
    """All of them, in the order in which they are offered."""

    items: list[FaultItem]


class RequestIn(Body):
    """What a resident says on the telephone."""

    site: Annotated[str, Field(max_length=64)]
    """Key of the estate."""
    room: Annotated[str, Field(max_length=64)]
    """Key of the room: GET /sites/{site}/rooms?search=..."""
    fault: Annotated[str, Field(max_length=64)]
    """GET /request-faults."""
    name: Annotated[str, Field(min_length=1, max_length=60)]
    phone: Annotated[str, Field(min_length=4, max_length=30)]
    text: Annotated[str, Field(max_length=1000)] = ""
    language: Literal["zh", "en"] = "zh"
    """Of messages to the resident."""
    wished_at: InstantIn | None = None
    """When somebody should come."""
    agreed: bool = False
    """True: the wished time was agreed on, and is the appointment."""


class TakenItem(BaseModel):
    """What became of a request; name and number are in GET /repair-requests/{id} only."""

    request: RequestItem
    became: Became
    """joined: it was known, and is on the order of an earlier request."""


class RequestDetail(RequestItem):
    """One request."""


class ReturnCallItem(OrderItem):
    """An order whose residents are to be called: POST /work-orders/{id}/call-back."""

    requests: list[RequestItem]


class RequestFilter(StrEnum):
    """Which requests a list shows, by their orders."""

    OPEN = "open"
    OVER = "over"
    ALL = "all"


_QUERY = (
    select(
        *columns_of(RepairRequest, "status_code", "form_token"),
        Site.key.label("site"),
        Room.key.label("room"),
        Room.building.label("building"),
        WorkOrder.state.label("state"),
        WorkOrder.assignee.label("assignee"),
    )
    .join(WorkOrder, WorkOrder.id == RepairRequest.work_order_id)
    .join(Room, Room.id == RepairRequest.room_id)
    .join(Site, Site.id == WorkOrder.site_id)
)
_REQUESTS = Listing(
    _QUERY,
    key=RepairRequest.id,
    newest_first=True,
    filters={
        "state": {
            "open": WorkOrder.closed_at.is_(None),
            "over": WorkOrder.closed_at.is_not(None),
            "all": true(),
        },
        "site": Site.key == bindparam("site"),
        "order": RepairRequest.work_order_id == bindparam("order"),
        "orders": RepairRequest.work_order_id.in_(bindparam("orders", expanding=True)),
        "id": RepairRequest.id == bindparam("id"),
    },
)
_PAGES = PageOf(RequestItem)
_CALLS = PageOf(ReturnCallItem)
_ORDERS = PageOf(OrderItem)


@router.get("/request-faults")
def list_request_faults(_caller: ClassReader) -> Faults:
    """List what residents may report."""
    return Faults(items=[FaultItem.model_validate(one._asdict()) for one in FAULTS.values()])


@router.get("/repair-requests", response_model=_PAGES.model)
def list_repair_requests(
    use: Use,
    caller: OrderReader,
    *,
    state: Annotated[
        RequestFilter, Query(description="By the state of their orders.")
    ] = RequestFilter.OPEN,
    site: Annotated[str | None, Query(max_length=64, description="Key of an estate.")] = None,
    order: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="Id of an order.")] = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Response:
    """List residents' requests, newest first; whose they are is shown to those who need it."""

    def read(session: Session) -> Found:
        return _REQUESTS.page(
            session,
            limit=limit,
            cursor=cursor,
            where=visible(WorkOrder, caller.scope, caller.own_names),
            state=state,
            site=site,
            order=order,
        )

    return _PAGES.answer(
        use.records.read(read), lambda row: request_item(_REQUESTS.fields(row), caller)
    )


@router.get("/repair-requests/{request_id}", responses=problems(404))
def get_repair_request(request_id: RowId, use: Use, caller: OrderReader) -> RequestDetail:
    """Show one request."""

    def read(session: Session) -> RequestDetail:
        row = session.get(RepairRequest, request_id)
        if row is None:
            raise NotFoundError(f"no repair request {request_id}")
        require_visible(
            session,
            WorkOrder,
            row.work_order_id,
            "repair request of work order",
            caller.scope,
            own=caller.own_names,
        )
        (shown,) = _REQUESTS.all(session, id=request_id)
        return RequestDetail(**dict(request_item(_REQUESTS.fields(shown), caller)))

    return use.records.read(read)


@router.post("/repair-requests", status_code=HTTPStatus.CREATED, responses=problems(403, 404))
def take_repair_request(body: RequestIn, use: Use, caller: RequestTaker) -> TakenItem:
    """Take what a resident asks for; about the same room and fault it joins the open order."""

    def change(session: Session) -> TakenItem:
        site = site_id_of(session, body.site, caller.scope)
        if caller.scope.picks:
            raise NotFoundError(f"no room {body.room!r} at this site")
        if body.fault not in FAULTS:
            raise FieldError("body.fault", f"no fault {body.fault!r}", list(FAULTS))
        wish = Wish(
            room=room_of(session, site, body.room),
            fault=FAULTS[body.fault],
            **body.model_dump(exclude={"site", "room", "fault"}),
            by=caller.name,
        )
        taken = take_request(
            session,
            wish,
            settings=use.settings,
            channels=channel_names(use.settings.messages),
            now=use.clock.now_ms(),
        )
        (row,) = _REQUESTS.all(session, id=taken.request.id)
        # What a repeated request is answered with is kept for a day: without name and number.
        return TakenItem(request=request_item(_REQUESTS.fields(row), None), became=taken.became)

    return use.records.write(change)


@router.get(
    "/sites/{site}/rooms/{key}/orders", response_model=_ORDERS.model, responses=problems(404)
)
def list_orders_of_room(
    site: SiteKey,
    key: RoomKey,
    use: Use,
    caller: OrderReader,
    *,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Response:
    """List what is known of a room: its open orders, and those of equipment in it."""

    def read(session: Session) -> Found:
        room = room_of(session, site_id_of(session, site, caller.scope), key)
        inside = select(Particulars.equipment_id).where(Particulars.room_id == room.id)
        return ORDERS.page(
            session,
            limit=limit,
            cursor=cursor,
            where=or_(WorkOrder.room_id == room.id, WorkOrder.equipment_id.in_(inside)),
            state="open",
            **values_of(caller.scope, caller.own_names),
        )

    return _ORDERS.answer(use.records.read(read), order_fields)


@router.get("/return-calls", response_model=_CALLS.model)
def list_return_calls(
    use: Use, caller: RequestTaker, *, limit: Limit = PAGE, cursor: Cursor = None
) -> Response:
    """List whom to call: their repair is verified and nobody has asked them, oldest first."""

    def read(session: Session) -> tuple[Found, dict[int, list[RequestItem]]]:
        found = RETURN_CALLS.page(
            session, limit=limit, cursor=cursor, **values_of(caller.scope, caller.own_names)
        )
        return found, _of_orders(session, [row.id for row in found.rows], caller)

    found, asked = use.records.read(read)
    return _CALLS.answer(found, lambda row: order_fields(row) | {"requests": asked[row.id]})


def _of_orders(
    session: Session, ids: Sequence[int], caller: Principal
) -> dict[int, list[RequestItem]]:
    """Return the requests of some orders by the order, oldest first."""
    found: dict[int, list[RequestItem]] = {one: [] for one in ids}
    for row in reversed(_REQUESTS.all(session, orders=ids)):
        found[row.work_order_id].append(request_item(_REQUESTS.fields(row), caller))
    return found
