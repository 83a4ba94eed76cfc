"""Which points a file is about, by the names that people use."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from protocols.sparkplug.datatypes import DataType
from server.assets.model import Equipment, Point, Site
from server.core.errors import NotFoundError

_CLOSE = 3


@dataclass(frozen=True, slots=True)
class ExchangePoint:
    """A point with the words of its place."""

    id: int
    key: str
    site: str
    gateway: str
    equipment: str
    """Empty: a point of the gateway itself."""
    name: str
    unit: str
    datatype: int

    @property
    def kind(self) -> str:
        """What its gateway declares: number, integer, boolean or text."""
        if self.datatype in _NUMBERS:
            return "number"
        if self.datatype in _INTEGERS:
            return "integer"
        return "boolean" if self.datatype == DataType.BOOLEAN else "text"


_NUMBERS = (DataType.FLOAT, DataType.DOUBLE)
_INTEGERS = (*range(DataType.INT8, DataType.UINT64 + 1), DataType.DATETIME)


def read_points(session: Session) -> list[ExchangePoint]:
    """Return all points of the ledger, by key."""
    query = (
        select(Point, Equipment.key)
        .join(Equipment, Equipment.id == Point.equipment_id)
        .order_by(Point.key)
    )
    return [_point(point, equipment) for point, equipment in session.execute(query)]


def choose(
    session: Session,
    *,
    sites: Sequence[str] = (),
    equipment: Sequence[str] = (),
    points: Sequence[str] = (),
) -> list[ExchangePoint]:
    """Return the points of these sites and this equipment that have these names or keys.

    Args:
        session: Of the records.
        sites: Keys; none: all.
        equipment: Keys, site/gateway/device; none: all.
        points: Names or keys, site/gateway/device/point; none: all.

    Raises:
        NotFoundError: There is no such thing; the message names similar ones.
    """
    _demand(sites, session.scalars(select(Site.key)), "site")
    _demand(equipment, session.scalars(select(Equipment.key)), "equipment")
    every = read_points(session)
    _demand(points, (word for one in every for word in (one.name, one.key)), "point")
    found = [
        one
        for one in every
        if (not sites or one.site in sites)
        and (not equipment or one.key.removesuffix(f"/{one.name}") in equipment)
        and (not points or one.name in points or one.key in points)
    ]
    if not found:
        raise NotFoundError("no point is all of that: --site, --equipment and --point together")
    return found


def similar(word: str, known: Iterable[str]) -> str:
    """Return what may have been meant, as the end of a message."""
    close = difflib.get_close_matches(word, list(known), _CLOSE)
    return f"; similar: {', '.join(close)}" if close else ""


def _demand(words: Sequence[str], known: Iterable[str], what: str) -> None:
    if not words:
        return
    there = set(known)
    for word in words:
        if word not in there:
            raise NotFoundError(f"no {what} {word!r}{similar(word, there)}")


def _point(point: Point, equipment: str) -> ExchangePoint:
    site, _, rest = equipment.partition("/")
    gateway, _, device = rest.partition("/")
    return ExchangePoint(
        point.id, point.key, site, gateway, device, point.name, point.unit, point.datatype
    )
