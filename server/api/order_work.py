"""/work-orders/walk and /work-orders/parts: what somebody needs in hand where nothing answers."""

from pydantic import BaseModel

from server.api.classes import ClassReader
from server.api.context import Use, problems
from server.api.router import api_router
from server.api.steps import Action, actions_of
from server.api.visible import visible
from server.api.workorders import OrderReader
from server.workorders.lines import used_parts
from server.workorders.model import WorkOrder
from server.workorders.states import OrderState, waits_from

router = api_router(prefix="/work-orders", tag="work-orders", responses=problems(403))

_MOST_PARTS = 500


class WalkItem(BaseModel):
    """Where an order may stand, and the steps that are possible there."""

    state: OrderState
    arrival_missing: bool
    waited_from: OrderState | None
    of_resident: bool
    actions: list[Action]


class Walk(BaseModel):
    """Every place on the way of an order."""

    items: list[WalkItem]


class PartItem(BaseModel):
    """A part that repairs have used."""

    name: str
    unit: str
    times: int
    """On how many lines."""
    unit_price_fen: int
    """The last time, 0.01 yuan for one unit."""


class PartReport(BaseModel):
    """Parts, most used first."""

    items: list[PartItem]


def walk() -> list[WalkItem]:
    """Return every place on the way of an order with its steps."""
    return [
        WalkItem(
            state=state,
            arrival_missing=missing,
            waited_from=before,
            of_resident=asked,
            actions=list(
                actions_of(
                    state,
                    arrival_missing=missing,
                    waited_from=before or OrderState.ACCEPTED,
                    of_resident=asked,
                )
            ),
        )
        for asked in (False, True)
        for state in OrderState
        for missing in (False, True)
        for before in (waits_from() if state is OrderState.WAITING else (None,))
    ]


@router.get("/walk")
def get_work_order_walk(_caller: ClassReader) -> Walk:
    """Show which steps lead where, so that an order can be followed without a connection.

    ``state``, ``arrival_missing``, ``waited_from`` and ``of_resident`` of an order say where it is.
    """
    return Walk(items=walk())


@router.get("/parts")
def list_used_parts(use: Use, caller: OrderReader) -> PartReport:
    """List the parts that repairs have used, with the last price: 500 at most."""
    conditions = [visible(WorkOrder, caller.scope, caller.own_names)]
    found = use.records.read(lambda session: used_parts(session, conditions, most=_MOST_PARTS))
    return PartReport(items=[PartItem.model_validate(one._asdict()) for one in found])
