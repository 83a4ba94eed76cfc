"""What equipment of each class reports when all is well, and what would be an alarm."""

import math
from typing import NamedTuple

from config.classes import EquipmentClass
from config.conditions import LimitCondition, StateCondition
from protocols.reading import Value


class Kind(NamedTuple):
    """What a class reports when all is well."""

    settings: EquipmentClass
    numbers: dict[str, tuple[float, float]]
    """Middle and width of the noise."""
    states: dict[str, Value]
    trips: dict[str, tuple[Value, Value]]
    """Points whose other value is an alarm: well, and not well."""


def well(settings: EquipmentClass) -> Kind:
    numbers: dict[str, tuple[float, float]] = {}
    states: dict[str, Value] = {}
    trips: dict[str, tuple[Value, Value]] = {}
    for name, point in settings.points.items():
        if point.kind in {"number", "counter"}:
            numbers[name] = _course(settings, name)
        else:
            states[name] = "auto" if point.kind == "text" else False
    for rule in settings.rules.values():
        condition = rule.condition
        if isinstance(condition, StateCondition):
            well = "auto" if isinstance(condition.equals, str) else condition.equals is False
            states[condition.point] = well
            if isinstance(well, bool) and rule.enabled_while is None:
                trips[condition.point] = well, not well
    return Kind(settings, numbers, states, trips)


def _course(settings: EquipmentClass, name: str) -> tuple[float, float]:
    """Return a middle that no limit minds, and a noise of one percent that does not reach one."""
    above, below = -math.inf, math.inf
    for rule in settings.rules.values():
        condition = rule.condition
        if isinstance(condition, LimitCondition) and condition.point == name:
            if condition.level in {"hi", "hihi"}:
                below = min(below, condition.limit)
            else:
                above = max(above, condition.limit)
    if math.isinf(above):
        middle = 50.0 if math.isinf(below) else 0.8 * below
    else:
        middle = 1.25 * above + 1 if math.isinf(below) else (above + below) / 2
    room = min(abs(middle - above), abs(below - middle))
    return middle, min(0.01 * abs(middle), 0.5 * room)
