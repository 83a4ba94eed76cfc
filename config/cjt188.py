"""A CJ/T 188 meter: its type and what its maker does differently, and a point of it."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator, Field

from config.base import Settings
from config.coding import DataType
from config.protocol_point import UncodedPoint
from config.writable import OF_REGISTERS, Writable
from protocols.cjt188.addresses import METER_TYPES, family_of
from protocols.cjt188.dialect import Dialect, StatusBits, TimeOrder
from protocols.cjt188.identifiers import ByteOrder
from protocols.cjt188.layouts import BY_NAME, LAYOUTS, Kind
from protocols.cjt188.layouts import Field as LayoutField

VALVE: Final = "valve"
VALVE_COMMANDS: Final = ("closed", "open")
BATTERY: Final = "battery_low"
STATUS: Final = "status"
_TYPES: Final = {f"{number:02X}": name for number, name in METER_TYPES.items()}
_FIELDS: Final[Mapping[str, LayoutField]] = {
    field.name: field for layout in LAYOUTS for field in layout.fields
}
_FROM_STATUS: Final = (VALVE, BATTERY)
_HEX_DIGITS: Final = frozenset("0123456789ABCDEF")
_IDENTIFIER_DIGITS: Final = 4


def _type(text: str) -> str:
    if text not in _TYPES:
        known = ", ".join(f"{number} {name}" for number, name in _TYPES.items())
        raise ValueError(f"expected a type of meter in quotes ({known}), got {text!r}")
    return text


def _layout(text: str) -> str:
    if text and text not in BY_NAME:
        raise ValueError(f"expected nothing, or one of: {', '.join(BY_NAME)}; got {text!r}")
    return text


def _identifier(text: str) -> str:
    digits = text.upper()
    if len(digits) != _IDENTIFIER_DIGITS or not _HEX_DIGITS.issuperset(digits):
        raise ValueError(f"expected 4 hexadecimal digits in quotes (901F), got {text!r}")
    return digits


def _field(text: str) -> str:
    if text not in _FIELDS and text not in _FROM_STATUS:
        known = ", ".join(sorted({*_FIELDS, *_FROM_STATUS}))
        raise ValueError(f"expected a value of a CJ/T 188 meter, got {text!r}; there are: {known}")
    return text


class Cjt188Settings(Settings):
    """What a CJ/T 188 meter is, and what its maker does differently.

    Where sources disagree a setting decides; the doubts are in docs/heat-and-water-meters.md.
    """

    type: Annotated[str, AfterValidator(_type)] = Field(
        default="10", description="Type of the meter, hexadecimal in quotes; 10 cold water."
    )
    byte_order: ByteOrder = Field(
        default=ByteOrder.HIGH_FIRST,
        description="Order of the bytes of identifiers in requests: high_first (2004) or "
        "low_first (2018, and some before); both are understood in answers.",
    )
    layout: Annotated[str, AfterValidator(_layout)] = Field(
        default="",
        description="What lies where in the answer to 901F; empty: by its length and the maker.",
    )
    time_order: TimeOrder = Field(
        default=TimeOrder.SECOND_FIRST,
        description="Order of the bytes of a time: second_first or year_first.",
    )
    status_bits: StatusBits = Field(
        default=StatusBits.LOW,
        description="Where valve and battery stand in the status: low (D1 D0, D2) or high "
        "(D7 D6, D5).",
    )
    echoes_serial: bool = Field(
        default=True, description="Whether an answer repeats the serial number of its request."
    )

    @property
    def number(self) -> int:
        """The type."""
        return int(self.type, 16)

    def dialect(self, *, wake_up: int) -> Dialect:
        """Return what the maker does differently, on a line with so many wake-up bytes."""
        return Dialect(
            byte_order=self.byte_order,
            layout=self.layout,
            time_order=self.time_order,
            status_bits=self.status_bits,
            echoes_serial=self.echoes_serial,
            wake_up=wake_up,
        )


class FieldPoint(UncodedPoint):
    """One value of a CJ/T 188 meter: a field of an answer instead of a table and an address.

    Numbers come in kWh, kW, m³, m³/h, °C and h, whatever the meter shows; value = number * scale.
    """

    TAG: ClassVar[str] = "field"
    bits: ClassVar[int] = 16

    field: Annotated[str, AfterValidator(_field)] = Field(
        description="Which value of the answer: volume, flow, heat, supply_temperature, valve, ..."
    )
    identifier: Annotated[str, AfterValidator(_identifier)] = Field(
        default="901F", description="Data identifier that is read, 4 hexadecimal digits in quotes."
    )
    scale: float = Field(default=1.0, description="Factor from the meter's value to the unit.")
    bit: int | None = Field(
        default=None, ge=0, le=15, description="Bit of the status: 0..7 of ST1, 8..15 of ST2."
    )
    inverted: bool = Field(default=False, description="The bit means its opposite: 0 is true.")
    writable: Writable | None = Field(
        default=None,
        description="Only of field: valve, which is commanded open or closed. The port needs a "
        "valve_code_file; a valve takes up to a minute (look_again_s).",
    )

    def problem(self) -> str:
        """Return what contradicts itself in its place and coding; empty when nothing does."""
        wrong = {
            "bit means nothing without field: status; remove it": self.bit is not None
            and self.field != STATUS,
            "inverted means nothing without bit; remove it": self.inverted and self.bit is None,
            "scale 0 makes every value 0": not self.scale,
            f"scale means nothing to {self.field}; remove it": self.is_scaled
            and self.type is not DataType.FLOAT64,
            "writable: only field: valve is commanded": self.writable is not None
            and self.field != VALVE,
            OF_REGISTERS: self.writable is not None and self.writable.is_of_registers,
        }
        return next((problem for problem, is_so in wrong.items() if is_so), "")

    @property
    def number(self) -> int:
        """The identifier."""
        return int(self.identifier, 16)

    @property
    def type(self) -> DataType:
        """What it is, in the words of register points."""
        if self.bit is not None or self.field == BATTERY:
            return DataType.BIT
        if self.field == STATUS:
            return DataType.UINT16
        known = _FIELDS.get(self.field)
        if known is not None and known.kind in {Kind.NUMBER, Kind.WITH_UNIT}:
            return DataType.FLOAT64
        return DataType.STRING

    @property
    def commanded_words(self) -> tuple[str, ...]:
        """The words that it may be commanded to be."""
        return VALVE_COMMANDS if self.field == VALVE else ()

    @property
    def where(self) -> str:
        """Its place, as people say it."""
        return f"{self.field} of {self.identifier}"

    @property
    def is_scaled(self) -> bool:
        """Whether the value is more than the meter's number."""
        return self.scale != 1.0

    def is_given_by(self, type_number: int) -> bool:
        """Whether a meter of this type has a layout with this field for this identifier."""
        wanted = STATUS if self.field in _FROM_STATUS and self.field not in _FIELDS else self.field
        return any(
            self.number in layout.identifiers
            and (not layout.families or family_of(type_number) in layout.families)
            and any(field.name == wanted for field in layout.fields)
            for layout in LAYOUTS
        )
