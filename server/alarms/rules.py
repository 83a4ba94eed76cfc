"""A rule ready to run: ids, delays in ms, the compiled expressions."""

from collections.abc import Mapping
from dataclasses import dataclass

from config.base import Words
from config.classes import AlarmRule, EquipmentClass
from config.conditions import (
    ExpressionCondition,
    RateCondition,
    StaleCondition,
    StuckCondition,
    UnreachableCondition,
)
from config.expression import Expression, compile_expression
from protocols.reading import Value
from server.alarms.evaluation.conditions import point_of


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One alarm rule as it applies to some equipment."""

    id: str
    """<class>.<rule>."""
    point: str
    settings: AlarmRule
    name: Words
    """With the figures of ``settings``."""
    trade: str
    on_ms: int
    off_ms: int
    enabled_while: Expression | None = None
    when: Expression | None = None
    until: Expression | None = None
    reads: frozenset[str] = frozenset()
    """Points that its expressions need."""
    judged_by_silence: bool = False
    """A sweep raises it, not a value."""
    windowed: RateCondition | StuckCondition | None = None
    """Its condition, when that is about more than one value."""

    @property
    def of_communication(self) -> bool:
        """It tells that nothing is heard, not that something is wrong."""
        return isinstance(self.settings.condition, StaleCondition | UnreachableCondition)

    def expression_holds(self, values: Mapping[str, Value], *, before: bool) -> bool | None:
        """Return whether the expression holds; None when it cannot be known."""
        if before and self.until is not None:
            over = self.until.evaluate(values)
            return None if over is None else not over
        if self.when is None:
            return None
        result = self.when.evaluate(values)
        return None if result is None else bool(result)


def compile_rule(kind: EquipmentClass, name: str, rule: AlarmRule) -> Rule:
    """Make one rule of a class ready.

    Raises:
        ConfigError: An expression is wrong.
    """
    condition = rule.condition
    of_points = isinstance(condition, ExpressionCondition)
    enabled_while = _compiled(kind, rule.enabled_while)
    when = _compiled(kind, condition.when if of_points else None)
    until = _compiled(kind, condition.until if of_points else None)
    return Rule(
        id=f"{kind.equipment_class}.{name}",
        point=point_of(condition),
        settings=rule,
        name=rule.named(kind.points),
        trade=kind.trade,
        on_ms=round(rule.on_delay_s * 1000),
        off_ms=round(rule.off_delay_s * 1000),
        enabled_while=enabled_while,
        when=when,
        until=until,
        reads=frozenset[str]().union(
            *(one.names for one in (enabled_while, when, until) if one is not None)
        ),
        judged_by_silence=isinstance(condition, StaleCondition),
        windowed=condition if isinstance(condition, RateCondition | StuckCondition) else None,
    )


def _compiled(kind: EquipmentClass, text: str | None) -> Expression | None:
    return None if text is None else compile_expression(text, kind.points)
