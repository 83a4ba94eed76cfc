"""A point of a Modbus device: where it is, how it is coded, when it is worth reporting."""

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from config.base import Settings, Words
from config.deadband import Deadband
from config.invalid import InvalidNumberError, as_decoded
from config.writable import Writable


class Table(StrEnum):
    """The four Modbus tables."""

    COIL = "coil"
    DISCRETE = "discrete"
    HOLDING = "holding"
    INPUT = "input"


class DataType(StrEnum):
    """How registers carry a value. ``bool`` is one coil, discrete input or whole register != 0."""

    BOOL = "bool"
    BIT = "bit"
    BITFIELD = "bitfield"
    INT16 = "int16"
    UINT16 = "uint16"
    INT32 = "int32"
    UINT32 = "uint32"
    INT64 = "int64"
    UINT64 = "uint64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    BCD16 = "bcd16"
    BCD32 = "bcd32"
    ENUM = "enum"
    STRING = "string"


class Order(StrEnum):
    """Sequence of the bytes of a 32-bit value 0xAABBCCDD on the wire; 64 bits likewise."""

    ABCD = "ABCD"
    """High word first, high byte first: the standard."""
    CDAB = "CDAB"
    """Low word first, high byte first."""
    BADC = "BADC"
    """High word first, low byte first."""
    DCBA = "DCBA"
    """Low word first, low byte first."""


class Point(Settings):
    """One value of a device.

    value = raw * scale + offset. ``invalid`` lists raw numbers that mean "not available".
    """

    table: Table = Field(description="coil, discrete, holding or input.")
    address: int = Field(ge=0, le=65535, description="0-based PDU address as sent on the wire.")
    type: DataType = Field(description="How the registers carry the value.")
    order: Order = Field(
        default=Order.ABCD, description="Byte and word order: ABCD, CDAB, BADC, DCBA."
    )
    bit: int | None = Field(
        default=None,
        ge=0,
        le=15,
        description="Bit (type bit) or lowest bit (bitfield), 0 = lowest.",
    )
    width: int | None = Field(default=None, ge=1, le=16, description="Bits of a bitfield.")
    length: int | None = Field(
        default=None, ge=1, le=125, description="Registers of a string, two ASCII characters each."
    )
    scale: float = Field(default=1.0, description="Factor from raw to the unit; not 0.")
    offset: float = Field(default=0.0, description="Added after scaling, in the unit.")
    unit: str = Field(
        default="", max_length=16, description="Unit of the scaled value; empty if none."
    )
    enum: dict[int, str] | None = Field(
        default=None, description="Raw integer to word; a raw value not listed is a bad reading."
    )
    invalid: tuple[int | float, ...] = Field(
        default=(),
        description="Raw numbers that mean 'not available', before scaling: the bit pattern "
        "(0xFFFF, for every type) or, if negative or with a decimal point, the value (-9999.0).",
    )
    period_s: float | None = Field(
        default=None, gt=0, le=86400, description="Scan class, seconds; default: the device's."
    )
    deadband: Deadband = Field(
        default=Deadband(absolute=0.0),
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
    writable: Writable | None = Field(
        default=None, description="Range of a command; absent: read only."
    )
    name: Words | None = Field(default=None, description="Name shown; default: the class's.")
    note: str = Field(default="", description="Source or caveat of this register.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        problem = _incomplete(self)
        if problem:
            raise ValueError(problem)
        return self

    @property
    def words(self) -> int:
        """Registers (or coils) that the value occupies."""
        return self.length or _WORDS.get(self.type, 1)

    @property
    def is_state(self) -> bool:
        """Whether the value is a state or a text, not a number on a scale."""
        return self.enum is not None or self.type in _STATES

    @property
    def wraps_at(self) -> float | None:
        """Where a total starts again from 0, in the unit; None where it does not wrap."""
        size = _RAW_SIZES.get(self.type)
        return None if size is None or not self.totalizer else size * abs(self.scale)


_WORDS = {
    DataType.INT32: 2,
    DataType.UINT32: 2,
    DataType.FLOAT32: 2,
    DataType.BCD32: 2,
    DataType.INT64: 4,
    DataType.UINT64: 4,
    DataType.FLOAT64: 4,
}
_STATES = frozenset({DataType.BOOL, DataType.BIT, DataType.ENUM, DataType.STRING})
_NEVER_INVALID = frozenset({DataType.BOOL, DataType.BIT, DataType.STRING})
_RAW_SIZES = {
    DataType.UINT16: 2**16,
    DataType.UINT32: 2**32,
    DataType.UINT64: 2**64,
    DataType.BCD16: 10**4,
    DataType.BCD32: 10**8,
}
_ADDRESSES = 65536
_REGISTER_BITS = 16


def _incomplete(point: Point) -> str:
    """Return what is missing or contradictory; empty when nothing is."""
    return (
        _wrong_place(point)
        or _missing_part(point)
        or _useless_part(point)
        or _wrong_reporting(point)
    )


def _wrong_place(point: Point) -> str:
    bits = point.table in {Table.COIL, Table.DISCRETE}
    if bits and point.type is not DataType.BOOL:
        return f"a {point.table} carries type bool, not {point.type}"
    if point.address + point.words > _ADDRESSES:
        return f"address {point.address} + {point.words} registers is beyond {_ADDRESSES - 1}"
    if point.writable and point.table in {Table.DISCRETE, Table.INPUT}:
        return f"the table {point.table} cannot be written; use coil or holding"
    wrong_function = _wrong_function(point)
    if wrong_function:
        return wrong_function
    return "" if point.scale else "scale 0 makes every value 0"


def _wrong_function(point: Point) -> str:
    function = point.writable.function if point.writable else None
    allowed = (5, 15) if point.table is Table.COIL else (6, 16)[point.words > 1 :]
    if function is None or function in allowed:
        return ""
    what = "a coil" if point.table is Table.COIL else f"{point.words} holding registers"
    what = "a holding register" if what.startswith("1 ") else what
    return f"function {function} does not write {what}; use {' or '.join(map(str, allowed))}"


def _missing_part(point: Point) -> str:
    if point.type is DataType.BIT and point.bit is None:
        return "type bit needs bit: 0..15"
    if point.type is DataType.BITFIELD and (point.bit is None or point.width is None):
        return "type bitfield needs bit: 0..15 and width: 1..16"
    if (point.bit or 0) + (point.width or 0) > _REGISTER_BITS:
        return f"bit + width of a bitfield is more than {_REGISTER_BITS}"
    if point.type is DataType.STRING and point.length is None:
        return "type string needs length: 1..125 registers"
    if point.type is DataType.ENUM and not point.enum:
        return "type enum needs enum: {raw: word}"
    return ""


def _useless_part(point: Point) -> str:
    """A key that the type ignores is a misunderstanding worth telling."""
    wrong = {
        "bit": point.bit is not None and point.type not in {DataType.BIT, DataType.BITFIELD},
        "width": point.width is not None and point.type is not DataType.BITFIELD,
        "length": point.length is not None and point.type is not DataType.STRING,
        "enum": point.enum is not None and point.type is not DataType.ENUM,
        "invalid": bool(point.invalid) and point.type in _NEVER_INVALID,
    }
    key = next((key for key, is_wrong in wrong.items() if is_wrong), "")
    return f"{key} means nothing to type {point.type}; remove it" if key else _wrong_invalid(point)


def _wrong_invalid(point: Point) -> str:
    try:
        for raw in point.invalid:
            as_decoded(raw, point.type, point.width)
    except InvalidNumberError as error:
        return f"invalid: {error}"
    return ""


def _wrong_reporting(point: Point) -> str:
    numbers_only = {
        "deadband": point.deadband.says_anything,
        "span": point.span is not None,
        "min_interval_s": point.min_interval_s is not None,
        "totalizer": point.totalizer,
    }
    key = next((key for key, is_set in numbers_only.items() if is_set), "")
    if point.is_state and key:
        return f"{key} means nothing to a state or text; remove it"
    if point.deadband.of_span is not None and point.span is None:
        return "deadband of_span needs span: [lowest, highest]"
    if point.span is not None and point.span[0] >= point.span[1]:
        return f"span [{point.span[0]:g}, {point.span[1]:g}] must grow"
    least, most = point.min_interval_s, point.max_silence_s
    if least is not None and most is not None and least > most:
        return f"min_interval_s {least:g} is longer than max_silence_s {most:g}"
    return ""
