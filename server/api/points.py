"""/points and /values: what is measured, and its last value."""

from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.api.context import PAGE, Cursor, Limit, Use, problems
from server.api.lookup import find_equipment
from server.api.shapes import LiveValue, PointItem, live_value
from server.assets.model import Equipment, Point
from server.core.paging import Page, page_of, read_page

router = APIRouter(tags=["points"], responses=problems(404))

Ref = Annotated[
    str | None, Query(alias="equipment", max_length=200, description="Id or key of equipment.")
]


@router.get("/points", response_model=Page[PointItem])
def list_points(
    use: Use, equipment: Ref = None, limit: Limit = PAGE, cursor: Cursor = None
) -> dict[str, object]:
    """List the points, by key."""
    return page_of(_points(use, equipment, limit, cursor), PointItem.of)


@router.get("/values", response_model=Page[LiveValue])
def list_values(
    use: Use, equipment: Ref = None, limit: Limit = PAGE, cursor: Cursor = None
) -> dict[str, object]:
    """List the last value of each point, by the point's key."""
    points, following = _points(use, equipment, limit, cursor)
    ids = {point.equipment_id for point in points}
    query = select(Equipment.id).where(Equipment.id.in_(ids), Equipment.online.is_(True))
    online = set(use.records.read(lambda session: session.scalars(query).all()))
    now = use.clock.now_ms()
    items = [
        live_value(
            last,
            max_silence_ms=point.max_silence_ms,
            now=now,
            online=point.equipment_id in online,
        )
        for point in points
        if (last := use.values.read(point.id)) is not None
    ]
    return {"items": items, "next_cursor": following}


def _points(
    use: Use, ref: str | None, limit: int, cursor: str | None
) -> tuple[list[Point], str | None]:
    def read(session: Session) -> tuple[list[Point], str | None]:
        query = select(Point)
        if ref is not None:
            query = query.where(Point.equipment_id == find_equipment(session, ref).id)
        rows, following = read_page(
            session, query, key=Point.key, newest_first=False, limit=limit, cursor=cursor
        )
        return list(rows), following

    return use.records.read(read)
