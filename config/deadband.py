"""Which change of a number is worth reporting."""

from typing import Any, Self, cast

from pydantic import Field, model_validator

from config.base import Settings

_ONE_OF = "expected a number, {percent: 2} or {of_span: 1}"


class Deadband(Settings):
    """Smallest change reported, seen from the value reported last. A number alone is absolute."""

    absolute: float | None = Field(
        default=None, ge=0, description="In the point's unit; 0 = every change."
    )
    percent: float | None = Field(
        default=None, gt=0, le=100, description="Percent of the value reported last."
    )
    of_span: float | None = Field(
        default=None, gt=0, le=100, description="Percent of the point's span."
    )

    @model_validator(mode="before")
    @classmethod
    def _from_number(cls, given: object) -> object:
        if isinstance(given, int | float) and not isinstance(given, bool):
            if given < 0:
                message = f"expected 0 or more, got {given:g}"
                raise ValueError(message)
            return {"absolute": given}
        if isinstance(given, cls):
            return given
        if not isinstance(given, dict) or len(cast("dict[str, Any]", given)) != 1:
            raise ValueError(_ONE_OF)
        return cast("dict[str, Any]", given)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.absolute, self.percent, self.of_span).count(None) != 2:  # noqa: PLR2004 (of three)
            raise ValueError(_ONE_OF)
        return self

    @property
    def says_anything(self) -> bool:
        """Whether it holds back more than values that did not change."""
        return self.absolute != 0
