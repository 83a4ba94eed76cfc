"""Finding what a request names: a number is an id, anything else a key."""

from collections.abc import Mapping
from typing import TypeVar

from sqlalchemy import ScalarSelect, Select, bindparam, select
from sqlalchemy.orm import Session

from server.assets.model import Equipment, Point, Site
from server.core.db import Base
from server.core.errors import NotFoundError

Row = TypeVar("Row", bound=Base)

_ID_OF_EQUIPMENT = {
    True: select(Equipment.id).where(Equipment.id == bindparam("ref")),
    False: select(Equipment.id).where(Equipment.key == bindparam("ref")),
}
_ID_OF_POINT = {
    True: select(Point.id).where(Point.id == bindparam("ref")),
    False: select(Point.id).where(Point.key == bindparam("ref")),
}


def find_equipment(session: Session, ref: str) -> Equipment:
    """Find equipment by id or key.

    Raises:
        NotFoundError: There is none.
    """
    return session.get_one(Equipment, _id_of_equipment(session, ref))


def find_point(session: Session, ref: str) -> Point:
    """Find a point by id or key.

    Raises:
        NotFoundError: There is none.
    """
    return session.get_one(Point, _id_of_point(session, ref))


def equipment_id(session: Session, ref: str | None) -> int | None:
    """Return the id of the equipment that a list is filtered by; None when it is not.

    Raises:
        NotFoundError: There is none.
    """
    return None if ref is None else _id_of_equipment(session, ref)


def point_id(session: Session, ref: str | None) -> int | None:
    """Return the id of the point that a list is filtered by; None when it is not.

    Raises:
        NotFoundError: There is none.
    """
    return None if ref is None else _id_of_point(session, ref)


def id_of_site(name: str) -> ScalarSelect[int]:
    """Return, as a part of a query, the id of the site whose key is the parameter ``name``."""
    return select(Site.id).where(Site.key == bindparam(name)).scalar_subquery()


def _id_of_equipment(session: Session, ref: str) -> int:
    found = _id(session, _ID_OF_EQUIPMENT, ref)
    if found is None:
        raise NotFoundError(f"no equipment {ref!r}; give an id or a key site/gateway/device")
    return found


def _id_of_point(session: Session, ref: str) -> int:
    found = _id(session, _ID_OF_POINT, ref)
    if found is None:
        raise NotFoundError(f"no point {ref!r}; give an id or a key site/gateway/device/point")
    return found


def _id(session: Session, queries: Mapping[bool, Select[int]], ref: str) -> int | None:
    # 18 digits stay inside the 64 bits of an id column.
    is_id = ref.isascii() and ref.isdecimal() and len(ref) <= 18  # noqa: PLR2004
    return session.connection().scalar(queries[is_id], {"ref": int(ref) if is_id else ref})


def get_or_404(
    session: Session, kind: type[Row], row_id: int, word: str, *, lock: bool = False
) -> Row:
    """Return a row by its id, locked against other writers when it shall change.

    Raises:
        NotFoundError: There is none.
    """
    row = session.get(kind, row_id, with_for_update=lock)
    if row is None:
        raise NotFoundError(f"no {word} {row_id}")
    return row
