"""What every point of a device has: its unit, its valid range, when it is worth reporting."""

from typing import Any, Final

from pydantic import Field

from config.base import Settings, Words, once
from config.deadband import Deadband


@once
def _any_change() -> Deadband:
    return Deadband(absolute=0.0)


_NOT_KEPT: Final[set[str]] = set()


class Reporting(Settings):
    """When a value is reported, and how it is shown."""

    unit: str = Field(
        default="", max_length=16, description="Unit of the scaled value; empty if none."
    )
    plausible: tuple[float | None, float | None] | None = Field(
        default=None,
        description="Lowest and highest believable value, in the unit; a value beyond is a bad "
        "reading (implausible). null: no such bound.",
    )
    deadband: Deadband = Field(
        default_factory=_any_change,
        description="Smallest change reported: a number in the unit, {percent: 2} of the value "
        "reported last, or {of_span: 1}; 0 = every change. States are always reported.",
    )
    span: tuple[float, float] | None = Field(
        default=None, description="Lowest and highest value in operation, in the unit."
    )
    min_interval_s: float | None = Field(
        default=None,
        gt=0,
        le=86400,
        description="A number is reported at most this often, seconds; a change of quality and a "
        "total that fell are reported at once. Absent: no such bound.",
    )
    totalizer: bool = Field(
        default=False,
        description="A total that only grows, until it wraps at its width or is reset: a fall is "
        "always reported, and with it the last total before.",
    )
    max_silence_s: float | None = Field(
        default=None,
        gt=0,
        description="Reported at least this often, seconds; default: the device's.",
    )
    report_all: bool = Field(
        default=False, description="Report every reading, changed or not (counters, benchmarks)."
    )
    name: Words | None = Field(default=None, description="Name shown; default: the class's.")
    note: str = Field(default="", description="Source or caveat of this point.")

    @property
    def every_reading(self) -> bool:
        """Whether each reading is reported, changed or not."""
        return self.report_all

    def wrong_reporting(self, *, state: bool) -> str:
        """Return what contradicts itself; empty when nothing does.

        Args:
            state: The value is a state or a text, not a number.
        """
        numbers_only = {
            "deadband": self.deadband.says_anything,
            "span": self.span is not None,
            "plausible": self.plausible is not None,
            "min_interval_s": self.min_interval_s is not None,
            "totalizer": self.totalizer,
        }
        key = next((key for key, is_set in numbers_only.items() if is_set), "")
        if state and key:
            return f"{key} means nothing to a state or text; remove it"
        if self.deadband.of_span is not None and self.span is None:
            return "deadband of_span needs span: [lowest, highest]"
        if self.span is not None and self.span[0] >= self.span[1]:
            return f"span [{self.span[0]:g}, {self.span[1]:g}] must grow"
        least, most = self.min_interval_s, self.max_silence_s
        if least is not None and most is not None and least > most:
            return f"min_interval_s {least:g} is longer than max_silence_s {most:g}"
        return self._wrong_plausible()

    def _wrong_plausible(self) -> str:
        if self.plausible is None:
            return ""
        low, high = self.plausible
        if low is None and high is None:
            return "plausible needs a lowest or a highest value"
        if low is not None and high is not None and low >= high:
            return f"plausible [{low:g}, {high:g}] must grow"
        return ""

    def __getstate__(self) -> dict[Any, Any]:
        """Return what another process needs: not which options the file gave."""
        return super().__getstate__() | {"__pydantic_fields_set__": _NOT_KEPT}
