"""Work orders as lists show them."""

from sqlalchemy import ColumnElement, bindparam, case, func, select, true
from sqlalchemy.orm import aliased

from server.assets.model import Equipment, Room, Site
from server.assets.scoped import scoped_with_rooms
from server.core.paging import Listing, columns_of
from server.workorders.history import REOPENS
from server.workorders.model import WorkOrder, WorkOrderEvent
from server.workorders.states import OrderState

CONDITIONS: dict[str, ColumnElement[bool]] = {
    "open": WorkOrder.closed_at.is_(None),
    "closed": WorkOrder.closed_at.is_not(None),
    "all": true(),
    **{str(one): WorkOrder.state == one for one in OrderState if one not in {"open", "closed"}},
}
_AGAIN = aliased(WorkOrderEvent)
_REOPENED = (
    select(func.coalesce(func.max(_AGAIN.id), 0))
    .where(
        _AGAIN.work_order_id == WorkOrder.id,
        _AGAIN.kind.in_(REOPENS),
    )
    .correlate(WorkOrder)
    .scalar_subquery()
)
HAS_ARRIVED = (
    select(WorkOrderEvent.id)
    .where(
        WorkOrderEvent.work_order_id == WorkOrder.id,
        WorkOrderEvent.to_state == OrderState.ON_SITE,
        WorkOrderEvent.id > _REOPENED,
    )
    .correlate(WorkOrder)
    .exists()
    .label("arrived")
)
"""Whether somebody has been on site since it was opened, or opened again."""
WAITED_FROM = case(
    (
        WorkOrder.state == OrderState.WAITING,
        select(WorkOrderEvent.from_state)
        .where(
            WorkOrderEvent.work_order_id == WorkOrder.id,
            WorkOrderEvent.to_state == OrderState.WAITING,
            WorkOrderEvent.from_state != OrderState.WAITING,
        )
        .order_by(WorkOrderEvent.id.desc())
        .limit(1)
        .correlate(WorkOrder)
        .scalar_subquery(),
    )
).label("waited_from")
"""State of a waiting order before it waited."""
_QUERY = (
    select(
        *columns_of(WorkOrder),
        Equipment.key.label("equipment"),
        Equipment.name_en.label("equipment_name_en"),
        Equipment.name_zh.label("equipment_name_zh"),
        Site.key.label("site"),
        Room.key.label("room"),
        Room.building.label("building"),
        HAS_ARRIVED,
        WAITED_FROM,
    )
    .join(Site, Site.id == WorkOrder.site_id)
    .outerjoin(Equipment, Equipment.id == WorkOrder.equipment_id)
    .outerjoin(Room, Room.id == WorkOrder.room_id)
)
_PLACES = scoped_with_rooms(WorkOrder.site_id, WorkOrder.assignee)
ORDERS = Listing(
    _QUERY,
    key=WorkOrder.id,
    newest_first=True,
    filters={
        "state": CONDITIONS,
        "equipment": WorkOrder.equipment_id == bindparam("equipment"),
        "trade": WorkOrder.trade == bindparam("trade"),
        "id": WorkOrder.id == bindparam("id"),
        "ids": WorkOrder.id.in_(bindparam("ids", expanding=True)),
        "assignees": WorkOrder.assignee.in_(bindparam("assignees", expanding=True)),
        **_PLACES,
    },
)
"""Orders with the names of their equipment, or their room."""
RETURN_CALLS = Listing(
    _QUERY.where(WorkOrder.room_id.is_not(None), WorkOrder.state == OrderState.VERIFIED),
    key=WorkOrder.id,
    filters=_PLACES,
)
"""Orders whose residents are to be called: somebody has looked at the work, nobody has called."""
