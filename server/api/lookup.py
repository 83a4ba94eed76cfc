"""Finding what a request names: a number is an id, anything else a key."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import ScalarSelect, Select, bindparam, or_, select
from sqlalchemy.orm import Session

from server.access.scope import Scope
from server.api.visible import require_site, require_visible, visible
from server.assets.model import Equipment, Point, Site
from server.core.db import Base
from server.core.errors import NotFoundError
from server.core.problem import FieldError

Row = TypeVar("Row", bound=Base)

_ID_OF_EQUIPMENT = {
    True: select(Equipment.id).where(Equipment.id == bindparam("ref")),
    False: select(Equipment.id).where(Equipment.key == bindparam("ref")),
}
_ID_OF_POINT = {
    True: select(Point.id).where(Point.id == bindparam("ref")),
    False: select(Point.id).where(Point.key == bindparam("ref")),
}


class NamedPoint(NamedTuple):
    """What a chart says of a point."""

    id: int
    key: str
    equipment_id: int
    name: str
    unit: str
    name_en: str
    name_zh: str


_POINTS = select(*(getattr(Point, name) for name in NamedPoint._fields)).where(
    or_(
        Point.id.in_(bindparam("ids", expanding=True)),
        Point.key.in_(bindparam("keys", expanding=True)),
    )
)
_NAMED = 5
"""So many that are missing are named."""


def find_equipment(session: Session, ref: str, scope: Scope) -> Equipment:
    """Find equipment by id or key.

    Raises:
        NotFoundError: There is none in the scope.
    """
    return session.get_one(Equipment, _id_of_equipment(session, ref, scope))


def find_point(session: Session, ref: str, scope: Scope) -> Point:
    """Find a point by id or key.

    Raises:
        NotFoundError: There is none in the scope.
    """
    return session.get_one(Point, _id_of_point(session, ref, scope))


def find_points(session: Session, refs: Sequence[str], scope: Scope) -> list[NamedPoint]:
    """Find several points by id or key, in the order asked for.

    Raises:
        NotFoundError: There is none in the scope for some of them; the message names these.
        FieldError: A point is named twice.
    """
    ids = {ref: int(ref) for ref in refs if _is_id(ref)}
    keys = [ref for ref in refs if ref not in ids]
    query = _limited(_POINTS, Point, scope)
    rows = session.connection().execute(query, {"ids": list(ids.values()), "keys": keys}).all()
    found = [NamedPoint(*row) for row in rows]
    by_id, by_key = {one.id: one for one in found}, {one.key: one for one in found}
    points = [by_id.get(ids[ref]) if ref in ids else by_key.get(ref) for ref in refs]
    missing = [repr(ref) for ref, one in zip(refs, points, strict=True) if one is None]
    if missing:
        some = ", ".join(missing[:_NAMED]) + (", ..." if len(missing) > _NAMED else "")
        raise NotFoundError(f"no point {some}; give an id or a key site/gateway/device/point")
    known = [one for one in points if one is not None]
    twice = [one.key for one, times in Counter(known).items() if times > 1]
    if twice:
        raise FieldError("query.point", f"{twice[0]!r} is named more than once")
    return known


def equipment_id(session: Session, ref: str | None, scope: Scope) -> int | None:
    """Return the id of the equipment that a list is filtered by; None when it is not.

    Raises:
        NotFoundError: There is none in the scope.
    """
    return None if ref is None else _id_of_equipment(session, ref, scope)


def point_id(session: Session, ref: str | None, scope: Scope) -> int | None:
    """Return the id of the point that a list is filtered by; None when it is not.

    Raises:
        NotFoundError: There is none in the scope.
    """
    return None if ref is None else _id_of_point(session, ref, scope)


def site_id(session: Session, key: str, scope: Scope) -> int:
    """Return the id of the site with a key.

    Raises:
        NotFoundError: There is none in the scope.
    """
    require_site(session, key, scope)
    found = session.scalar(select(Site.id).where(Site.key == key))
    if found is None:
        raise NotFoundError(f"no site {key!r}")
    return found


def id_of_site(name: str) -> ScalarSelect[int]:
    """Return, as a part of a query, the id of the site whose key is the parameter ``name``."""
    return select(Site.id).where(Site.key == bindparam(name)).scalar_subquery()


def _id_of_equipment(session: Session, ref: str, scope: Scope) -> int:
    found = _id(session, _ID_OF_EQUIPMENT, ref, kind=Equipment, scope=scope)
    if found is None:
        raise NotFoundError(f"no equipment {ref!r}; give an id or a key site/gateway/device")
    return found


def _id_of_point(session: Session, ref: str, scope: Scope) -> int:
    found = _id(session, _ID_OF_POINT, ref, kind=Point, scope=scope)
    if found is None:
        raise NotFoundError(f"no point {ref!r}; give an id or a key site/gateway/device/point")
    return found


def _id(
    session: Session,
    queries: Mapping[bool, Select[int]],
    ref: str,
    *,
    kind: type[Base],
    scope: Scope,
) -> int | None:
    is_id = _is_id(ref)
    query = _limited(queries[is_id], kind, scope)
    return session.connection().scalar(query, {"ref": int(ref) if is_id else ref})


def _limited(query: Any, kind: type[Base], scope: Scope) -> Any:  # noqa: ANN401 (any query)
    # The statement as it stands is the one that is compiled already.
    return query if scope.is_everything else query.where(visible(kind, scope))


def _is_id(ref: str) -> bool:
    # 18 digits stay inside the 64 bits of an id column.
    return ref.isascii() and ref.isdecimal() and len(ref) <= 18  # noqa: PLR2004


def get_or_404(
    session: Session, kind: type[Row], row_id: int, word: str, scope: Scope, *, lock: bool = False
) -> Row:
    """Return a row by its id, locked against other writers when it shall change.

    Raises:
        NotFoundError: There is none in the scope.
    """
    require_visible(session, kind, row_id, word, scope)
    row = session.get(kind, row_id, with_for_update=lock)
    if row is None:
        raise NotFoundError(f"no {word} {row_id}")
    return row
