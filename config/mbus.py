"""An M-Bus slave: what it answers with, and a point of it."""

import re
from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator, Field

from config.base import Settings
from config.coding import DataType
from config.problems import suggestion
from config.protocol_point import UncodedPoint
from config.writable import Writable
from protocols.mbus.quantities import NAMED, QUANTITIES, STATUS, TEXTS
from protocols.mbus.record import Function

MBUS_MISSING: Final = "M-Bus needs the package pyMeterBus: pip install plantroom[mbus]"
_VIF: Final = re.compile(r"(?:[0-9A-F]{2}){1,11}")


def _quantity(text: str) -> str:
    first = text.partition(" ")[0]
    if first not in QUANTITIES and first != NAMED:
        known = sorted(QUANTITIES)
        raise ValueError(
            f"expected a quantity of M-Bus, got {text!r}{suggestion(first, known)} There are: "
            f"{', '.join(known)}, and {NAMED} NAME"
        )
    return text


def _vif(text: str) -> str:
    digits = text.upper()
    if digits and not _VIF.fullmatch(digits):
        raise ValueError(f"expected VIF and VIFEs as hexadecimal digits in quotes, got {text!r}")
    return digits


class MbusSettings(Settings):
    """How an M-Bus slave answers; `plantroom agent read` tells the numbers."""

    telegrams: int = Field(
        default=1,
        ge=1,
        le=16,
        description="Telegrams that its answer takes, for the plan; all of them are read anyway.",
    )
    answer_bytes: int = Field(
        default=120, ge=9, le=4176, description="All its telegrams together, bytes, for the plan."
    )
    reset: bool = Field(
        default=True,
        description="A slave with a unit is reset (SND_NKE) before it is read, so that its first "
        "telegram comes first. false: for a slave that answers no reset.",
    )


class RecordPoint(UncodedPoint):
    """One value of an M-Bus slave: a record of its answer instead of a table and an address.

    Numbers come in kWh, kW, m3, m3/h, kg, kg/h, degC, K, bar, h, V, A, whatever the meter sends;
    value = number * scale.
    """

    TAG: ClassVar[str] = "quantity"
    writable: ClassVar[Writable | None] = None
    bits: ClassVar[int] = 64

    quantity: Annotated[str, AfterValidator(_quantity)] = Field(
        description="Quantity of the record, as `plantroom agent read` shows it: energy, volume, "
        "flow_temperature, ...; status is the status byte of the header (bit 2 power low, 3 "
        "permanent error, 4 temporary error)."
    )
    vif: Annotated[str, AfterValidator(_vif)] = Field(
        default="",
        description="VIF and VIFEs of the record, hexadecimal in quotes, where a meter has several "
        "of one quantity; empty: any.",
    )
    storage: int = Field(default=0, ge=0, lt=2**41, description="Storage number; 0: now.")
    tariff: int = Field(default=0, ge=0, lt=2**20, description="Tariff; 0: total.")
    subunit: int = Field(default=0, ge=0, lt=2**10, description="Part of the device.")
    function: Function = Field(
        default=Function.INSTANTANEOUS,
        description="instantaneous, maximum, minimum or error_state.",
    )
    nth: int = Field(
        default=0,
        ge=0,
        le=255,
        description="Which of several records that are the same in all of this, from 0.",
    )
    scale: float = Field(default=1.0, description="Factor from the record's number to the unit.")
    bit: int | None = Field(default=None, ge=0, le=63, description="Bit of a status, 0 = lowest.")
    inverted: bool = Field(default=False, description="The bit means its opposite: 0 is true.")
    text: bool = Field(
        default=False, description="The value is no measure but text, as a serial number."
    )

    def problem(self) -> str:
        """Return what contradicts itself in its place and coding; empty when nothing does."""
        is_text = self.quantity in TEXTS
        of_header = self.quantity == STATUS
        placed = self.storage or self.tariff or self.subunit or self.nth or self.vif
        wrong = {
            f"bit means nothing to {self.quantity}; remove it": self.bit is not None and is_text,
            "bit means nothing to a text; remove one of them": self.bit is not None and self.text,
            "inverted means nothing without bit; remove it": self.inverted and self.bit is None,
            "scale 0 makes every value 0": not self.scale,
            "scale means nothing to a state or text; remove it": self.is_scaled
            and self.type is not DataType.FLOAT64,
            "status is one byte of the header; storage, tariff, subunit, function, vif and nth are "
            "of records": of_header and bool(placed or self.function is not Function.INSTANTANEOUS),
        }
        return next((problem for problem, is_so in wrong.items() if is_so), "")

    @property
    def type(self) -> DataType:
        """What it is, in the words of register points."""
        if self.bit is not None:
            return DataType.BIT
        is_text = self.text or self.quantity in TEXTS
        return DataType.STRING if is_text else DataType.FLOAT64

    @property
    def where(self) -> str:
        """Its place, as people say it."""
        numbers = {"storage": self.storage, "tariff": self.tariff, "subunit": self.subunit}
        parts = [self.quantity, *(f"{key} {number}" for key, number in numbers.items() if number)]
        if self.function is not Function.INSTANTANEOUS:
            parts.append(self.function.value)
        parts += [f"VIF {self.vif}"] * bool(self.vif) + [f"no. {self.nth}"] * bool(self.nth)
        return ", ".join(parts)

    @property
    def is_scaled(self) -> bool:
        """Whether the value is more than the record's number."""
        return self.scale != 1.0
