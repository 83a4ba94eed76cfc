"""What is shown of alarm rules, and where they are looked up."""

from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.base import Words
from config.classes import AlarmRule, EquipmentClass
from server.alarms.overrides import Place
from server.alarms.rulebook import RuleBook
from server.api.context import Services
from server.api.lookup import find_equipment
from server.api.shapes import Instant
from server.api.strict import Body
from server.assets.model import Equipment, Site
from server.core.errors import NotFoundError


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
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class RuleVersion(BaseModel):
    """One change of the past."""

    version: int
    at: Instant
    by: str
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
    for scope, target in after.places_of(f"{kind.equipment_class}.{name}"):
        where = {"site": target if scope == "site" else "", "equipment": ""}
        if scope == "equipment":
            row = session.get(Equipment, int(target))
            where = {"site": row.key.partition("/")[0] if row else "", "equipment": target}
        known = before.broken_layers(kind, name, **where)
        for layer, why in after.broken_layers(kind, name, **where).items():
            if layer not in known:
                found[" ".join(layer).strip()] = why
    return "; ".join(f"{layer} ({why})" for layer, why in found.items())


def scope_of(session: Session, site: str | None, equipment: str | None) -> Scope:
    """Return where a request looks.

    Raises:
        NotFoundError: There is no such site or equipment.
    """
    if equipment is not None:
        row = find_equipment(session, equipment)
        return Scope(row.key.partition("/")[0], str(row.id), row.equipment_class)
    if site is None:
        return Scope()
    if session.scalar(select(Site.id).where(Site.key == site)) is None:
        raise NotFoundError(f"no site {site!r}")
    return Scope(site)
