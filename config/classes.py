"""An equipment class: canonical points, names, trade and the default alarm rules."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from config.base import Identifier, Misfit, MisfitError, Settings, Words
from config.errors import ConfigError
from config.expression import compile_expression


class Severity(StrEnum):
    """How fast somebody must act, most severe first."""

    URGENT = "urgent"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """0 is the most severe; sorts a list of alarms."""
        return list(Severity).index(self)


class Trade(StrEnum):
    """Who repairs it."""

    HEATING = "heating"
    ELECTRICAL = "electrical"
    PLUMBING = "plumbing"
    LIFT = "lift"
    FIRE = "fire"
    LOW_VOLTAGE = "low_voltage"


class LimitCondition(Settings):
    """A number beyond a limit; returns when it is back inside by the deadband."""

    kind: Literal["limit"] = Field(description="A number beyond a limit.")
    point: Identifier = Field(description="Canonical point of the class.")
    level: Literal["lolo", "lo", "hi", "hihi"] = Field(description="Which limit it is.")
    limit: float = Field(description="In the point's unit; hi, hihi: above; lo, lolo: below.")
    deadband: float = Field(default=0, ge=0, description="Hysteresis on the way back, same unit.")


class StateCondition(Settings):
    """A point in one of these states."""

    kind: Literal["state"] = Field(description="A point in a state.")
    point: Identifier = Field(description="Canonical point of the class.")
    equals: bool | int | str | tuple[bool | int | str, ...] = Field(
        description="The state, or the list of states, that is abnormal."
    )


class StaleCondition(Settings):
    """A point silent for longer than it may be, or of a quality that is not good for that long."""

    kind: Literal["stale"] = Field(description="A point not heard of.")
    point: Identifier = Field(description="Canonical point of the class.")
    after_s: float | None = Field(
        default=None,
        gt=0,
        description="Silence that counts, seconds; default: three times the point's max silence.",
    )


class UnreachableCondition(Settings):
    """The device does not answer, or its gateway is gone."""

    kind: Literal["unreachable"] = Field(description="The device does not answer.")


Condition: TypeAlias = Annotated[
    LimitCondition | StateCondition | StaleCondition | UnreachableCondition,
    Field(discriminator="kind"),
]


class AlarmRule(Settings):
    """When an alarm is raised, how severe it is, and what it causes."""

    name: Words = Field(description="The alarm in words: 'Circulation pump fault'.")
    condition: Condition = Field(description="limit, state, stale or unreachable.")
    severity: Severity = Field(description="urgent, high, medium or low.")
    cause: Identifier = Field(
        description="Why: alarms of one equipment and cause are one incident."
    )
    on_delay_s: float = Field(
        default=0, ge=0, le=86400, description="The condition must last this long, seconds."
    )
    off_delay_s: float = Field(
        default=0, ge=0, le=86400, description="It must be gone this long to return, seconds."
    )
    enabled_while: str | None = Field(
        default=None,
        alias="while",
        max_length=500,
        description="Expression over the equipment's points; the rule counts while it is true.",
    )
    work_order: bool = Field(default=True, description="Opens a work order.")
    life_safety: bool = Field(default=False, description="Fire, entrapment: never shelved.")


class ClassPoint(Settings):
    """A canonical point of the class."""

    name: Words = Field(description="Name that people use.")
    kind: Literal["number", "counter", "state", "text"] = Field(
        description="number: measured; counter: only grows; state: bool or word; text."
    )
    unit: str = Field(default="", max_length=16, description="Unit of a number.")
    key: bool = Field(default=False, description="Shown first, on cards and lists.")


class EquipmentClass(Settings):
    """One class of equipment."""

    equipment_class: Identifier = Field(alias="class", description="Id; the file's name.")
    name: Words = Field(description="Name that people use.")
    trade: Trade = Field(description="Who repairs it.")
    points: dict[Identifier, ClassPoint] = Field(min_length=1, description="Canonical points.")
    rules: dict[Identifier, AlarmRule] = Field(default={}, description="Default alarm rules.")

    @model_validator(mode="after")
    def _rules_fit_points(self) -> Self:
        misfits = [
            Misfit(("rules", name, *at), message)
            for name, rule in self.rules.items()
            for at, message in _rule_misfits(rule, self.points)
        ]
        if misfits:
            raise MisfitError(misfits)
        return self


def _rule_misfits(rule: AlarmRule, points: Mapping[str, ClassPoint]) -> Iterator[Misfit]:
    condition = rule.condition
    if not isinstance(condition, UnreachableCondition):
        point = points.get(condition.point)
        if point is None:
            known = ", ".join(sorted(points))
            message = f"no point {condition.point!r}; the class has: {known}"
            yield Misfit(("condition", "point"), message)
        elif isinstance(condition, LimitCondition) and point.kind in {"state", "text"}:
            message = f"a limit needs a number or counter; {condition.point!r} is a {point.kind}"
            yield Misfit(("condition", "point"), message)
    if rule.enabled_while is not None:
        try:
            compile_expression(rule.enabled_while, points)
        except ConfigError as error:
            yield Misfit(("while",), str(error))
