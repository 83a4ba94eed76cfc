"""Whether an emergency plan fits the equipment classes and the channels of a server."""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import TypeAlias

from config.base import Conflict
from config.classes import ClassPoint, EquipmentClass
from config.code_lists import words_of_list
from config.errors import ConfigError
from config.plans import (
    CommandStep,
    EmergencyPlan,
    MessageStep,
    Occasion,
    ValueOfParameter,
    expression_of,
)
from config.problems import none_of

Path: TypeAlias = tuple[str | int, ...]


def plan_conflicts(
    plan: EmergencyPlan, classes: Mapping[str, EquipmentClass]
) -> Iterator[Conflict]:
    """Yield where a plan does not fit the equipment classes."""
    found = list(_unknown_classes(plan, classes))
    if found:
        yield from found
        return
    for index, occasion in enumerate(plan.offered_for):
        yield from _unknown_causes(occasion, classes[occasion.equipment_class], index)
    for index, step in enumerate(plan.steps):
        at: Path = ("steps", index)
        for field in ("only_if", "interlock", "read_back"):
            text = getattr(step, field, None)
            if text is not None:
                try:
                    expression_of(text, plan, classes)
                except ConfigError as error:
                    yield Conflict((*at, field), str(error))
        if isinstance(step, CommandStep):
            kind = classes[plan.equipment[step.equipment].equipment_class]
            yield from _command_conflicts(step, kind, at)


def channel_conflicts(plan: EmergencyPlan, channels: AbstractSet[str]) -> Iterator[Conflict]:
    """Yield channels of messages that the server does not have for groups."""
    for index, step in enumerate(plan.steps):
        if isinstance(step, MessageStep):
            for number, channel in enumerate(step.channels):
                if channel not in channels:
                    message = none_of(channel, channels, "webhook or group of the server file")
                    yield Conflict(("steps", index, "channels", number), message)


def _unknown_classes(
    plan: EmergencyPlan, classes: Mapping[str, EquipmentClass]
) -> Iterator[Conflict]:
    named: list[tuple[Path, str]] = [
        (("offered_for", index, "class"), one.equipment_class)
        for index, one in enumerate(plan.offered_for)
    ]
    named += [
        (("equipment", key, "class"), one.equipment_class) for key, one in plan.equipment.items()
    ]
    for path, name in named:
        if name not in classes:
            yield Conflict(path, none_of(name, classes, "equipment class"))


def _unknown_causes(occasion: Occasion, kind: EquipmentClass, index: int) -> Iterator[Conflict]:
    known = {rule.cause for rule in kind.rules.values()}
    for number, cause in enumerate(occasion.causes):
        if cause not in known:
            message = none_of(cause, known, f"cause of {occasion.equipment_class}")
            yield Conflict(("offered_for", index, "causes", number), message)


def _command_conflicts(step: CommandStep, kind: EquipmentClass, at: Path) -> Iterator[Conflict]:
    point = kind.points.get(step.point)
    if point is None:
        message = none_of(step.point, kind.points, f"point of {kind.equipment_class}")
        yield Conflict((*at, "point"), message)
        return
    expected = _wrong_value(step, point)
    if expected:
        yield Conflict((*at, "value"), f"expected {expected}, got {step.value!r}")


def _wrong_value(step: CommandStep, point: ClassPoint) -> str:
    """Return what the point takes instead; empty when the value fits."""
    value = step.value
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if point.kind in {"number", "counter"}:
        fits = number or isinstance(value, ValueOfParameter)
        return "" if fits else "a number or {parameter: NAME}"
    if point.kind == "text":
        return "" if isinstance(value, str) else "text"
    if point.words is None:
        return "" if isinstance(value, bool | str) else "true, false or a word"
    known = sorted(words_of_list(point.words))
    return "" if value in known else f"one of {', '.join(known)}"
