"""The part of a query that leaves what is in somebody's scope.

A listing takes the filters of ``scoped``, a page of it the values of ``values_of``; a query of its
own takes the conditions of ``conditions``. Without limits nothing is added.
"""

from collections.abc import Collection
from typing import Any, TypeAlias

from sqlalchemy import BindParameter, ColumnElement, and_, bindparam, or_, select, true

from server.access.scope import Scope
from server.assets.model import Equipment, Gateway, Site

Filters: TypeAlias = dict[str, ColumnElement[bool]]
_SITES, _PICKS = "scope_sites", "scope_equipment"
_CLASSES = "scope_classes"
"""Has no condition of its own: its value is a part of that of ``scope_equipment``."""
_OWN = "scope_own"
"""Likewise."""
_NAMES: BindParameter[Any] = bindparam(_SITES, expanding=True)
_IDS = select(Site.id).where(Site.key.in_(_NAMES))


def scoped(kind: type[Equipment] = Equipment) -> Filters:
    """Return the filters of a listing that joins equipment."""
    return {_SITES: kind.site_id.in_(_IDS), _PICKS: _picked(kind), _CLASSES: true()}


def scoped_with_rooms(site_id: Any, assignee: Any) -> Filters:  # noqa: ANN401 (columns)
    """Return the filters of a listing that joins equipment where there is any.

    Args:
        site_id: Column of the estate.
        assignee: Column of who has it. What is in a room, and not at equipment, is in the scope
            of whole estates and of whoever has it.
    """
    own = and_(Equipment.id.is_(None), assignee.in_(bindparam(_OWN, expanding=True)))
    picked = or_(_picked(Equipment), own)
    return {_SITES: site_id.in_(_IDS), _PICKS: picked, _CLASSES: true(), _OWN: true()}


def both_scoped(one: type[Equipment], other: type[Equipment]) -> Filters:
    """Return the filters of a listing that joins equipment twice."""
    first, second = scoped(one), scoped(other)
    return {name: condition & second[name] for name, condition in first.items()}


def scoped_sites() -> Filters:
    """Return the filters of a listing of sites: those with equipment in the scope."""
    there = select(Equipment.id).where(Equipment.site_id == Site.id, _picked(Equipment)).exists()
    return {_SITES: Site.key.in_(_NAMES), _PICKS: there, _CLASSES: true()}


def scoped_gateways() -> Filters:
    """Return the filters of a listing of gateways: those with equipment in the scope."""
    there = select(Equipment.id).where(Equipment.gateway_id == Gateway.id, _picked(Equipment))
    return {_SITES: Gateway.site_id.in_(_IDS), _PICKS: there.exists(), _CLASSES: true()}


def values_of(scope: Scope, own: Collection[str] | None = None) -> dict[str, Any]:
    """Return the filters to choose and their values.

    Args:
        scope: Somebody's.
        own: Its names, of a listing ``scoped_with_rooms``.
    """
    chosen: dict[str, Any] = {}
    if scope.sites is not None:
        chosen[_SITES] = sorted(scope.sites)
    if scope.picks:
        chosen[_PICKS] = sorted(scope.equipment or ())
        chosen[_CLASSES] = sorted(scope.classes or ())
        if own is not None:
            chosen[_OWN] = sorted(own)
    return chosen


def conditions(scope: Scope, kind: type[Equipment] = Equipment) -> list[ColumnElement[bool]]:
    """Return the conditions on equipment, with their values; none when the scope is everything."""
    found: list[ColumnElement[bool]] = []
    if scope.sites is not None:
        found.append(kind.site_id.in_(select(Site.id).where(Site.key.in_(scope.sites))))
    if scope.picks:
        found.append(
            or_(
                kind.equipment_class.in_(scope.classes or ()),
                kind.key.in_(scope.equipment or ()),
            )
        )
    return found


def _picked(kind: Any) -> ColumnElement[bool]:  # noqa: ANN401 (same)
    return or_(
        kind.key.in_(bindparam(_PICKS, expanding=True)),
        kind.equipment_class.in_(bindparam(_CLASSES, expanding=True)),
    )
