"""/equipment: the ledger, and one piece of equipment with its points and live values."""

from hashlib import blake2b
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel
from sqlalchemy import Select, select, true
from sqlalchemy.orm import Session

from server.api.context import PAGE, Cursor, Limit, RowId, Services, Use, problems
from server.api.etag import require_version, set_etag
from server.api.lookup import get_or_404
from server.api.shapes import Instant, LiveValue, PointItem, columns_of, live_value
from server.assets.model import Equipment, Point, Site
from server.core.paging import Page, page_of, read_page

_RETIRED = Equipment.retired_at.is_not(None)
_STATES = {
    "current": ~_RETIRED,
    "removed": Equipment.removed_at.is_not(None) & ~_RETIRED,
    "retired": _RETIRED,
    "all": true(),
}
router = APIRouter(prefix="/equipment", tags=["equipment"], responses=problems())


class EquipmentItem(BaseModel):
    """One piece of equipment."""

    id: int
    key: str
    site_id: int
    site: str
    """Key of its site."""
    gateway_id: int
    equipment_class: str
    profile: str
    name_en: str
    name_zh: str
    online: bool
    since_at: Instant
    """When it came online or went away."""
    reason: str
    """Why it is not online."""
    port: str
    """Line of the gateway that it is on; empty when unknown."""
    out_of_service_since_at: Instant | None
    out_of_service_until_at: Instant | None
    out_of_service_by: str | None
    out_of_service_reason: str | None
    removed_at: Instant | None
    """Since when its gateway says that it no longer has it; no alarm rule watches it."""
    retired_at: Instant | None
    """Since when it is gone for good."""
    retired_by: str | None
    retired_reason: str | None
    version: str
    """Changes with whether it is there, in service, removed or retired; also the ETag."""
    actions: list[str]
    """What may be done with it now: POST /equipment/{id}/<action>."""


class PointWithValue(PointItem):
    """A point and its last value."""

    live: LiveValue | None


class EquipmentDetail(EquipmentItem):
    """One piece of equipment with its points."""

    points: list[PointWithValue]


@router.get("", response_model=Page[EquipmentItem])
def list_equipment(
    use: Use,
    *,
    site: Annotated[str | None, Query(description="Key of a site.")] = None,
    equipment_class: Annotated[str | None, Query(alias="class", description="Its class.")] = None,
    online: Annotated[bool | None, Query(description="Only what answers, or does not.")] = None,
    key: Annotated[str | None, Query(description="site/gateway/device.")] = None,
    state: Annotated[
        Literal["current", "removed", "retired", "all"],
        Query(
            description="current: all that is not retired; removed: what its gateway no longer "
            "has and nobody has retired."
        ),
    ] = "current",
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> dict[str, object]:
    """List the equipment, by key."""
    query: Select[Equipment] = select(Equipment).where(_STATES[state])
    if site is not None:
        query = query.join(Site, Site.id == Equipment.site_id).where(Site.key == site)
    if equipment_class is not None:
        query = query.where(Equipment.equipment_class == equipment_class)
    if online is not None:
        query = query.where(Equipment.online.is_(online))
    if key is not None:
        query = query.where(Equipment.key == key)
    rows = use.records.read(
        lambda session: read_page(
            session, query, key=Equipment.key, newest_first=False, limit=limit, cursor=cursor
        )
    )
    return page_of(rows, equipment_item)


@router.get("/{equipment_id}", responses=problems(404))
def get_equipment(equipment_id: RowId, use: Use, response: Response) -> EquipmentDetail:
    """Show one piece of equipment with its points and their last values; the ETag is its version.

    Values change without a new version.
    """

    def read(session: Session) -> tuple[Equipment, list[Point]]:
        row = get_or_404(session, Equipment, equipment_id, "equipment")
        points = select(Point).where(Point.equipment_id == equipment_id).order_by(Point.id)
        return row, list(session.scalars(points))

    row, points = use.records.read(read)
    item = equipment_item(row)
    set_etag(response, item.version)
    shown = [_with_value(use, point, online=row.online) for point in points]
    return EquipmentDetail(**dict(item), points=shown)


def equipment_item(row: Equipment) -> EquipmentItem:
    """Show a piece of equipment."""
    # The key begins with the site's, and neither ever changes.
    site = row.key.partition("/")[0]
    return EquipmentItem.model_validate(
        columns_of(row) | {"site": site, "version": _version_of(row), "actions": _actions_of(row)}
    )


def require_unchanged(row: Equipment, if_match: str | None) -> None:
    """Go on when a change is meant for the equipment as it is now.

    Raises:
        ProblemError: It was changed meanwhile.
    """
    require_version(if_match, _version_of(row), what=row.key)


def _version_of(row: Equipment) -> str:
    states = (
        *(row.online, row.since_at, row.removed_at, row.retired_at),
        *(row.out_of_service_since_at, row.out_of_service_until_at),
    )
    return blake2b(repr(states).encode(), digest_size=8).hexdigest()


def _actions_of(row: Equipment) -> list[str]:
    if row.retired_at is not None:
        return ["restore"]
    out = ["in-service"] if row.out_of_service_since_at is not None else []
    return [*out, "out-of-service", *([] if row.online else ["retire"])]


def _with_value(use: Services, point: Point, *, online: bool) -> PointWithValue:
    last = use.values.read(point.id)
    now = use.clock.now_ms()
    live = None
    if last is not None:
        live = live_value(last, max_silence_ms=point.max_silence_ms, now=now, online=online)
    return PointWithValue(**dict(PointItem.of(point)), live=live)
