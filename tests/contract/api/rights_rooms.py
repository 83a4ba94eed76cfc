"""A room of an estate with what a resident asked for there, and a code to scan."""

from sqlalchemy.orm import Session

from server.assets.model import Room
from server.requests.model import RepairRequest, RequestPlace
from server.workorders.model import WorkOrder, WorkOrderEvent


def add_request(
    session: Session, site_id: int, site: str, *, at: int, inside: bool
) -> dict[str, int]:
    """Write a room, what somebody asked for there, and a code to scan; return their ids."""
    room = Room(site_id=site_id, key="R1", building="", floor="", name=site)
    session.add(room)
    session.flush()
    order = WorkOrder(
        site_id=site_id,
        room_id=room.id,
        cause="tap",
        severity="medium",
        title_en="Tap",
        title_zh="水龙头",
        trade="plumbing",
        life_safety=False,
        state="verified",
        # Who has an order in a room sees it, however few pieces of equipment its scope names.
        assignee="contractor" if inside else f"somebody of {site}",
        assignee_kind="user",
        opened_at=at,
    )
    session.add(order)
    session.flush()
    request = RepairRequest(
        work_order_id=order.id,
        room_id=room.id,
        fault="tap",
        text="x",
        name="x",
        phone="13800138000",
        language="zh",
        source="desk",
        taken_at=at,
        taken_by="test",
    )
    place = RequestPlace(
        site_id=site_id,
        room_id=room.id,
        building="",
        code=f"code-{site}",
        secret="00",
        made_at=at,
        made_by="test",
    )
    opened = WorkOrderEvent(
        work_order_id=order.id, at=at, from_state=None, to_state="verified", by="test"
    )
    session.add_all([request, place, opened])
    session.flush()
    return {"request_id": request.id, "place_id": place.id}
