"""Which rules apply to which equipment: class file, then class, site and equipment overrides."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, cast

from pydantic import ValidationError
from structlog import get_logger

from config.base import Misfit, MisfitError
from config.classes import AlarmRule, EquipmentClass, rule_misfits
from config.errors import ConfigError
from server.alarms.rules import Rule, compile_rule

SCOPES = ("class", "site", "equipment")
"""Who may change a rule, the weakest first."""
log = get_logger()


class Override(NamedTuple):
    """Changes of one rule for one scope.

    Attributes:
        rule: <class>.<rule>; one that the class file does not have is a new rule.
        target: Site key, or id of the equipment; empty for the class.
        changes: Options of an alarm rule; what is not named stays as it is.
    """

    rule: str
    scope: str
    target: str
    changes: Mapping[str, Any]


class RuleBook:
    """All classes with what was changed through the interface; never altered, only replaced."""

    def __init__(
        self, classes: Mapping[str, EquipmentClass], overrides: Iterable[Override] = ()
    ) -> None:
        self.classes = classes
        self._layers: dict[tuple[str, str], dict[str, Override]] = {}
        for one in overrides:
            self._layers.setdefault((one.scope, one.target), {})[one.rule] = one
        self._made: dict[tuple[str, str, str], list[Rule]] = {}

    def rules_of(self, equipment_class: str, *, site: str, equipment_id: int) -> list[Rule]:
        """Return the rules that run on this equipment; the same objects for the same layers."""
        kind = self.classes.get(equipment_class)
        if kind is None:
            return []
        own_site = site if ("site", site) in self._layers else ""
        equipment = str(equipment_id)
        own = equipment if ("equipment", equipment) in self._layers else ""
        key = equipment_class, own_site, own
        if key not in self._made:
            self._made[key] = self._make(kind, site=own_site, equipment=own)
        return self._made[key]

    def names_of(self, kind: EquipmentClass, *, site: str, equipment: str) -> list[str]:
        """Return the names of the rules of a class, those of overrides included."""
        names = dict.fromkeys(kind.rules)
        prefix = f"{kind.equipment_class}."
        for layer in _targets(site, equipment):
            for rule in self._layers.get(layer, {}):
                if rule.startswith(prefix):
                    names[rule.removeprefix(prefix)] = None
        return list(names)

    def layers_of(self, rule: str, *, site: str, equipment: str) -> list[Override]:
        """Return what changes the rule there, the weakest first."""
        found = (self._layers.get(layer, {}).get(rule) for layer in _targets(site, equipment))
        return [one for one in found if one is not None]

    def effective(
        self, kind: EquipmentClass, name: str, *, site: str = "", equipment: str = ""
    ) -> AlarmRule:
        """Return the rule as it applies there, disabled ones too.

        Raises:
            ConfigError: The changes do not make a rule.
        """
        rule = kind.rules.get(name)
        for layer in self.layers_of(
            f"{kind.equipment_class}.{name}", site=site, equipment=equipment
        ):
            rule = merged(kind, name, rule, layer.changes)
        if rule is None:
            raise ConfigError(f"no rule {kind.equipment_class}.{name}")
        return rule

    def standing(
        self, kind: EquipmentClass, name: str, *, site: str = "", equipment: str = ""
    ) -> AlarmRule | None:
        """Return the rule that runs there: changes that make no rule any more are left out."""
        try:
            return self.effective(kind, name, site=site, equipment=equipment)
        except (ConfigError, MisfitError) as error:
            # Written for an older class file; the class's own rule is better than none.
            log.warning(
                "alarm_rule_override_ignored",
                rule=f"{kind.equipment_class}.{name}",
                error=str(error),
            )
            return kind.rules.get(name)

    def _make(self, kind: EquipmentClass, *, site: str, equipment: str) -> list[Rule]:
        made: list[Rule] = []
        for name in self.names_of(kind, site=site, equipment=equipment):
            rule = self.standing(kind, name, site=site, equipment=equipment)
            if rule is not None and rule.enabled:
                made.append(compile_rule(kind, name, rule))
        return made


def merged(
    kind: EquipmentClass, name: str, rule: AlarmRule | None, changes: Mapping[str, Any]
) -> AlarmRule:
    """Return the rule with the changes.

    Raises:
        MisfitError: The result is no rule of this class; says where.
    """
    base = {} if rule is None else rule.model_dump(mode="json", by_alias=True)
    text = json.dumps(_deep(base, changes))
    try:
        made = AlarmRule.model_validate_json(text, strict=True)
    except ValidationError as error:
        raise MisfitError([Misfit(one["loc"], one["msg"]) for one in error.errors()]) from error
    misfits = list(rule_misfits(made, kind.points))
    if misfits:
        raise MisfitError(misfits)
    watched = made.life_safety and made.enabled and made.mode == "announce"
    if rule is not None and rule.life_safety and not watched:
        raise ConfigError(f"{name}: a rule of life safety stays one and stays on")
    return made


def _deep(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Lay the changes over the base; a condition of another kind replaces the whole condition."""
    result = dict(base)
    for key, value in changes.items():
        before = result.get(key)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            inner = cast("Mapping[str, Any]", value)
            known = cast("Mapping[str, Any]", before)
            other_kind = "kind" in inner and inner["kind"] != known.get("kind")
            result[key] = dict(inner) if other_kind else _deep(known, inner)
        else:
            result[key] = value
    return result


def _targets(site: str, equipment: str) -> list[tuple[str, str]]:
    return [("class", ""), ("site", site), ("equipment", equipment)]
