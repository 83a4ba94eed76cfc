"""/work-orders: what somebody must do, and each step that is taken."""

from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from config.classes import Severity, Trade
from server.api.alarms import AlarmItem, alarm_items
from server.api.context import PAGE, Caller, Cursor, Limit, RowId, Use, problems
from server.api.etag import IfMatch, expected_version, set_etag
from server.api.lookup import equipment_id
from server.api.pages import PageOf
from server.api.shapes import Instant, OfEquipment
from server.api.steps import Action, Verb, actions_of, target_of
from server.api.strict import Body
from server.core.paging import Found
from server.core.problem import ProblemError
from server.workorders.listing import ORDERS
from server.workorders.model import WorkOrder
from server.workorders.service import (
    StaleVersionError,
    clock_of,
    events_of,
    evidence_of,
    get_order,
    list_orders,
    needs_arrival,
    transition,
)
from server.workorders.states import OrderState

router = APIRouter(prefix="/work-orders", tags=["work-orders"], responses=problems())


class OrderFilter(StrEnum):
    """Which orders a list shows; open is all that are not over."""

    OPEN = "open"
    ALL = "all"
    DISPATCHED = "dispatched"
    ACCEPTED = "accepted"
    ON_SITE = "on_site"
    IN_PROGRESS = "in_progress"
    WAITING = "waiting"
    COMPLETED = "completed"
    VERIFIED = "verified"
    CALLED_BACK = "called_back"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class OrderItem(OfEquipment):
    """Work to do on one piece of equipment."""

    id: int
    incident_id: int | None
    cause: str
    trade: str
    severity: Severity
    life_safety: bool
    title_en: str
    title_zh: str
    state: OrderState
    assignee: str | None
    opened_at: Instant
    on_site_due_at: Instant | None
    """Somebody must be on site by then."""
    closed_at: Instant | None
    version: int
    """Counts changes; also the ETag."""
    actions: list[Action]
    """Steps that are possible now."""


class OrderEventItem(BaseModel):
    """A step: who, when, from where to where."""

    at: Instant
    from_state: str | None
    to_state: str
    by: str
    reason: str | None
    note: str | None


class SlaItem(BaseModel):
    """The order's clock, computed from its steps."""

    on_site_due_at: Instant | None
    on_site_at: Instant | None
    on_site_late: bool
    running_ms: int
    """From opening to completion or now, without the pauses."""
    paused_ms: int


class OrderDetail(OrderItem):
    """One order with its steps, its evidence and its clock."""

    events: list[OrderEventItem]
    evidence: list[AlarmItem]
    sla: SlaItem


class StepIn(Body):
    """Fields of a step; ``actions`` of the order lists which a step needs."""

    note: Annotated[str | None, Field(max_length=2000)] = None
    reason: Annotated[str | None, Field(max_length=500)] = None
    assignee: Annotated[str | None, Field(max_length=64)] = None
    """To whom it is dispatched; default: to oneself."""


_PAGES = PageOf(OrderItem)


def _fields(row: Any) -> dict[str, Any]:  # noqa: ANN401 (a row of ORDERS)
    fields = ORDERS.fields(row)
    fields["actions"] = actions_of(
        OrderState(fields["state"]),
        needs_arrival=needs_arrival(row),
        arrived=fields["arrived"],
        waited_from=OrderState(fields["waited_from"] or OrderState.ACCEPTED),
    )
    return fields


@router.get("", response_model=_PAGES.model)
def list_work_orders(
    use: Use,
    *,
    state: Annotated[OrderFilter, Query(description="open: all that are not over.")] = (
        OrderFilter.OPEN
    ),
    equipment: Annotated[str | None, Query(max_length=200, description="Id or key.")] = None,
    trade: Annotated[Trade | None, Query(description="Only of this trade.")] = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Response:
    """List work orders, newest first."""

    def read(session: Session) -> Found:
        of = equipment_id(session, equipment)
        return list_orders(
            session, state=state, equipment_id=of, trade=trade, cursor=cursor, limit=limit
        )

    return _PAGES.answer(use.records.read(read), _fields)


@router.get("/{order_id}", responses=problems(404))
def get_work_order(order_id: RowId, use: Use, response: Response) -> OrderDetail:
    """Show one order with its steps, its evidence and its clock; the ETag is its version."""
    now = use.clock.now_ms()
    detail = use.records.read(lambda session: _detail(session, get_order(session, order_id), now))
    set_etag(response, detail.version)
    return detail


@router.post("/{order_id}/{verb}", responses=problems(403, 404, 409, 412))
def step_work_order(
    order_id: RowId,
    verb: Verb,
    use: Use,
    caller: Caller,
    response: Response,
    *,
    body: StepIn | None = None,
    if_match: IfMatch = None,
) -> OrderDetail:
    """Take the order one step further; ``actions`` of the order lists the steps."""
    step = body or StepIn()
    now = use.clock.now_ms()

    def change(session: Session) -> OrderDetail:
        before = get_order(session, order_id, lock=True)
        to = target_of(session, before, verb)
        assignee = step.assignee
        if to is OrderState.DISPATCHED:
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
        )
        return _detail(session, order, now)

    try:
        detail = use.records.write(change)
    except StaleVersionError as error:
        raise ProblemError(HTTPStatus.PRECONDITION_FAILED, str(error)) from error
    set_etag(response, detail.version)
    return detail


def _detail(session: Session, row: WorkOrder, now: int) -> OrderDetail:
    (item,) = ORDERS.all(session, id=row.id)
    events = events_of(session, row.id)
    return OrderDetail(
        **dict(OrderItem.model_validate(_fields(item))),
        events=[OrderEventItem.model_validate(event, from_attributes=True) for event in events],
        evidence=alarm_items(session, evidence_of(session, row.id)),
        sla=SlaItem.model_validate(clock_of(session, row, now=now), from_attributes=True),
    )
