"""/work-orders/hand-over: what is open when a shift changes, and who goes on with it."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from config.people import Role
from server.access.principal import Principal
from server.api.context import Use, problems
from server.api.incidents import IncidentItem, incident_items
from server.api.lookup import get_or_404, site_id
from server.api.order_hands import OrderAssigner
from server.api.order_shapes import OrderItem
from server.api.router import api_router
from server.api.shapes import Instant, InstantIn
from server.api.strict import Body
from server.api.visible import require_visible, visible
from server.api.workorders import order_items
from server.assets.model import Equipment, Site
from server.core.problem import FieldError, ProblemError
from server.incidents.model import Incident
from server.people.channels import channel_names
from server.workorders.hand_over import (
    MOST,
    IncidentGiven,
    OpenThings,
    OrderGiven,
    hand_over,
    open_things,
)
from server.workorders.model import WorkOrder
from server.workorders.service import StaleVersionError
from server.workorders.shift_change import ShiftChange, Whereto

router = api_router(prefix="/work-orders", tag="work-orders", responses=problems(403, 404))

_FARTHEST_MS = 366 * 86_400_000
SiteKey = Annotated[str, Query(max_length=64, description="Key of the estate.")]


class PersonThere(BaseModel):
    """Somebody whose duty ends or goes on."""

    key: str
    name: str
    role: Role
    trades: list[str]
    """Empty: all of them."""
    orders: int
    """Open ones that this person has."""


class ShiftChangeItem(BaseModel):
    """An instant at which somebody's duty ends."""

    at: Instant
    leaving: list[str]
    present: list[str]


class OrderAtChange(BaseModel):
    """An open order, and who goes on with it."""

    order: OrderItem
    to: str | None
    """Key of the person who is proposed; null: it stays where it is."""
    why: Whereto


class IncidentAtChange(BaseModel):
    """An open incident, and who goes on with it."""

    incident: IncidentItem
    to: str | None
    why: Whereto


class HandOverSheet(BaseModel):
    """What is open at an estate when its shift changes."""

    site: str
    at: Instant
    """When it changes."""
    changes: list[ShiftChangeItem]
    """Those of the twelve hours before and after."""
    leaving: list[PersonThere]
    """Whose duty ends then."""
    present: list[PersonThere]
    """Who is on duty from then on."""
    orders: list[OrderAtChange]
    """The most severe first; 500 at most."""
    incidents: list[IncidentAtChange]
    whole: bool
    """False: there is more than is shown."""


class OrderGivenIn(Body):
    """An order that goes to somebody."""

    id: Annotated[int, Field(ge=1, le=2**63 - 1)]
    version: Annotated[int, Field(ge=1, le=2**63 - 1)]
    """As it was shown; when it has changed since, nothing is handed over (412)."""
    to: Annotated[str, Field(min_length=1, max_length=64)]
    """Key of a person or contractor, or name of a login."""


class IncidentGivenIn(Body):
    """An incident that somebody else goes on with."""

    id: Annotated[int, Field(ge=1, le=2**63 - 1)]
    to: Annotated[str, Field(min_length=1, max_length=64)]


class HandOverIn(Body):
    """One confirmation for all of it."""

    site: Annotated[str, Field(max_length=64)]
    orders: Annotated[list[OrderGivenIn], Field(default_factory=list, max_length=MOST)]
    incidents: Annotated[list[IncidentGivenIn], Field(default_factory=list, max_length=MOST)]
    note: Annotated[str | None, Field(max_length=2000)] = None
    """What the next shift should know; stands in the history of each."""


class HandedOver(BaseModel):
    """What became of it."""

    work_order_ids: list[int]
    incident_ids: list[int]


@router.get("/hand-over")
def get_hand_over(
    use: Use,
    caller: OrderAssigner,
    *,
    site: SiteKey,
    at: Annotated[
        InstantIn | None,
        Query(description="When the shift changes; default: the change that is nearest to now."),
    ] = None,
) -> HandOverSheet:
    """Show what is open when a shift changes, and who may go on with each: by duty, trade, load."""
    now = use.clock.now_ms()
    if at is not None and abs(at - now) > _FARTHEST_MS:
        raise FieldError("query.at", "within a year of now")

    def read(session: Session) -> HandOverSheet:
        row = session.get_one(Site, site_id(session, site, caller.scope))
        found = open_things(
            session,
            row,
            at=at,
            orders=visible(WorkOrder, caller.scope),
            incidents=visible(Incident, caller.scope),
            channels=channel_names(use.settings.messages),
            now=now,
        )
        return _sheet(session, site, found)

    return use.records.read(read)


@router.post("/hand-over", responses=problems(409, 412))
def post_hand_over(body: HandOverIn, use: Use, caller: OrderAssigner) -> HandedOver:
    """Hand orders and incidents over, all of them or none; each receiver hears of it once."""

    def change(session: Session) -> HandedOver:
        site = session.get_one(Site, site_id(session, body.site, caller.scope))
        _require_at(session, site, body, caller)
        hand_over(
            session,
            site,
            orders=[OrderGiven(one.id, one.version, one.to) for one in body.orders],
            incidents=[IncidentGiven(one.id, one.to) for one in body.incidents],
            note=body.note,
            by=caller.name,
            settings=use.settings.work_orders,
            channels=channel_names(use.settings.messages),
            now=use.clock.now_ms(),
        )
        return HandedOver(
            work_order_ids=[one.id for one in body.orders],
            incident_ids=[one.id for one in body.incidents],
        )

    try:
        return use.records.write(change)
    except StaleVersionError as error:
        raise ProblemError(HTTPStatus.PRECONDITION_FAILED, str(error)) from error


def _require_at(session: Session, site: Site, body: HandOverIn, caller: Principal) -> None:
    """Go on when everything is at the estate and the caller may see it.

    Raises:
        NotFoundError: It is not there, or not for this caller.
        FieldError: It is at another estate.
    """
    for number, one in enumerate(body.orders):
        require_visible(session, WorkOrder, one.id, "work order", caller.scope)
        order = session.get(WorkOrder, one.id)
        if order is not None and order.site_id != site.id:
            raise FieldError(f"body.orders.{number}.id", f"work order {one.id} is elsewhere")
    for number, one in enumerate(body.incidents):
        incident = get_or_404(session, Incident, one.id, "incident", caller.scope)
        where = session.get_one(Equipment, incident.equipment_id)
        if where.site_id != site.id:
            raise FieldError(f"body.incidents.{number}.id", f"incident {one.id} is elsewhere")


def _sheet(session: Session, site: str, found: OpenThings) -> HandOverSheet:
    orders = order_items(session, list(found.orders))
    incidents = incident_items(session, list(found.incidents))
    return HandOverSheet(
        site=site,
        at=found.change.at,
        changes=[_change(one) for one in found.changes],
        leaving=_persons(found, found.change.leaving),
        present=_persons(found, found.change.present),
        orders=[OrderAtChange(order=one, **found.orders[one.id]._asdict()) for one in orders],
        incidents=[
            IncidentAtChange(incident=one, **found.incidents[one.id]._asdict()) for one in incidents
        ],
        whole=found.whole,
    )


def _change(change: ShiftChange) -> ShiftChangeItem:
    return ShiftChangeItem(at=change.at, leaving=list(change.leaving), present=list(change.present))


def _persons(found: OpenThings, keys: Sequence[str]) -> list[PersonThere]:
    persons = found.directory.people.persons
    return [
        PersonThere(
            key=key,
            name=persons[key].name,
            role=persons[key].role,
            trades=list(persons[key].trades),
            orders=found.load.get(key, 0),
        )
        for key in keys
    ]
