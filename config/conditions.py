"""What a rule looks for: one model for each kind of condition, distinguished by ``kind``."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, TypeAlias, get_args

from pydantic import Field

from config.base import Identifier, Settings


class _Condition(Settings):
    """What is asked of every kind.

    Attributes:
        needs_number: Whether its point must be a number or a counter.
    """

    needs_number: ClassVar[bool] = False

    @property
    def figures(self) -> Mapping[str, float]:
        """Its figures that a rule's name may show, by option; options of time end in ``_s``."""
        return {}


class LimitCondition(_Condition):
    """A number beyond a limit; returns when it is back inside by the deadband."""

    needs_number: ClassVar[bool] = True

    kind: Literal["limit"] = Field(description="A number beyond a limit.")
    point: Identifier = Field(description="Canonical point of the class.")
    level: Literal["lolo", "lo", "hi", "hihi"] = Field(description="Which limit it is.")
    limit: float = Field(description="In the point's unit; hi, hihi: above; lo, lolo: below.")
    deadband: float = Field(default=0, ge=0, description="Hysteresis on the way back, same unit.")

    @property
    def figures(self) -> Mapping[str, float]:
        """Its figures, by option."""
        return {"limit": self.limit}


class StateCondition(_Condition):
    """A point in one of these states."""

    kind: Literal["state"] = Field(description="A point in a state.")
    point: Identifier = Field(description="Canonical point of the class.")
    equals: bool | int | str | tuple[bool | int | str, ...] = Field(
        description="The state, or the list of states, that is abnormal."
    )


class RateCondition(_Condition):
    """A number that changes by more than an amount within a window of time."""

    needs_number: ClassVar[bool] = True

    kind: Literal["rate"] = Field(description="A number that changes too fast.")
    point: Identifier = Field(description="Canonical point of the class.")
    direction: Literal["rising", "falling", "either"] = Field(
        default="either", description="Which way counts."
    )
    change: float = Field(gt=0, description="More than this within the window, point's unit.")
    within_s: float = Field(gt=0, le=86400, description="Length of the window, seconds.")
    deadband: float = Field(
        default=0, ge=0, description="It returns when the change is less by this, same unit."
    )

    @property
    def figures(self) -> Mapping[str, float]:
        """Its figures, by option."""
        return {"change": self.change, "within_s": self.within_s}


class StuckCondition(_Condition):
    """A point that keeps reporting the same value although it should move."""

    kind: Literal["stuck"] = Field(description="A point whose value does not move.")
    point: Identifier = Field(description="Canonical point of the class.")
    for_s: float = Field(gt=0, le=2_592_000, description="So long the same, seconds.")
    band: float = Field(
        default=0, ge=0, description="A number moves when it leaves this band, point's unit."
    )

    @property
    def figures(self) -> Mapping[str, float]:
        """Its figures, by option."""
        return {"for_s": self.for_s}


class StaleCondition(_Condition):
    """A point silent for longer than it may be, or of a quality that is not good for that long."""

    kind: Literal["stale"] = Field(description="A point not heard of.")
    point: Identifier = Field(description="Canonical point of the class.")
    after_s: float | None = Field(
        default=None,
        gt=0,
        description="Silence that counts, seconds; default: three times the point's max silence.",
    )

    @property
    def figures(self) -> Mapping[str, float]:
        """Its figures, by option."""
        return {} if self.after_s is None else {"after_s": self.after_s}


class UnreachableCondition(_Condition):
    """The device does not answer, or its gateway is gone."""

    kind: Literal["unreachable"] = Field(description="The device does not answer.")


class ExpressionCondition(_Condition):
    """An expression over the points of the equipment."""

    kind: Literal["expression"] = Field(description="Several points together.")
    point: Identifier = Field(
        description="Canonical point that carries the alarm; usually one of the expression."
    )
    when: str = Field(max_length=500, description="The condition holds while this is true.")
    until: str | None = Field(
        default=None,
        max_length=500,
        description="Once it holds it ends when this is true; default: when `when` is false.",
    )


Condition: TypeAlias = Annotated[
    LimitCondition
    | StateCondition
    | RateCondition
    | StuckCondition
    | StaleCondition
    | UnreachableCondition
    | ExpressionCondition,
    Field(discriminator="kind"),
]

KINDS: tuple[str, ...] = tuple(
    get_args(model.model_fields["kind"].annotation)[0] for model in get_args(get_args(Condition)[0])
)
"""The kinds, in the order in which documents list them."""
