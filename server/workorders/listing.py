"""Work orders as lists show them."""

from sqlalchemy import ColumnElement, bindparam, case, select, true

from server.assets.model import Equipment
from server.core.paging import Listing, columns_of
from server.workorders.model import WorkOrder, WorkOrderEvent
from server.workorders.states import OrderState

CONDITIONS: dict[str, ColumnElement[bool]] = {
    "open": WorkOrder.closed_at.is_(None),
    "closed": WorkOrder.closed_at.is_not(None),
    "all": true(),
    **{str(one): WorkOrder.state == one for one in OrderState if one not in {"open", "closed"}},
}
HAS_ARRIVED = (
    select(WorkOrderEvent.id)
    .where(
        WorkOrderEvent.work_order_id == WorkOrder.id,
        WorkOrderEvent.to_state == OrderState.ON_SITE,
    )
    .correlate(WorkOrder)
    .exists()
    .label("arrived")
)
"""Whether somebody has been on site."""
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
ORDERS = Listing(
    select(
        *columns_of(WorkOrder),
        Equipment.key.label("equipment"),
        Equipment.name_en.label("equipment_name_en"),
        Equipment.name_zh.label("equipment_name_zh"),
        HAS_ARRIVED,
        WAITED_FROM,
    ).join(Equipment, Equipment.id == WorkOrder.equipment_id),
    key=WorkOrder.id,
    newest_first=True,
    filters={
        "state": CONDITIONS,
        "equipment": WorkOrder.equipment_id == bindparam("equipment"),
        "trade": WorkOrder.trade == bindparam("trade"),
        "id": WorkOrder.id == bindparam("id"),
    },
)
"""Orders with the names of their equipment."""
