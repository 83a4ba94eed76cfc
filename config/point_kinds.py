"""A point of any protocol; how it is placed tells its kind."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias, cast

from pydantic import Discriminator, Tag

from config.identifiers import IdentifierPoint
from config.points import Point


def _kind_of(value: object) -> str:
    if isinstance(value, Mapping):
        placed = "identifier" in cast("Mapping[object, Any]", value)
    else:
        placed = isinstance(value, IdentifierPoint)
    return IdentifierPoint.TAG if placed else Point.TAG


AnyPoint: TypeAlias = Annotated[
    Annotated[Point, Tag(Point.TAG)] | Annotated[IdentifierPoint, Tag(IdentifierPoint.TAG)],
    Discriminator(_kind_of),
]
"""Placed by table and address, or by an identifier."""


def registers_of(points: Mapping[str, AnyPoint]) -> dict[str, Point]:
    """Return the points that are placed by table and address."""
    return {name: one for name, one in points.items() if isinstance(one, Point)}


def identifiers_of(points: Mapping[str, AnyPoint]) -> dict[str, IdentifierPoint]:
    """Return the points that are placed by an identifier."""
    return {name: one for name, one in points.items() if isinstance(one, IdentifierPoint)}
