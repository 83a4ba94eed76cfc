"""Emergency plans: ordered steps that people and the server carry out, as data."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr, model_validator

from config.base import Conflict, ConflictingSettingsError, Identifier, Settings, Words
from config.classes import EquipmentClass, Trade
from config.interlock import Interlock, compile_interlock
from config.people import Who
from config.problems import none_of

PARAMETERS = "parameters"
"""Before the name of a parameter in an expression: {parameters.floor}."""
_NOBODY = ""
_WHO = "on_duty, on_duty:TRADE, leader, manager, contractor, person:KEY or team:KEY."
_Path = tuple[str | int, ...]


class PlanText(Settings):
    """What people are told, in the languages of the interface."""

    en: str = Field(min_length=1, max_length=600, description="English.")
    zh: str = Field(min_length=1, max_length=600, description="Chinese, the words that staff use.")


class Occasion(Settings):
    """Incidents for which the plan is offered."""

    equipment_class: Identifier = Field(alias="class", description="Class of their equipment.")
    causes: tuple[Identifier, ...] = Field(
        default=(), description="Causes of alarms of that class; default: all."
    )


class PlanEquipment(Settings):
    """A piece of equipment that steps speak of."""

    equipment_class: Identifier = Field(alias="class", description="Its class.")
    name: Words | None = Field(default=None, description="What it is in this plan.")
    within: Literal["incident", "gateway", "building", "site"] = Field(
        default="site",
        description="Where it is looked for: the incident's own equipment, its gateway, its site; "
        "or its building as the ledger has it, where nothing fits that stands in another one. "
        "When several fit, the person who starts the plan chooses.",
    )
    key: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="This one and no other: site/gateway/device.",
    )


class PlanParameter(Settings):
    """A number that the person who starts the plan gives."""

    name: Words = Field(description="What is asked.")
    minimum: float = Field(description="Smallest value.")
    maximum: float = Field(description="Largest value.")
    default: float | None = Field(default=None, description="Taken when nothing is given.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.maximum < self.minimum:
            raise ValueError(f"maximum {self.maximum:g} is below minimum {self.minimum:g}")
        if self.default is not None and not self.minimum <= self.default <= self.maximum:
            raise ValueError(
                f"default {self.default:g} is not from {self.minimum:g} to {self.maximum:g}"
            )
        return self


class ValueOfParameter(Settings):
    """The value that the person gave."""

    parameter: Identifier = Field(description="Name of a parameter of the plan.")


class Then(Settings):
    """What happens when a step is not done in its time."""

    do: Literal["retry", "skip", "stop", "call"] = Field(
        default="call",
        description="retry: again, a command only when it certainly did nothing; skip: with a "
        "note; stop: the plan ends; call: the people in call are told and decide.",
    )
    times: int = Field(default=1, ge=1, le=10, description="How often it is retried.")
    after: Literal["skip", "stop", "call"] = Field(
        default="call", description="What happens when retrying did not help."
    )


class _Step(Settings):
    """What all kinds of steps have."""

    step: Identifier = Field(description="Its key, once in a plan.")
    name: Words = Field(description="What is done.")
    only_if: str | None = Field(
        default=None,
        min_length=1,
        description="Expression over {equipment.point} and {parameters.name} that must be true, "
        "also right before a command goes out; a point without a good, fresh value is not true.",
    )
    otherwise: Literal["skip", "stop", "call"] = Field(
        default="skip", description="What happens when only_if is not true."
    )
    timeout_s: float = Field(
        default=300,
        ge=1,
        le=86_400,
        description="Time for a person's confirmation, and again for what follows it, seconds.",
    )
    then: Then = Field(default=Then(), description="What happens when that time is over.")


class CommandStep(_Step):
    """A value that a point of equipment shall take."""

    kind: Literal["command"] = Field(description="A command.")
    equipment: Identifier = Field(description="Key of the plan's equipment.")
    point: Identifier = Field(description="Point of its class.")
    value: StrictBool | StrictInt | StrictFloat | StrictStr | ValueOfParameter = Field(
        description="The value, or {parameter: NAME}."
    )
    interlock: str | None = Field(
        default=None,
        min_length=1,
        description="Expression that must become true before the command goes out; it is waited "
        "for. The gateway's own interlocks hold besides.",
    )
    read_back: str | None = Field(
        default=None,
        min_length=1,
        description="Expression that must become true after the command; default: the gateway's "
        "read-back alone.",
    )
    confirm: bool = Field(default=True, description="A person confirms it before it goes out.")


class TaskStep(_Step):
    """Something that people do; it is done when somebody confirms it."""

    kind: Literal["task"] = Field(description="A task for people.")
    who: tuple[Who, ...] = Field(description=_WHO)
    trade: Trade | None = Field(default=None, description="Of those on duty; default: the plan's.")
    text: PlanText = Field(description="What they shall do.")

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not self.who:
            raise ValueError("expected who: nobody is told")
        return self

    @property
    def confirm(self) -> bool:
        """Whether a person confirms it before it begins."""
        return False


class MessageStep(_Step):
    """A message; the step is done when it is on its way."""

    kind: Literal["message"] = Field(description="A message.")
    who: tuple[Who, ...] = Field(default=(), description=_WHO)
    channels: tuple[Identifier, ...] = Field(
        default=(), description="Groups and webhooks of the server file that are told."
    )
    trade: Trade | None = Field(default=None, description="Of those on duty; default: the plan's.")
    text: PlanText = Field(description="What they are told.")
    confirm: bool = Field(default=False, description="A person confirms it before it is sent.")

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not self.who and not self.channels:
            raise ValueError("expected who or channels: nobody is told")
        return self


PlanStep = Annotated[CommandStep | TaskStep | MessageStep, Field(discriminator="kind")]


class EmergencyPlan(Settings):
    """One emergency plan (应急预案)."""

    plan: Identifier = Field(description="Id; the file's name.")
    name: Words = Field(description="Name that people use.")
    description: PlanText = Field(description="When it is started, and what it is for.")
    sites: tuple[Identifier, ...] = Field(default=(), description="Estates; default: all.")
    trade: Trade = Field(description="Whose people carry it out.")
    offered_for: tuple[Occasion, ...] = Field(
        default=(), description="Incidents for which it is offered."
    )
    call: tuple[Who, ...] = Field(
        default=("leader",), description="Who decides when a step is not done: as who of a step."
    )
    parameters: dict[Identifier, PlanParameter] = Field(
        default={}, description="What the person who starts it is asked."
    )
    equipment: dict[Identifier, PlanEquipment] = Field(
        default={}, description="Equipment that the steps speak of."
    )
    steps: tuple[PlanStep, ...] = Field(
        min_length=1, max_length=50, description="In this sequence, one after the other."
    )

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        conflicts = list(_own_conflicts(self))
        if conflicts:
            raise ConflictingSettingsError(conflicts)
        return self


def serves(plan: EmergencyPlan, site: str) -> bool:
    """Return whether the estate has the plan."""
    return not plan.sites or site in plan.sites


def is_made_for(plan: EmergencyPlan, *, equipment_class: str, cause: str) -> bool:
    """Return whether the plan names such incidents."""
    return any(
        one.equipment_class == equipment_class and (not one.causes or cause in one.causes)
        for one in plan.offered_for
    )


def expression_of(
    text: str, plan: EmergencyPlan, classes: Mapping[str, EquipmentClass]
) -> Interlock:
    """Return an expression of a step; its places are equipment (or parameters) and point.

    Raises:
        ConfigError: It is broken, or names something that is not there.
    """
    known = {
        key: tuple(classes[one.equipment_class].points if one.equipment_class in classes else ())
        for key, one in plan.equipment.items()
    }
    places = {_NOBODY: (), PARAMETERS: tuple(plan.parameters), **known}
    return compile_interlock(text, _NOBODY, places, there="in this plan")


def _own_conflicts(plan: EmergencyPlan) -> Iterator[Conflict]:
    seen: dict[str, int] = {}
    if PARAMETERS in plan.equipment:
        yield Conflict(("equipment", PARAMETERS), "is the word for the plan's parameters")
    for index, step in enumerate(plan.steps):
        at: _Path = ("steps", index)
        if step.step in seen:
            message = f"{step.step!r} is already the key of step {seen[step.step] + 1}"
            yield Conflict((*at, "step"), message)
        seen.setdefault(step.step, index)
        if not isinstance(step, CommandStep):
            continue
        if step.equipment not in plan.equipment:
            yield Conflict((*at, "equipment"), none_of(step.equipment, plan.equipment, "equipment"))
        value = step.value
        if isinstance(value, ValueOfParameter) and value.parameter not in plan.parameters:
            message = none_of(value.parameter, plan.parameters, "parameter")
            yield Conflict((*at, "value", "parameter"), message)
