"""An equipment class: canonical points, names, trade and the default alarm rules."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, model_validator

from config.base import Conflict, ConflictingSettingsError, Identifier, Settings, Words
from config.code_lists import words_of_list
from config.conditions import (
    KINDS,
    Condition,
    ExpressionCondition,
    StateCondition,
    UnreachableCondition,
)
from config.errors import ConfigError
from config.expression import compile_expression
from config.problems import suggestion
from config.rule_names import rendered, unknown_places

_NO_NUMBERS = {"state", "text"}


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
    BUILDING = "building"
    """Doors, windows, walls and roofs."""


class AlarmRule(Settings):
    """When an alarm is raised, how severe it is, and what it causes."""

    name: Words = Field(
        description="The alarm in words: 'Circulation pump fault'. {limit}, {change}, {within}, "
        "{for}, {after}, {on_delay} and {off_delay} become the rule's own figures, as they are "
        "where it applies: 'Room below {limit}'."
    )
    condition: Condition = Field(description=f"{', '.join(KINDS[:-1])} or {KINDS[-1]}.")
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
    shows: Identifier | None = Field(
        default=None,
        description="Point of the class whose value stands in the messages of the alarm, as the "
        "places of a fire; where it says nothing: the value that raised the alarm.",
    )
    work_order: bool = Field(default=True, description="Opens a work order.")
    life_safety: bool = Field(default=False, description="Fire, entrapment: never shelved.")
    latching: bool = Field(
        default=False, description="Stays after its return until somebody resets it."
    )
    mode: Literal["announce", "monitor"] = Field(
        default="announce", description="monitor: counted and written down, announced to nobody."
    )
    enabled: bool = Field(default=True, description="false: the rule is not applied.")

    def named(self, points: Mapping[str, "ClassPoint"]) -> Words:
        """Return the name with the figures that the rule has."""
        condition = self.condition
        point = None if isinstance(condition, UnreachableCondition) else points[condition.point]
        return rendered(
            self.name,
            condition,
            on_delay_s=self.on_delay_s,
            off_delay_s=self.off_delay_s,
            unit="" if point is None else point.unit,
        )


class ClassPoint(Settings):
    """A canonical point of the class."""

    name: Words = Field(description="Name that people use.")
    aliases: tuple[str, ...] = Field(
        default=(),
        description="Other names in point tables; a row of such a name becomes this point.",
    )
    kind: Literal["number", "counter", "state", "text"] = Field(
        description="number: measured; counter: only grows; state: bool or word; text."
    )
    unit: str = Field(default="", max_length=16, description="Unit of a number.")
    words: Identifier | None = Field(
        default=None,
        description="Code list with the words of the state, as elevator_mode (docs/equipment.md "
        "lists them); device files map their makers' numbers to them.",
    )
    key: bool = Field(default=False, description="Shown first, on cards and lists.")
    second_person: bool = Field(
        default=False,
        description="A command of it waits until another person with the right has confirmed it.",
    )


class EquipmentClass(Settings):
    """One class of equipment."""

    equipment_class: Identifier = Field(alias="class", description="Id; the file's name.")
    name: Words = Field(description="Name that people use.")
    trade: Trade = Field(description="Who repairs it.")
    points: dict[Identifier, ClassPoint] = Field(min_length=1, description="Canonical points.")
    rules: dict[Identifier, AlarmRule] = Field(default={}, description="Default alarm rules.")

    @model_validator(mode="after")
    def _rules_fit_points(self) -> Self:
        conflicts = list(_word_conflicts(self.points))
        conflicts = conflicts or [
            Conflict(("rules", name, *at), message)
            for name, rule in self.rules.items()
            for at, message in rule_conflicts(rule, self.points)
        ]
        if conflicts:
            raise ConflictingSettingsError(conflicts)
        return self


def _word_conflicts(points: Mapping[str, ClassPoint]) -> Iterator[Conflict]:
    for name, point in points.items():
        if point.words is None:
            continue
        at = ("points", name, "words")
        if point.kind != "state":
            yield Conflict(at, f"a {point.kind} has no words; only a state has")
        try:
            words_of_list(point.words)
        except ValueError as error:
            yield Conflict(at, str(error))


def rule_conflicts(rule: AlarmRule, points: Mapping[str, ClassPoint]) -> Iterator[Conflict]:
    """Return where a rule does not fit the points of its class."""
    condition = rule.condition
    if not isinstance(condition, UnreachableCondition):
        point = points.get(condition.point)
        if point is None:
            known = ", ".join(sorted(points))
            message = f"no point {condition.point!r}; the class has: {known}"
            yield Conflict(("condition", "point"), message)
        elif condition.needs_number and point.kind in _NO_NUMBERS:
            words = f"a {condition.kind} needs a number or counter"
            yield Conflict(
                ("condition", "point"), f"{words}; {condition.point!r} is a {point.kind}"
            )
        elif isinstance(condition, StateCondition) and point.words is not None:
            yield from _unknown_words(condition, point.words)
    if rule.shows is not None and rule.shows not in points:
        known = ", ".join(sorted(points))
        yield Conflict(("shows",), f"no point {rule.shows!r}; the class has: {known}")
    for language, message in unknown_places(rule.name, condition):
        yield Conflict(("name", language), message)
    for path, text in _expressions(rule):
        try:
            compile_expression(text, points)
        except ConfigError as error:
            yield Conflict(path, str(error))


def _unknown_words(condition: StateCondition, code_list: str) -> Iterator[Conflict]:
    known = words_of_list(code_list)
    states = condition.equals if isinstance(condition.equals, tuple) else (condition.equals,)
    for state in states:
        if state not in known:
            hint = suggestion(str(state), sorted(known))
            message = f"no word {state!r} in {code_list}{hint} There are: "
            yield Conflict(("condition", "equals"), message + ", ".join(sorted(known)))


def _expressions(rule: AlarmRule) -> Iterator[tuple[tuple[str, ...], str]]:
    condition = rule.condition
    if isinstance(condition, ExpressionCondition):
        yield ("condition", "when"), condition.when
        if condition.until is not None:
            yield ("condition", "until"), condition.until
    if rule.enabled_while is not None:
        yield ("while",), rule.enabled_while
