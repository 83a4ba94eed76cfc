"""/equipment/{id}/schematics: pictures of plant, with what their shapes show."""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.schematics import Shape, points_of
from server.api.context import RowId, Services, Use, problems
from server.api.equipment import PointWithValue, point_with_value
from server.api.lookup import get_or_404
from server.api.rights import PlantReader
from server.api.router import api_router
from server.assets.drawing import Picture, pictures_of
from server.assets.model import Equipment, Point

router = api_router(prefix="/equipment", tag="equipment", responses=problems(404))


class DrawnShape(BaseModel):
    """A shape, and whose values it shows."""

    shape: Shape
    equipment_id: int | None
    """Among `equipment`; null: it shows nothing."""
    moved: tuple[float, float]
    """By so much to the right and down: the same shape stands there for other equipment as well."""


class DrawnUnit(BaseModel):
    """A piece of equipment in a picture, and its points that are shown."""

    id: int
    key: str
    name_en: str
    name_zh: str
    equipment_class: str
    online: bool
    points: list[PointWithValue]


class SchematicItem(BaseModel):
    """A schematic as it is drawn on the screen of one piece of equipment."""

    schematic: str
    name_en: str
    name_zh: str
    width: float
    height: float
    equipment: list[DrawnUnit]
    shapes: list[DrawnShape]


class SchematicList(BaseModel):
    """All of them; there are few, so one page holds them."""

    items: list[SchematicItem]
    next_cursor: None = None


@router.get("/{equipment_id}/schematics")
def list_schematics(equipment_id: RowId, use: Use, caller: PlantReader) -> SchematicList:
    """List the schematics that show a piece of equipment, without what is outside of the scope.

    Values change: `/stream?topics=values&equipment=...` of each of them tells.
    """

    def read(session: Session) -> tuple[list[Picture], Sequence[Point]]:
        of = get_or_404(session, Equipment, equipment_id, "equipment", caller.scope)
        pictures = pictures_of(session, of, use.schematics.values(), caller.scope)
        ids = {unit for one in pictures for unit in one.equipment}
        query = select(Point).where(Point.equipment_id.in_(ids), Point.removed_at.is_(None))
        return pictures, session.scalars(query.order_by(Point.id)).all() if ids else []

    pictures, points = use.records.read(read)
    by_name = {(one.equipment_id, one.name): one for one in points}
    return SchematicList(items=[_item(use, one, by_name) for one in pictures])


def _item(use: Services, one: Picture, points: Mapping[tuple[int, str], Point]) -> SchematicItem:
    shown = dict.fromkeys(
        (placed.equipment_id, name)
        for placed in one.shapes
        if placed.equipment_id is not None
        for _, name in points_of(placed.shape)
    )
    units = [
        DrawnUnit(
            id=unit.id,
            key=unit.key,
            name_en=unit.name_en,
            name_zh=unit.name_zh,
            equipment_class=unit.equipment_class,
            online=unit.online,
            points=[
                point_with_value(use, points[owner, name], online=unit.online)
                for owner, name in shown
                if owner == unit.id and (owner, name) in points
            ],
        )
        for unit in one.equipment.values()
    ]
    return SchematicItem(
        schematic=one.schematic.schematic,
        name_en=one.schematic.name.en,
        name_zh=one.schematic.name.zh,
        width=one.width,
        height=one.height,
        equipment=units,
        shapes=[DrawnShape.model_validate(placed, from_attributes=True) for placed in one.shapes],
    )
