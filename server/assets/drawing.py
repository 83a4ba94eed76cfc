"""Which equipment a schematic shows, and where its shapes stand."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.schematics import DrawnEquipment, Schematic, Shape
from server.access.scope import Scope
from server.assets.model import Equipment
from server.assets.presence import present
from server.assets.scoped import conditions


@dataclass(frozen=True, slots=True)
class PlacedShape:
    """A shape of a schematic, for one piece of equipment where it belongs to any."""

    shape: Shape
    equipment_id: int | None
    moved: tuple[float, float]
    """By so much, to the right and down."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A schematic as it is drawn on the screen of a piece of equipment."""

    schematic: Schematic
    width: float
    height: float
    equipment: Mapping[int, Equipment]
    """What it shows, by id."""
    shapes: Sequence[PlacedShape]


def pictures_of(
    session: Session, of: Equipment, schematics: Iterable[Schematic], scope: Scope
) -> list[Picture]:
    """Return the pictures of a piece of equipment, by their keys.

    Args:
        session: The transaction.
        of: Whose screen it is.
        schematics: Those of the server.
        scope: What may be seen of the equipment beside it.
    """
    site = of.key.partition("/")[0]
    found = [one for one in schematics if not one.sites or site in one.sites]
    classes = {unit.equipment_class for one in found for unit in one.equipment.values()}
    if of.equipment_class not in classes:
        return []
    query = select(Equipment).where(
        Equipment.site_id == of.site_id,
        Equipment.equipment_class.in_(classes),
        present(),
        *conditions(scope),
    )
    beside = session.scalars(query.order_by(Equipment.key)).all()
    drawn = [draw(one, of, beside) for one in sorted(found, key=lambda one: one.schematic)]
    shown = [one for one in drawn if of.id in one.equipment]
    replaced = {key for one in shown for key in one.schematic.replaces}
    return [one for one in shown if one.schematic.schematic not in replaced]


def draw(schematic: Schematic, of: Equipment, beside: Sequence[Equipment]) -> Picture:
    """Place the shapes of a schematic.

    Args:
        schematic: As it is written.
        of: Equipment from which the rest is looked for.
        beside: All equipment of its estate that may be shown, by key.
    """
    chosen = {key: _chosen(one, of, beside) for key, one in schematic.equipment.items()}
    shapes: list[PlacedShape] = []
    for shape in schematic.shapes:
        if shape.equipment is None:
            shapes.append(PlacedShape(shape, None, (0, 0)))
            continue
        dx, dy = _step(schematic.equipment[shape.equipment])
        shapes += [
            PlacedShape(shape, unit.id, (number * dx, number * dy))
            for number, unit in enumerate(chosen[shape.equipment])
        ]
    grown = [
        tuple(length * max(0, len(chosen[key]) - 1) for length in _step(one))
        for key, one in schematic.equipment.items()
    ]
    return Picture(
        schematic,
        width=schematic.width + max(dx for dx, _ in grown),
        height=schematic.height + max(dy for _, dy in grown),
        equipment={unit.id: unit for units in chosen.values() for unit in units},
        shapes=shapes,
    )


def _step(one: DrawnEquipment) -> tuple[float, float]:
    return (0, 0) if one.each is None else (one.each.step[0], one.each.step[1])


def _chosen(one: DrawnEquipment, of: Equipment, beside: Sequence[Equipment]) -> Sequence[Equipment]:
    found = [unit for unit in beside if unit.equipment_class == one.equipment_class]
    if one.key is not None:
        return [unit for unit in found if unit.key == one.key]
    if one.within == "gateway":
        found = [unit for unit in found if unit.gateway_id == of.gateway_id]
    if one.each is not None:
        return found[: one.each.most]
    return found[one.number - 1 : one.number]
