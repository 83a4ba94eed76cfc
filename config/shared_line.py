"""A serial line on which several protocols may be spoken, each at its own settings."""

from collections.abc import Sequence
from typing import Final, Self

from pydantic import Field, model_validator

from config.base import Conflict, ConflictingSettingsError
from config.line_ports import LinePort
from config.line_units import Cjt188Meters, Dlt645Meters, LineUnits, ModbusUnits
from config.protocol import Protocol

KINDS: Final = {
    ModbusUnits.PROTOCOL: "modbus_rtu",
    Dlt645Meters.PROTOCOL: "dlt645",
    Cjt188Meters.PROTOCOL: "cjt188",
}
"""The kind of the entry that adds a protocol to a line."""


class SharedLine(LinePort):
    """A serial line that may carry more protocols than its own."""

    also: tuple[LineUnits, ...] = Field(
        default=(),
        description="What else is spoken on the same pair: for each further protocol its kind and "
        "its options, as of a port. On a line of this machine, which changes its settings in "
        "between.",
    )
    change_s: float = Field(
        default=0.05,
        ge=0,
        le=5,
        description="Silence kept after each change of the line's settings, seconds; the plan "
        "counts it for each request where the settings differ.",
    )

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        left = [kind for protocol, kind in KINDS.items() if protocol not in self.protocols]
        known, conflicts = set(self.PROTOCOLS), list[Conflict]()
        for index, one in enumerate(self.others):
            if one.PROTOCOL in known:
                at = ("also", index, "kind") if index < len(self.also) else ("meters",)
                message = f"{one.PROTOCOL} is spoken on this line already"
                beside = f"allowed beside it: {', '.join(left) or 'no more'}"
                conflicts.append(Conflict(at, f"{message}; {beside}"))
            known.add(one.PROTOCOL)
        if self.others and self.server is not None:
            message = "a serial server keeps its settings; only a line of this machine (device)"
            conflicts.append(Conflict(("also",), f"{message} carries several protocols"))
        if conflicts:
            raise ConflictingSettingsError(conflicts)
        return self

    @property
    def others(self) -> tuple[LineUnits, ...]:
        """What is spoken on the same pair beside its own protocol."""
        return self.also

    @property
    def silence_s(self) -> float:
        """Silence kept after each change of the line's settings, seconds."""
        return self.change_s

    @property
    def protocols(self) -> frozenset[Protocol]:
        """What devices on it may speak."""
        return self.PROTOCOLS | {one.PROTOCOL for one in self.others}

    def with_others(self, others: Sequence[LineUnits]) -> Self:
        """Return the same line with something else beside its own protocol."""
        return self.model_copy(update={"also": tuple(others)})
