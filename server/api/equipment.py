"""/equipment: the ledger, and one piece of equipment with its points and live values."""

from hashlib import blake2b
from typing import Annotated, Any, Literal

from fastapi import Query, Response
from pydantic import BaseModel
from sqlalchemy import bindparam, func, select, true
from sqlalchemy.orm import Session

from server.api.context import PAGE, Cursor, Limit, RowId, Services, Use, problems
from server.api.etag import require_version, set_etag
from server.api.interlocks import interlocks_now
from server.api.lookup import get_or_404, id_of_site
from server.api.pages import PageOf
from server.api.rights import PlantReader
from server.api.router import api_router
from server.api.shapes import Instant, LiveValue, PointItem, fields_of, live_value
from server.assets.model import Equipment, Particulars, Point, Room
from server.assets.scoped import scoped, values_of
from server.core.paging import Listing, columns_of

_RETIRED = Equipment.retired_at.is_not(None)
_STATES = {
    "current": ~_RETIRED,
    "removed": Equipment.removed_at.is_not(None) & ~_RETIRED,
    "retired": _RETIRED,
    "all": true(),
}
_VERSIONED = (
    *("online", "since_at", "removed_at", "retired_at"),
    *("out_of_service_since_at", "out_of_service_until_at"),
)
router = api_router(prefix="/equipment", tag="equipment", responses=problems())


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
    building: str
    """Where it stands, by the room of its particulars; empty when nobody has written it."""
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
    interlock_holds: bool | None = None
    """Whether the interlock of a command holds now; null: there is none, or it is unknown."""


class EquipmentDetail(EquipmentItem):
    """One piece of equipment with its points."""

    points: list[PointWithValue]


_EQUIPMENT = Listing(
    select(*columns_of(Equipment), func.coalesce(Room.building, "").label("building"))
    .outerjoin(Particulars, Particulars.equipment_id == Equipment.id)
    .outerjoin(Room, Room.id == Particulars.room_id),
    key=Equipment.key,
    filters={
        "state": _STATES,
        "site": Equipment.site_id == id_of_site("site"),
        "equipment_class": Equipment.equipment_class == bindparam("equipment_class"),
        "online": Equipment.online == bindparam("online"),
        "only": Equipment.key == bindparam("only"),
        **scoped(),
    },
)
_PAGES = PageOf(EquipmentItem)


@router.get("", response_model=_PAGES.model)
def list_equipment(
    use: Use,
    caller: PlantReader,
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
) -> Response:
    """List the equipment, by key."""
    found = use.records.read(
        lambda session: _EQUIPMENT.page(
            session,
            limit=limit,
            cursor=cursor,
            state=state,
            site=site,
            equipment_class=equipment_class,
            online=online,
            only=key,
            **values_of(caller.scope),
        )
    )
    return _PAGES.answer(found, lambda row: _fields(_EQUIPMENT.fields(row)))


@router.get("/{equipment_id}", responses=problems(404))
def get_equipment(
    equipment_id: RowId, use: Use, caller: PlantReader, response: Response
) -> EquipmentDetail:
    """Show one piece of equipment with its points and their last values; the ETag is its version.

    Values change without a new version.
    """

    def read(session: Session) -> EquipmentDetail:
        row = get_or_404(session, Equipment, equipment_id, "equipment", caller.scope)
        points = select(Point).where(Point.equipment_id == equipment_id).order_by(Point.id)
        declared = session.scalars(points).all()
        texts = {point.interlock for point in declared if point.interlock}
        holds = interlocks_now(session, use, row, texts)
        shown = [
            point_with_value(
                use, point, online=row.online, interlock_holds=holds.get(point.interlock)
            )
            for point in declared
        ]
        return EquipmentDetail(**dict(equipment_item(session, row)), points=shown)

    item = use.records.read(read)
    set_etag(response, item.version)
    return item


def equipment_item(session: Session, row: Equipment) -> EquipmentItem:
    """Show a piece of equipment."""
    return EquipmentItem.model_validate(
        _fields(fields_of(row) | {"building": _building_of(session, row.id)})
    )


def _building_of(session: Session, equipment_id: int) -> str:
    query = select(Room.building).join(Particulars, Particulars.room_id == Room.id)
    return session.scalar(query.where(Particulars.equipment_id == equipment_id)) or ""


def _fields(fields: dict[str, Any]) -> dict[str, Any]:
    # The key begins with the site's, and neither ever changes.
    fields["site"] = fields["key"].partition("/")[0]
    fields["version"] = _version_of(fields)
    fields["actions"] = _actions_of(fields)
    return fields


def require_unchanged(row: Equipment, if_match: str | None) -> None:
    """Go on when a change is meant for the equipment as it is now.

    Raises:
        ProblemError: It was changed meanwhile.
    """
    require_version(if_match, _version_of(fields_of(row)), what=row.key)


def _version_of(fields: dict[str, Any]) -> str:
    states = tuple(fields[name] for name in _VERSIONED)
    return blake2b(repr(states).encode(), digest_size=8).hexdigest()


def _actions_of(fields: dict[str, Any]) -> list[str]:
    if fields["retired_at"] is not None:
        return ["restore"]
    out = ["in-service"] if fields["out_of_service_since_at"] is not None else []
    return [*out, "out-of-service", *([] if fields["online"] else ["retire"])]


def point_with_value(
    use: Services, point: Point, *, online: bool, interlock_holds: bool | None = None
) -> PointWithValue:
    """Show a point and its last value."""
    last = use.values.read(point.id)
    now = use.clock.now_ms()
    live = None
    if last is not None:
        live = live_value(last, max_silence_ms=point.max_silence_ms, now=now, online=online)
    return PointWithValue(**dict(PointItem.of(point)), live=live, interlock_holds=interlock_holds)
