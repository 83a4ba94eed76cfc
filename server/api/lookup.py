"""Finding what a request names: a number is an id, anything else a key."""

from collections.abc import Iterable
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.assets.model import Equipment, Point
from server.core.db import Base
from server.core.errors import NotFoundError
from server.core.paging import read_plain

Row = TypeVar("Row", bound=Base)


def find_equipment(session: Session, ref: str) -> Equipment:
    """Find equipment by id or key.

    Raises:
        NotFoundError: There is none.
    """
    match = Equipment.id == int(ref) if _is_id(ref) else Equipment.key == ref
    row = session.scalar(select(Equipment).where(match))
    if row is None:
        raise NotFoundError(f"no equipment {ref!r}; give an id or a key site/gateway/device")
    return row


def find_point(session: Session, ref: str) -> Point:
    """Find a point by id or key.

    Raises:
        NotFoundError: There is none.
    """
    match = Point.id == int(ref) if _is_id(ref) else Point.key == ref
    row = session.scalar(select(Point).where(match))
    if row is None:
        raise NotFoundError(f"no point {ref!r}; give an id or a key site/gateway/device/point")
    return row


def equipment_by_id(session: Session, ids: Iterable[int]) -> dict[int, Equipment]:
    """Return the equipment of a page's rows with one query."""
    query = select(Equipment).where(Equipment.id.in_(set(ids)))
    return {row.id: row for row in read_plain(session, query)}


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


def _is_id(ref: str) -> bool:
    # 18 digits stay inside the 64 bits of an id column.
    return ref.isascii() and ref.isdecimal() and len(ref) <= 18  # noqa: PLR2004
