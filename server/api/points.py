"""/points and /values: what is measured, and its last value."""

from typing import Annotated

from fastapi import Query, Response
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from server.access.scope import Scope
from server.api.context import PAGE, Cursor, Limit, Use, problems
from server.api.lookup import equipment_id
from server.api.pages import PageOf
from server.api.rights import PlantReader
from server.api.router import api_router
from server.api.shapes import LiveValue, PointItem, live_value
from server.assets.model import Equipment, Point
from server.assets.scoped import scoped, values_of
from server.core.paging import Found, Listing, columns_of

router = api_router(tag="points", responses=problems(404))

Ref = Annotated[
    str | None, Query(alias="equipment", max_length=200, description="Id or key of equipment.")
]


_POINTS = Listing(
    select(*columns_of(Point), Equipment.online).join(
        Equipment, Equipment.id == Point.equipment_id
    ),
    key=Point.key,
    filters={"equipment": Point.equipment_id == bindparam("equipment"), **scoped()},
)
_PAGES = PageOf(PointItem)
_VALUE_PAGES = PageOf(LiveValue)


@router.get("/points", response_model=_PAGES.model)
def list_points(
    use: Use, caller: PlantReader, equipment: Ref = None, limit: Limit = PAGE, cursor: Cursor = None
) -> Response:
    """List the points, by key."""
    return _PAGES.answer(
        _points(use, caller.scope, equipment, limit=limit, cursor=cursor), _POINTS.fields
    )


@router.get("/values", response_model=_VALUE_PAGES.model)
def list_values(
    use: Use, caller: PlantReader, equipment: Ref = None, limit: Limit = PAGE, cursor: Cursor = None
) -> Response:
    """List the last value of each point, by the point's key."""
    points, following = _points(use, caller.scope, equipment, limit=limit, cursor=cursor)
    now = use.clock.now_ms()
    values = [
        live_value(last, max_silence_ms=point.max_silence_ms, now=now, online=point.online)
        for point in points
        if (last := use.values.read(point.id)) is not None
    ]
    return _VALUE_PAGES.answer(Found(values, following), lambda value: value)


def _points(use: Use, scope: Scope, ref: str | None, *, limit: int, cursor: str | None) -> Found:
    def read(session: Session) -> Found:
        of = equipment_id(session, ref, scope)
        return _POINTS.page(session, limit=limit, cursor=cursor, equipment=of, **values_of(scope))

    return use.records.read(read)
