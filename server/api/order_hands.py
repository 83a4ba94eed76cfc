"""/work-orders/load and /work-orders/reassign: who has how many, and all of one to another."""

from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from config.classes import Trade
from server.access.principal import Principal
from server.access.roles import Permission
from server.api.context import Use, problems
from server.api.lookup import site_id
from server.api.rights import may
from server.api.router import api_router
from server.api.strict import Body
from server.api.visible import visible
from server.workorders.assignees import AssigneeKind, loads
from server.workorders.dispatching import hand_all_over
from server.workorders.model import WorkOrder

router = api_router(prefix="/work-orders", tag="work-orders", responses=problems(403))

OrderAssigner = Annotated[Principal, may(Permission.ORDERS_ASSIGN)]


class LoadItem(BaseModel):
    """The orders that somebody has and that are not completed."""

    assignee: str
    kind: AssigneeKind
    waiting: int
    """Dispatched, accepted or waiting."""
    begun: int
    """On site or in progress."""
    urgent: int


class LoadReport(BaseModel):
    """Everybody who has orders, most first."""

    items: list[LoadItem]


class ReassignIn(Body):
    """All orders of one to another, as at a change of shifts."""

    from_assignee: Annotated[str, Field(min_length=1, max_length=64)]
    """Who has them: key of a person or contractor, name of a login, or of somebody who left."""
    to_assignee: Annotated[str, Field(min_length=1, max_length=64)]
    site: Annotated[str | None, Field(max_length=64)] = None
    """Only at this estate."""
    trade: Trade | None = None
    """Only of this trade."""
    note: Annotated[str | None, Field(max_length=2000)] = None


class Reassigned(BaseModel):
    """What became of it."""

    work_order_ids: list[int]


@router.get("/load")
def get_load(
    use: Use,
    caller: OrderAssigner,
    *,
    trade: Annotated[Trade | None, Query(description="Only of this trade.")] = None,
) -> LoadReport:
    """Show how many orders everybody has."""
    conditions = [visible(WorkOrder, caller.scope)]
    if trade is not None:
        conditions.append(WorkOrder.trade == trade)
    found = use.records.read(lambda session: loads(session, conditions))
    return LoadReport(items=[LoadItem.model_validate(one._asdict()) for one in found])


@router.post("/reassign", responses=problems(404))
def reassign_work_orders(body: ReassignIn, use: Use, caller: OrderAssigner) -> Reassigned:
    """Give all orders that one has to another, who accepts them; what is completed stays."""

    def change(session: Session) -> Reassigned:
        conditions = [visible(WorkOrder, caller.scope)]
        if body.site is not None:
            site = site_id(session, body.site, caller.scope)
            conditions.append(WorkOrder.site_id == site)
        if body.trade is not None:
            conditions.append(WorkOrder.trade == body.trade)
        ids = hand_all_over(
            session,
            whose=body.from_assignee,
            to=body.to_assignee,
            conditions=conditions,
            note=body.note,
            by=caller.name,
            settings=use.settings.work_orders,
            now=use.clock.now_ms(),
        )
        return Reassigned(work_order_ids=ids)

    return use.records.write(change)
