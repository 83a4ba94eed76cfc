"""Where somebody's rights hold: sites, classes of equipment, single pieces of equipment."""

from collections.abc import Collection
from typing import Any, NamedTuple, Self

from server.access.roles import Role

UNLIMITED = frozenset({Role.ADMINISTRATOR, Role.COMPANY})
"""Roles whose scope is everything."""


class Place(NamedTuple):
    """A piece of equipment, as far as a scope asks."""

    site: str
    equipment_class: str
    key: str


class Scope(NamedTuple):
    """Keys; None does not limit.

    Equipment is in it that is at one of the sites, and of one of the classes or named itself. With
    neither classes nor equipment, all equipment of the sites is.
    """

    sites: frozenset[str] | None = None
    classes: frozenset[str] | None = None
    equipment: frozenset[str] | None = None

    @classmethod
    def of(
        cls,
        role: Role,
        *,
        sites: Collection[str] | None,
        classes: Collection[str] | None,
        equipment: Collection[str] | None,
    ) -> Self:
        """Return what a role with these lists reaches; a contractor has what is named only.

        What a contractor has by the ledger is added by ``server/assets/under_contract.py``.
        """
        if role in UNLIMITED:
            return cls()
        named: list[Any] = [
            None if one is None else frozenset(one) for one in (sites, classes, equipment)
        ]
        if role is Role.CONTRACTOR and named[1] is None and named[2] is None:
            named[2] = frozenset()
        return cls(*named)

    @property
    def is_everything(self) -> bool:
        """Whether nothing is outside."""
        return self.sites is None and not self.picks

    @property
    def picks(self) -> bool:
        """Whether not all equipment of its sites is in it."""
        return self.classes is not None or self.equipment is not None

    def has_site(self, key: str) -> bool:
        """Return whether rights may hold at a site, for some of its equipment at least."""
        return self.sites is None or key in self.sites

    def has(self, place: Place) -> bool:
        """Return whether a piece of equipment is in it."""
        if not self.has_site(place.site):
            return False
        if not self.picks:
            return True
        return place.equipment_class in (self.classes or ()) or place.key in (self.equipment or ())


EVERYTHING = Scope()
