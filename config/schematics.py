"""Schematics: pictures of plant with live values, as data.

Lengths are units of the picture; they are pixels where there is room for its whole width.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from config.base import Conflict, ConflictingSettingsError, Identifier, Settings, Words
from config.classes import EquipmentClass
from config.problems import none_of

MOST_UNITS = 40
_Length = Annotated[float, Field(ge=0, le=10_000)]
_Size = Annotated[float, Field(ge=4, le=4000)]
_Path = tuple[str | int, ...]
Spot = Annotated[
    tuple[_Length, ...],
    Field(min_length=2, max_length=2, description="[x, y] from the upper left corner."),
]
Turn = Literal[0, 90, 180, 270]


class Repeat(Settings):
    """One picture of each piece of equipment, side by side or one below the other."""

    step: tuple[_Length, ...] = Field(
        min_length=2, max_length=2, description="[x, y] from one to the next."
    )
    most: int = Field(default=12, ge=1, le=MOST_UNITS, description="So many are drawn at most.")


class DrawnEquipment(Settings):
    """Equipment that shapes show; what belongs to equipment that is not there is left out."""

    equipment_class: Identifier = Field(alias="class", description="Its class.")
    key: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="This one and no other: site/gateway/device.",
    )
    within: Literal["gateway", "site"] = Field(
        default="gateway",
        description="Without a key: where it is looked for, seen from the equipment on whose "
        "screen the picture stands.",
    )
    number: int = Field(
        default=1, ge=1, le=MOST_UNITS, description="The how manieth of those, by their keys."
    )
    each: Repeat | None = Field(
        default=None, description="All of those: their shapes are drawn once for each."
    )

    @model_validator(mode="after")
    def _one_or_each(self) -> Self:
        named = self.key is not None or self.number != 1
        if self.each is not None and named:
            raise ValueError("each is for all of a class: it goes with neither key nor number")
        return self


class _Shape(Settings):
    """What all shapes have."""

    POINTS: ClassVar[tuple[str, ...]] = ()
    """Options that name a point of the equipment."""

    equipment: Identifier | None = Field(
        default=None, description="Key of the schematic's equipment that it belongs to."
    )


class _Symbol(_Shape):
    """A symbol with values beside it; a click on it leads to its equipment."""

    at: Spot = Field(description="Its middle.")
    turn: Turn = Field(default=0, description="Clockwise, degrees; 0 is from left to right.")
    shows: tuple[Identifier, ...] = Field(
        default=(), max_length=6, description="Points whose values stand beside it."
    )
    side: Literal["above", "below", "left", "right"] = Field(
        default="below", description="Where the values stand."
    )


class PipeShape(_Shape):
    """A pipe."""

    POINTS = ("flow",)
    kind: Literal["pipe"] = Field(description="A pipe.")
    path: tuple[Spot, ...] = Field(
        min_length=2, max_length=40, description="From [x, y] to [x, y], on and on."
    )
    flow: Identifier | None = Field(
        default=None, description="Point: the line is thick while it is true or more than 0."
    )
    dashed: bool = Field(default=False, description="As a return is drawn.")


class PumpShape(_Symbol):
    """A pump."""

    POINTS = ("run", "fault")
    kind: Literal["pump"] = Field(description="A pump.")
    run: Identifier | None = Field(default=None, description="Point that is true while it runs.")
    fault: Identifier | None = Field(default=None, description="Point that is true in a fault.")


class ValveShape(_Symbol):
    """A valve."""

    POINTS = ("opening", "fault")
    kind: Literal["valve"] = Field(description="A valve.")
    opening: Identifier | None = Field(
        default=None, description="Point: how far it is open, %, or true when it is."
    )
    fault: Identifier | None = Field(default=None, description="Point that is true in a fault.")


class ExchangerShape(_Symbol):
    """A heat exchanger."""

    kind: Literal["exchanger"] = Field(description="A heat exchanger.")
    width: _Size = Field(default=60, description="Its width.")
    height: _Size = Field(default=140, description="Its height.")


class TankShape(_Symbol):
    """A tank with its level."""

    POINTS = ("level",)
    kind: Literal["tank"] = Field(description="A tank.")
    width: _Size = Field(default=70, description="Its width.")
    height: _Size = Field(default=90, description="Its height.")
    level: Identifier | None = Field(default=None, description="Point with its level.")
    full: float = Field(default=1, gt=0, description="Level of the full tank, in that unit.")


class SensorShape(_Symbol):
    """A measured value at its place."""

    POINTS = ("point",)
    kind: Literal["sensor"] = Field(description="A sensor.")
    point: Identifier = Field(description="What it measures.")
    letter: str = Field(
        default="", max_length=2, description="In the symbol: T temperature, P pressure, F flow."
    )


class LiftShape(_Symbol):
    """A lift shaft with its car."""

    POINTS = ("floor", "door_open", "direction", "fault", "trapped")
    kind: Literal["lift"] = Field(description="A lift shaft.")
    width: _Size = Field(default=48, description="Width of the shaft.")
    height: _Size = Field(default=260, description="Height of the shaft.")
    lowest: int = Field(default=1, ge=-20, le=200, description="Lowest floor.")
    highest: int = Field(
        default=12,
        ge=-19,
        le=201,
        description="Highest floor; a car that is beyond them stretches the shaft.",
    )
    floor: Identifier = Field(description="Point with the floor of the car.")
    door_open: Identifier | None = Field(
        default=None, description="Point that is true while the door is open."
    )
    direction: Identifier | None = Field(
        default=None, description="Point with the direction: up, down or stopped."
    )
    fault: Identifier | None = Field(default=None, description="Point that is true in a fault.")
    trapped: Identifier | None = Field(
        default=None, description="Point that is true while somebody is trapped."
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.highest <= self.lowest:
            raise ValueError(f"highest {self.highest} is not above lowest {self.lowest}")
        return self


class TextShape(_Shape):
    """Words."""

    kind: Literal["text"] = Field(description="Words.")
    at: Spot = Field(description="Where they stand.")
    align: Literal["start", "middle", "end"] = Field(
        default="start", description="Which part of them stands there."
    )
    text: Words | None = Field(default=None, description="Default: the name of the equipment.")


Shape = Annotated[
    PipeShape
    | PumpShape
    | ValveShape
    | ExchangerShape
    | TankShape
    | SensorShape
    | LiftShape
    | TextShape,
    Field(discriminator="kind"),
]


class Schematic(Settings):
    """One schematic (系统图)."""

    schematic: Identifier = Field(description="Id; the file's name.")
    name: Words = Field(description="Name that people use.")
    sites: tuple[Identifier, ...] = Field(default=(), description="Estates; default: all.")
    replaces: tuple[Identifier, ...] = Field(
        default=(), description="Schematics that are not drawn where this one is."
    )
    width: _Size = Field(description="Width; each further equipment of an each adds its step.")
    height: _Size = Field(description="Height; likewise.")
    equipment: dict[Identifier, DrawnEquipment] = Field(
        min_length=1,
        max_length=60,
        description="Equipment that is shown. The picture stands on the screen of each of them.",
    )
    shapes: tuple[Shape, ...] = Field(
        min_length=1, max_length=400, description="Later ones are drawn over earlier ones."
    )

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        conflicts = [*_strangers(self), *_outside(self)]
        if conflicts:
            raise ConflictingSettingsError(conflicts)
        return self


def points_of(shape: Shape) -> Iterator[tuple[_Path, str]]:
    """Yield the points that a shape shows, each with the option that names it."""
    for option in shape.POINTS:
        name = getattr(shape, option)
        if name is not None:
            yield (option,), name
    if isinstance(shape, _Symbol):
        yield from ((("shows", number), name) for number, name in enumerate(shape.shows))


def schematic_conflicts(
    schematic: Schematic, classes: Mapping[str, EquipmentClass]
) -> Iterator[Conflict]:
    """Yield where a schematic does not fit the equipment classes."""
    for key, one in schematic.equipment.items():
        if one.equipment_class not in classes:
            message = none_of(one.equipment_class, classes, "equipment class")
            yield Conflict(("equipment", key, "class"), message)
    for index, shape in enumerate(schematic.shapes):
        if shape.equipment is None:
            continue
        kind = classes.get(schematic.equipment[shape.equipment].equipment_class)
        if kind is None:
            continue
        for option, name in points_of(shape):
            if name not in kind.points:
                message = none_of(name, kind.points, f"point of {kind.equipment_class}")
                yield Conflict(("shapes", index, *option), message)


def _strangers(schematic: Schematic) -> Iterator[Conflict]:
    """Yield equipment that is not there, or not said though a point of it is shown."""
    for index, shape in enumerate(schematic.shapes):
        at: _Path = ("shapes", index)
        if shape.equipment is None:
            if any(points_of(shape)):
                yield Conflict((*at, "equipment"), "this key is required: a point is shown")
            elif isinstance(shape, TextShape) and shape.text is None:
                yield Conflict(at, "expected text or equipment")
        elif shape.equipment not in schematic.equipment:
            message = none_of(shape.equipment, schematic.equipment, "equipment")
            yield Conflict((*at, "equipment"), message)


def _outside(schematic: Schematic) -> Iterator[Conflict]:
    for index, shape in enumerate(schematic.shapes):
        spots = shape.path if isinstance(shape, PipeShape) else (shape.at,)
        for number, (x, y) in enumerate(spots):
            if x > schematic.width or y > schematic.height:
                option: _Path = ("path", number) if isinstance(shape, PipeShape) else ("at",)
                size = f"{schematic.width:g} x {schematic.height:g}"
                message = f"[{x:g}, {y:g}] is outside of the picture of {size}"
                yield Conflict(("shapes", index, *option), message)
