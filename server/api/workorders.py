"""/work-orders: what somebody must do, and each step that is taken."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Query, Response
from sqlalchemy.orm import Session

from config.classes import Trade
from config.work_orders import WorkOrderSettings
from server.access.principal import Principal
from server.access.rights import needs_own
from server.access.roles import Permission, Role
from server.api.alarms import alarm_items
from server.api.context import PAGE, Cursor, Limit, RowId, Use, problems
from server.api.etag import IfMatch, expected_version, set_etag
from server.api.lookup import equipment_id
from server.api.order_shapes import (
    FileItem,
    LineItem,
    OrderDetail,
    OrderEventItem,
    OrderFilter,
    OrderItem,
    SlaItem,
    StepIn,
)
from server.api.pages import PageOf
from server.api.rights import may
from server.api.router import api_router
from server.api.steps import Verb, actions_of, target_of
from server.api.visible import require_visible
from server.core.errors import ForbiddenError
from server.core.paging import Found
from server.core.problem import ProblemError
from server.requests.progress import tell_progress
from server.workorders.attachments import files_of
from server.workorders.clock import clock_of
from server.workorders.dispatching import is_contractors
from server.workorders.history import events_of
from server.workorders.lines import cost_fen, lines_of
from server.workorders.listing import ORDERS
from server.workorders.model import WorkOrder
from server.workorders.service import (
    StaleVersionError,
    evidence_of,
    get_order,
    list_orders,
    needs_arrival,
    transition,
)
from server.workorders.states import OrderState

OrderReader = Annotated[Principal, may(Permission.ORDERS_READ)]
OrderStepper = Annotated[Principal, may(Permission.ORDERS_STEP)]

router = api_router(prefix="/work-orders", tag="work-orders", responses=problems())


_PAGES = PageOf(OrderItem)


def order_fields(row: Any) -> dict[str, Any]:  # noqa: ANN401 (a row of ORDERS)
    """Return what is shown of an order in a list."""
    fields = ORDERS.fields(row)
    missing = needs_arrival(row) and not fields["arrived"]
    asked = row.room_id is not None
    fields |= {"arrival_missing": missing, "of_resident": asked}
    fields["actions"] = actions_of(
        OrderState(fields["state"]),
        arrival_missing=missing,
        waited_from=OrderState(fields["waited_from"] or OrderState.ACCEPTED),
        of_resident=asked,
    )
    return fields


@router.get("", response_model=_PAGES.model)
def list_work_orders(
    use: Use,
    caller: OrderReader,
    *,
    state: Annotated[OrderFilter, Query(description="open: all that are not over.")] = (
        OrderFilter.OPEN
    ),
    equipment: Annotated[str | None, Query(max_length=200, description="Id or key.")] = None,
    trade: Annotated[Trade | None, Query(description="Only of this trade.")] = None,
    mine: Annotated[bool, Query(description="Only what the caller has.")] = False,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Response:
    """List work orders, newest first."""

    def read(session: Session) -> Found:
        of = equipment_id(session, equipment, caller.scope)
        return list_orders(
            session,
            state=state,
            equipment_id=of,
            trade=trade,
            assignees=caller.own_names if mine else None,
            scope=caller.scope,
            own=caller.own_names,
            cursor=cursor,
            limit=limit,
        )

    return _PAGES.answer(use.records.read(read), order_fields)


@router.get("/{order_id}", responses=problems(404))
def get_work_order(
    order_id: RowId, use: Use, caller: OrderReader, response: Response
) -> OrderDetail:
    """Show one order with its steps, its evidence and its clock; the ETag is its version."""
    now = use.clock.now_ms()

    def read(session: Session) -> OrderDetail:
        require_visible(
            session, WorkOrder, order_id, "work order", caller.scope, own=caller.own_names
        )
        return order_detail(session, get_order(session, order_id), use.settings.work_orders, now)

    detail = use.records.read(read)
    set_etag(response, detail.version)
    return detail


@router.post("/{order_id}/{verb}", responses=problems(403, 404, 409, 412))
def step_work_order(
    order_id: RowId,
    verb: Verb,
    use: Use,
    caller: OrderStepper,
    response: Response,
    *,
    body: StepIn | None = None,
    if_match: IfMatch = None,
) -> OrderDetail:
    """Take the order one step further; ``actions`` of the order lists the steps."""
    step = body or StepIn()
    now = use.clock.now_ms()

    def change(session: Session) -> OrderDetail:
        before = order_to_step(session, order_id, caller, lock=True)
        to = target_of(session, before, verb)
        if to is OrderState.VERIFIED and is_contractors(before) and caller.role is Role.CONTRACTOR:
            raise ForbiddenError("what a contractor has repaired is verified by the own engineer")
        assignee = step.assignee
        if to is OrderState.DISPATCHED and verb is not Verb.HAND_OVER:
            assignee = assignee or before.assignee or caller.name
        order = transition(
            session,
            order_id,
            to=to,
            by=caller.name,
            reason=step.reason,
            note=step.note,
            assignee=assignee,
            now=now,
            expected_version=expected_version(if_match),
            origin=step.origin,
            satisfaction=step.satisfaction,
            settings=use.settings.work_orders,
        )
        tell_progress(session, order, settings=use.settings, reason=step.reason, now=now)
        return order_detail(session, order, use.settings.work_orders, now)

    try:
        detail = use.records.write(change)
    except StaleVersionError as error:
        raise ProblemError(HTTPStatus.PRECONDITION_FAILED, str(error)) from error
    set_etag(response, detail.version)
    return detail


def order_items(session: Session, ids: Sequence[int]) -> list[OrderItem]:
    """Show orders in the order of their ids as given; one may be there more than once."""
    found = {row.id: row for row in ORDERS.all(session, ids=list(dict.fromkeys(ids)))}
    return [OrderItem.model_validate(order_fields(found[one])) for one in ids if one in found]


def order_to_step(
    session: Session, order_id: int, caller: Principal, *, lock: bool = False
) -> WorkOrder:
    """Return an order that the caller may step; one that is nobody's yet may be taken.

    Raises:
        NotFoundError: There is none in the scope.
        ForbiddenError: It is somebody else's, and the role steps its own only.
    """
    require_visible(session, WorkOrder, order_id, "work order", caller.scope, own=caller.own_names)
    order = get_order(session, order_id, lock=lock)
    own = order.assignee is None or caller.is_own(order.assignee)
    if not own and needs_own(caller, Permission.ORDERS_STEP):
        raise ForbiddenError(f"work order {order.id} is not yours; {order.assignee} has it")
    return order


def order_detail(
    session: Session, row: WorkOrder, settings: WorkOrderSettings, now: int
) -> OrderDetail:
    """Show one order with all that belongs to it."""
    lines = lines_of(session, row.id)
    (item,) = ORDERS.all(session, id=row.id)
    events = events_of(session, row.id)
    return OrderDetail(
        **dict(OrderItem.model_validate(order_fields(item))),
        events=[OrderEventItem.model_validate(event, from_attributes=True) for event in events],
        evidence=alarm_items(session, evidence_of(session, row.id)),
        files=[
            FileItem.model_validate(one, from_attributes=True) for one in files_of(session, row.id)
        ],
        lines=[LineItem.of(one) for one in lines],
        cost_fen=cost_fen(lines),
        sla=SlaItem.model_validate(
            clock_of(session, row, now=now, settings=settings), from_attributes=True
        ),
    )
