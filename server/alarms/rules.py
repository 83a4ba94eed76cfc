"""A rule ready to run: ids, delays in ms, the compiled ``while``."""

from collections.abc import Iterable
from dataclasses import dataclass

from config.classes import AlarmRule, EquipmentClass, StaleCondition
from config.expression import Expression, compile_expression
from server.alarms.conditions import point_of


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One alarm rule of an equipment class."""

    id: str
    """<class>.<rule>."""
    point: str
    settings: AlarmRule
    trade: str
    on_ms: int
    off_ms: int
    enabled_while: Expression | None

    @property
    def judged_by_silence(self) -> bool:
        """A sweep raises it, not a value."""
        return isinstance(self.settings.condition, StaleCondition)


def compile_rules(classes: Iterable[EquipmentClass]) -> dict[str, list[Rule]]:
    """Return the rules of each class.

    Raises:
        ConfigError: A ``while`` expression is wrong.
    """
    return {
        kind.equipment_class: [_compile(kind, name, rule) for name, rule in kind.rules.items()]
        for kind in classes
    }


def _compile(kind: EquipmentClass, name: str, rule: AlarmRule) -> Rule:
    text = rule.enabled_while
    return Rule(
        id=f"{kind.equipment_class}.{name}",
        point=point_of(rule.condition),
        settings=rule,
        trade=kind.trade,
        on_ms=round(rule.on_delay_s * 1000),
        off_ms=round(rule.off_delay_s * 1000),
        enabled_while=None if text is None else compile_expression(text, kind.points),
    )
