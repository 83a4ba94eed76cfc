"""What is shown of alarm rules, and where they are looked up."""

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.base import Words
from config.classes import AlarmRule, EquipmentClass
from server.access.scope import Scope as Reach
from server.alarms.overrides import Place
from server.alarms.rulebook import RuleBook
from server.api.context import Services
from server.api.lookup import find_equipment
from server.api.shapes import Instant, Reason
from server.api.strict import Body
from server.api.visible import require_site
from server.assets.model import Equipment, Site
from server.assets.scoped import conditions
from server.core.errors import ForbiddenError, NotFoundError


class Layer(BaseModel):
    """What one scope changes of a rule."""

    scope: str
    """class, site or equipment."""
    target: str
    """Key of the site, id of the equipment; empty for the class."""
    changes: dict[str, Any]
    version: int
    updated_at: Instant
    updated_by: str
    confirmed_by: str | None
    """The second person, when it weakens a rule of life safety."""


class RuleItem(BaseModel):
    """A rule as it applies somewhere."""

    rule: str
    equipment_class: str
    name: Words
    """As its alarms are called there, with the figures of ``settings``."""
    settings: AlarmRule
    source: str
    """Who says so: class_file, class, site or equipment."""
    layers: list[Layer]
    """What was changed, the weakest first."""


class RuleList(BaseModel):
    """All rules that apply there; one page holds them."""

    items: list[RuleItem]
    next_cursor: None = None


class RuleChange(Body):
    """What shall differ; options that are not named stay as the wider scope has them."""

    changes: dict[str, Any]
    reason: Reason


class RuleVersion(BaseModel):
    """One change of the past."""

    version: int
    at: Instant
    by: str
    confirmed_by: str | None
    """The second person, when it weakens a rule of life safety."""
    reason: str
    changes: dict[str, Any] | None
    """Null: it was deleted."""


class RuleVersions(BaseModel):
    """Every change at one place, newest first."""

    items: list[RuleVersion]
    next_cursor: None = None


class Scope(NamedTuple):
    """Where a rule is asked for or changed."""

    site: str = ""
    equipment: str = ""
    equipment_class: str = ""

    def place(self, rule: str) -> Place:
        """Return the place of an override of exactly this scope."""
        if self.equipment:
            return Place(rule, "equipment", self.equipment)
        return Place(rule, "site", self.site) if self.site else Place(rule, "class", "")


class Spot(NamedTuple):
    """Where a rule is asked for: key of the site, id of the equipment; empty: any."""

    site: str
    equipment: str


def find_rule(use: Services, rule: str) -> tuple[EquipmentClass, str]:
    """Return the class of a rule and the rule's own name.

    Raises:
        NotFoundError: There is no such class.
    """
    key, dot, name = rule.partition(".")
    kind = use.classes.get(key)
    if kind is None or not dot or not name:
        known = ", ".join(sorted(use.classes))
        raise NotFoundError(f"no rule {rule!r}; write <class>.<rule>, classes are: {known}")
    return kind, name


def newly_broken(
    session: Session, before: RuleBook, after: RuleBook, kind: EquipmentClass, name: str
) -> str:
    """Name the changes of a rule that fit before and do not fit after, and why; empty if none."""
    found: dict[str, str] = {}
    places = after.places_of(f"{kind.equipment_class}.{name}")
    for site, equipment in spots_of(session, places):
        known = before.broken_layers(kind, name, site=site, equipment=equipment)
        layers = after.broken_layers(kind, name, site=site, equipment=equipment)
        for layer, why in layers.items():
            if layer not in known:
                found[" ".join(layer).strip()] = why
    return "; ".join(f"{layer} ({why})" for layer, why in found.items())


def spots_of(session: Session, places: Iterable[tuple[str, str]]) -> list[Spot]:
    """Return where the places are, each given as scope and target; one look for all equipment."""
    known = list(places)
    ids = {int(target) for scope, target in known if scope == "equipment"}
    rows = session.execute(select(Equipment.id, Equipment.key).where(Equipment.id.in_(ids))).all()
    keys = {str(row.id): row.key for row in rows}
    return [
        Spot(keys.get(target, "").partition("/")[0], target)
        if scope == "equipment"
        else Spot(target if scope == "site" else "", "")
        for scope, target in known
    ]


def classes_in(session: Session, use: Services, reach: Reach) -> Collection[str]:
    """Return the classes of which there is equipment in the reach; all when it is everything."""
    if not reach.picks:
        return use.classes
    query = select(Equipment.equipment_class).where(*conditions(reach)).distinct()
    return use.classes.keys() & set(session.scalars(query))


def scope_of(session: Session, site: str | None, equipment: str | None, reach: Reach) -> Scope:
    """Return where a request looks.

    Raises:
        NotFoundError: There is no such site or equipment.
    """
    if equipment is not None:
        row = find_equipment(session, equipment, reach)
        return Scope(row.key.partition("/")[0], str(row.id), row.equipment_class)
    if site is None:
        return Scope()
    if session.scalar(select(Site.id).where(Site.key == site)) is None:
        raise NotFoundError(f"no site {site!r}")
    require_site(session, site, reach)
    return Scope(site)


def writable_place(scope: Scope, rule: str, reach: Reach) -> Place:
    """Return the place that a change is for, when all that it holds for is in the reach.

    Raises:
        ForbiddenError: It would hold for equipment beyond it.
    """
    place = scope.place(rule)
    if place.scope == "class" and not reach.is_everything:
        raise ForbiddenError(
            "a rule for the whole class holds at every site; name one: ?site= or ?equipment="
        )
    if place.scope == "site" and reach.picks:
        raise ForbiddenError("a rule for a whole site holds for more than your equipment")
    return place
