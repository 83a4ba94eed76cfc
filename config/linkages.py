"""Linkages: what a gateway does by itself when a condition over its points comes true."""

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from config.base import Identifier, Settings, Words

CommandValue: TypeAlias = bool | int | float | Annotated[str, Field(min_length=1, max_length=200)]


class LinkedCommand(Settings):
    """One command of a linkage."""

    device: Identifier = Field(description="Device of this file.")
    point: Identifier = Field(description="Writable point of the device.")
    value: CommandValue = Field(description="What it is set to, in the point's unit or words.")
    on_failure: Literal["continue", "stop"] = Field(
        default="continue",
        description="Once it has failed, or was refused for retry_s: the next command is given, or "
        "the run ends.",
    )


class Linkage(Settings):
    """Commands that the gateway gives by itself, without broker and server."""

    name: Words = Field(description="Name that people use for it.")
    armed: bool = Field(
        default=False,
        description="false: it gives no command and reports what it would have done.",
    )
    when: str = Field(
        min_length=1,
        max_length=1000,
        description="Condition over {device.point} of this gateway: '{leak-1.leak} and not "
        "{leak-1.sensor_fault}'. One that is bad, missing or too old is neither true nor false.",
    )
    delay_s: float = Field(
        default=0.0,
        ge=0,
        le=86400,
        description="The readings must say that it is true for so long without a break, seconds.",
    )
    max_age_s: float | None = Field(
        default=None,
        gt=0,
        le=86400,
        description="A reading older than this counts for nothing, seconds; default: two periods "
        "of its point and 2 s.",
    )
    commands: tuple[LinkedCommand, ...] = Field(
        min_length=1, max_length=32, description="Given one after the other."
    )
    retry_s: float = Field(
        default=10.0,
        ge=0,
        le=3600,
        description="A command that was refused, so not carried out, is given again each second "
        "for so long while the condition holds, seconds; 0 = never. One whose outcome is not known "
        "is never repeated.",
    )
    latch: bool = Field(
        default=False,
        description="After a run it stays done until it is reset, by a person or by `reset`; "
        "otherwise until its condition is false.",
    )
    reset: str | None = Field(
        default=None,
        min_length=1,
        max_length=1000,
        description="Condition over {device.point} that resets a latch while `when` is false.",
    )
    max_runs: int = Field(
        default=3,
        ge=1,
        le=1000,
        description="Runs within within_s; a cause beyond them is reported and gives no command.",
    )
    within_s: float | None = Field(
        default=3600.0,
        gt=0,
        le=31_536_000,
        description="Time in which runs are counted, seconds; null: until a person resets it.",
    )

    @model_validator(mode="after")
    def _reset_needs_a_latch(self) -> Self:
        if self.reset is not None and not self.latch:
            raise ValueError("reset means nothing without latch: true")
        return self
