"""What is looked at before a rule is changed: whether it is one, spoils another, or is less."""

from typing import Any, Final

from sqlalchemy.orm import Session

from config.base import ConflictingSettingsError, dotted
from config.classes import AlarmRule, EquipmentClass
from config.errors import ConfigError
from config.rule_names import says_number
from server.alarms.overrides import Place, load_overrides
from server.alarms.rulebook import Override, RuleBook, merged, weakened
from server.api.context import Services
from server.api.rule_shapes import Scope, find_rule, newly_broken, spots_of
from server.core.errors import ConflictError
from server.core.problem import FieldError

TWO_PERSONS: Final = "two persons do that: POST /alarm-rules/{rule}/proposals"


def check_change(
    session: Session, use: Services, place: Place, scope: Scope, changes: dict[str, Any]
) -> str:
    """Refuse changes that do not make a rule, or spoil those of narrower scopes; says where.

    Returns in which way a rule of life safety would be less; empty: in none.
    """
    kind, name = find_rule(use, place.rule)
    before = load_overrides(session)
    others = [one for one in before if one[:3] != place]
    book = RuleBook(use.classes, others)
    wider_site = scope.site if place.scope != "class" else ""
    base = book.standing(kind, name, site=wider_site if place.scope == "equipment" else "")
    made = _merged(kind, name, base, changes)
    if base is not None and made.name == base.name:
        _refuse_old_figure(base, made)
    after = RuleBook(use.classes, [*others, Override(*place, changes, by_two=True)])
    known = RuleBook(use.classes, before)
    spoilt = newly_broken(session, known, after, kind, name)
    if spoilt:
        raise FieldError("body.changes", f"these would make no rule any more: {spoilt}")
    return _named(name, weakened(base, made)) or _less_anywhere(session, known, after, kind, name)


def check_without(session: Session, use: Services, place: Place) -> str:
    """Refuse to take back what the changes of narrower scopes stand on.

    Returns in which way a rule of life safety would be less; empty: in none.
    """
    kind, name = find_rule(use, place.rule)
    before = load_overrides(session)
    known = RuleBook(use.classes, before)
    after = RuleBook(use.classes, [one for one in before if one[:3] != place])
    spoilt = newly_broken(session, known, after, kind, name)
    if spoilt:
        raise ConflictError(f"these would make no rule any more, take them back first: {spoilt}")
    return _less_anywhere(session, known, after, kind, name)


def _merged(
    kind: EquipmentClass, name: str, base: AlarmRule | None, changes: dict[str, Any]
) -> AlarmRule:
    try:
        return merged(kind, name, base, changes, by_two=True)
    except ConflictingSettingsError as error:
        first = error.conflicts[0]
        words = "; ".join(f"{dotted(one.path)}: {one.message}" for one in error.conflicts)
        raise FieldError(f"body.changes.{dotted(first.path)}", words) from error
    except ConfigError as error:
        raise FieldError("body.changes", str(error)) from error


def _less_anywhere(
    session: Session, before: RuleBook, after: RuleBook, kind: EquipmentClass, name: str
) -> str:
    """Compare what is in force now, at every place where the rule is changed, with what will be."""
    rule = f"{kind.equipment_class}.{name}"
    places = dict.fromkeys([*before.places_of(rule), *after.places_of(rule)])
    for site, equipment in spots_of(session, places):
        was, will = (
            one.standing(kind, name, site=site, equipment=equipment) for one in (before, after)
        )
        if less := weakened(was, will):
            return _named(name, less)
    return ""


def _named(name: str, less: str) -> str:
    return f"{name}: {less}" if less else ""


def _refuse_old_figure(base: AlarmRule, made: AlarmRule) -> None:
    """Refuse a change after which the name would say a figure that does not hold any more."""
    before, after = (
        {**one.condition.figures, "on_delay_s": one.on_delay_s} for one in (base, made)
    )
    for option, figure in before.items():
        if after.get(option) != figure and says_number(base.name, figure):
            place = f"{{{option.removesuffix('_s')}}}"
            words = f"the name {base.name.en!r} says {figure:g}: change it too; {place} in it"
            raise FieldError("body.changes.name", f"{words} becomes the figure of each place")
