"""A point of any protocol; how it is placed tells its kind."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeAlias, cast

from pydantic import Discriminator, Tag

from config.cjt188 import FieldPoint
from config.identifiers import IdentifierPoint
from config.mbus import RecordPoint
from config.osdp import OsdpPoint
from config.points import Point
from config.reachability import ProbePoint

PlacedPoint: TypeAlias = Point | IdentifierPoint | FieldPoint | RecordPoint | ProbePoint | OsdpPoint
"""A point of any protocol."""
_TAGS: Final = (
    FieldPoint.TAG,
    RecordPoint.TAG,
    IdentifierPoint.TAG,
    ProbePoint.TAG,
    OsdpPoint.TAG,
)


def _kind_of(value: object) -> str:
    if isinstance(value, PlacedPoint):
        return value.TAG
    if isinstance(value, Mapping):
        # The tag is the key that places a point; a field may have an identifier as well.
        given = cast("Mapping[object, Any]", value)
        return next((tag for tag in _TAGS if tag in given), Point.TAG)
    return Point.TAG


AnyPoint: TypeAlias = Annotated[
    Annotated[Point, Tag(Point.TAG)]
    | Annotated[IdentifierPoint, Tag(IdentifierPoint.TAG)]
    | Annotated[FieldPoint, Tag(FieldPoint.TAG)]
    | Annotated[RecordPoint, Tag(RecordPoint.TAG)]
    | Annotated[ProbePoint, Tag(ProbePoint.TAG)]
    | Annotated[OsdpPoint, Tag(OsdpPoint.TAG)],
    Discriminator(_kind_of),
]
"""Placed by table and address, an identifier, a field or record of an answer, a probe, a part."""


def registers_of(points: Mapping[str, AnyPoint]) -> dict[str, Point]:
    """Return the points that are placed by table and address."""
    return {name: one for name, one in points.items() if isinstance(one, Point)}


def identifiers_of(points: Mapping[str, AnyPoint]) -> dict[str, IdentifierPoint]:
    """Return the points that are placed by an identifier."""
    return {name: one for name, one in points.items() if isinstance(one, IdentifierPoint)}


def fields_of(points: Mapping[str, AnyPoint]) -> dict[str, FieldPoint]:
    """Return the points that are placed by a field of an answer."""
    return {name: one for name, one in points.items() if isinstance(one, FieldPoint)}


def probes_of(points: Mapping[str, AnyPoint]) -> dict[str, ProbePoint]:
    """Return the points that are placed by a probe."""
    return {name: one for name, one in points.items() if isinstance(one, ProbePoint)}


def parts_of(points: Mapping[str, AnyPoint]) -> dict[str, OsdpPoint]:
    """Return the points that are placed by a part of a reader."""
    return {name: one for name, one in points.items() if isinstance(one, OsdpPoint)}


def records_of(points: Mapping[str, AnyPoint]) -> dict[str, RecordPoint]:
    """Return the points that are placed by a record of an answer."""
    return {name: one for name, one in points.items() if isinstance(one, RecordPoint)}
