"""A point of any protocol; how it is placed tells its kind."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias, cast

from pydantic import Discriminator, Tag

from config.cjt188 import FieldPoint
from config.identifiers import IdentifierPoint
from config.points import Point


def _kind_of(value: object) -> str:
    if isinstance(value, Point | IdentifierPoint | FieldPoint):
        return value.TAG
    if isinstance(value, Mapping):
        # The tag is the key that places a point; a field may have an identifier as well.
        given = cast("Mapping[object, Any]", value)
        return next(
            (tag for tag in (FieldPoint.TAG, IdentifierPoint.TAG) if tag in given), Point.TAG
        )
    return Point.TAG


AnyPoint: TypeAlias = Annotated[
    Annotated[Point, Tag(Point.TAG)]
    | Annotated[IdentifierPoint, Tag(IdentifierPoint.TAG)]
    | Annotated[FieldPoint, Tag(FieldPoint.TAG)],
    Discriminator(_kind_of),
]
"""Placed by table and address, by an identifier, or by a field of an answer."""


def registers_of(points: Mapping[str, AnyPoint]) -> dict[str, Point]:
    """Return the points that are placed by table and address."""
    return {name: one for name, one in points.items() if isinstance(one, Point)}


def identifiers_of(points: Mapping[str, AnyPoint]) -> dict[str, IdentifierPoint]:
    """Return the points that are placed by an identifier."""
    return {name: one for name, one in points.items() if isinstance(one, IdentifierPoint)}


def fields_of(points: Mapping[str, AnyPoint]) -> dict[str, FieldPoint]:
    """Return the points that are placed by a field of an answer."""
    return {name: one for name, one in points.items() if isinstance(one, FieldPoint)}
