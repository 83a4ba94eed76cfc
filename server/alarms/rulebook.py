"""Which rules apply to which equipment: class file, then class, site and equipment overrides."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, cast

from pydantic import ValidationError
from structlog import get_logger

from config.base import Conflict, ConflictingSettingsError
from config.classes import AlarmRule, EquipmentClass, rule_conflicts
from config.errors import ConfigError
from server.alarms.rules import Rule, compile_rule

_LONGEST_DELAY_S = 60.0
"""Of a rule of life safety, unless the class file itself says more."""
log = get_logger()


class Override(NamedTuple):
    """Changes of one rule for one scope.

    Attributes:
        rule: <class>.<rule>; one that the class file does not have is a new rule.
        target: Site key, or id of the equipment; empty for the class.
        changes: Options of an alarm rule; what is not named stays as it is.
        by_two: Two persons said so: it may weaken a rule of life safety.
    """

    rule: str
    scope: str
    target: str
    changes: Mapping[str, Any]
    by_two: bool = False


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

    def standing(
        self, kind: EquipmentClass, name: str, *, site: str = "", equipment: str = ""
    ) -> AlarmRule | None:
        """Return the rule that runs there: changes that make no rule any more are left out."""
        rule, broken = self._lay(kind, name, site=site, equipment=equipment)
        for layer, error in broken:
            # Written for an older class file; what the others say is better than nothing.
            log.warning(
                "alarm_rule_override_ignored",
                rule=layer.rule,
                scope=layer.scope,
                target=layer.target,
                error=str(error),
            )
        return rule

    def broken_layers(
        self, kind: EquipmentClass, name: str, *, site: str = "", equipment: str = ""
    ) -> dict[tuple[str, str], str]:
        """Return scope and target of the changes that make no rule there, and why they do not."""
        _, broken = self._lay(kind, name, site=site, equipment=equipment)
        return {(layer.scope, layer.target): str(error) for layer, error in broken}

    def places_of(self, rule: str) -> list[tuple[str, str]]:
        """Return scope and target of every change of a rule."""
        return [place for place, layers in self._layers.items() if rule in layers]

    def _lay(
        self, kind: EquipmentClass, name: str, *, site: str, equipment: str
    ) -> tuple[AlarmRule | None, list[tuple[Override, ConfigError | ConflictingSettingsError]]]:
        """Lay one change over the other, without those that do not fit what is below them."""
        rule = kind.rules.get(name)
        broken: list[tuple[Override, ConfigError | ConflictingSettingsError]] = []
        for layer in self.layers_of(
            f"{kind.equipment_class}.{name}", site=site, equipment=equipment
        ):
            try:
                rule = merged(kind, name, rule, layer.changes, by_two=layer.by_two)
            except (ConfigError, ConflictingSettingsError) as error:
                broken.append((layer, error))
        return rule, broken

    def _make(self, kind: EquipmentClass, *, site: str, equipment: str) -> list[Rule]:
        made: list[Rule] = []
        for name in self.names_of(kind, site=site, equipment=equipment):
            rule = self.standing(kind, name, site=site, equipment=equipment)
            if rule is not None and rule.enabled:
                made.append(compile_rule(kind, name, rule))
        return made


def merged(
    kind: EquipmentClass,
    name: str,
    rule: AlarmRule | None,
    changes: Mapping[str, Any],
    *,
    by_two: bool = False,
) -> AlarmRule:
    """Return the rule with the changes.

    Raises:
        ConflictingSettingsError: The result is no rule of this class; says where.
        WeakenedError: It would be less of a rule of life safety, and not two persons say so.
    """
    base = {} if rule is None else rule.model_dump(mode="json", by_alias=True)
    text = json.dumps(_deep(base, changes))
    try:
        made = AlarmRule.model_validate_json(text, strict=True)
    except ValidationError as error:
        raise ConflictingSettingsError(
            [Conflict(one["loc"], one["msg"]) for one in error.errors()]
        ) from error
    conflicts = list(rule_conflicts(made, kind.points))
    if conflicts:
        raise ConflictingSettingsError(conflicts)
    less = "" if by_two else weakened(rule, made)
    if less:
        raise WeakenedError(f"{name}: {less}")
    return made


class WeakenedError(ConfigError):
    """A rule of life safety would find less, later, or for fewer people."""


def weakened(before: AlarmRule | None, made: AlarmRule | None) -> str:
    """Say in which way a rule of life safety is less than before; empty: in none.

    Args:
        before: The rule; None: there is none yet.
        made: What becomes of it; None: it is gone.
    """
    if made is not None and made.life_safety:
        longest = _LONGEST_DELAY_S if before is None else max(_LONGEST_DELAY_S, before.on_delay_s)
        if made.on_delay_s > longest:
            return f"a rule of life safety waits {longest:g} s at most"
    if before is None or not before.life_safety:
        return ""
    if made is None:
        return "a rule of life safety stays one and stays on"
    return _less(before, made)


def _less(before: AlarmRule, made: AlarmRule) -> str:
    stays_on = (made.enabled, made.mode) == (True, "announce") or not before.enabled
    if not made.life_safety or not (stays_on or before.mode == "monitor"):
        return "a rule of life safety stays one and stays on"
    if made.condition != before.condition or made.enabled_while != before.enabled_while:
        return "the condition of a rule of life safety is changed in the class file only"
    if made.severity.rank > before.severity.rank:
        return f"a rule of life safety is not less than {before.severity}"
    if before.latching and not made.latching:
        return "a rule of life safety goes on latching"
    return ""


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
