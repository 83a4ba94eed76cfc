"""A point of a Modbus device: where it is, how it is coded, when it is worth reporting."""

from typing import ClassVar, Final, Literal, Self

from pydantic import Field, model_validator

from config.base import Identifier, Words
from config.code_lists import codes_of
from config.coding import (
    ROWS,
    STATES,
    DataType,
    Encoding,
    MixedOrder,
    Numbering,
    Order,
    Sign,
    Table,
    Time,
)
from config.point_rules import incomplete
from config.reporting import Reporting
from config.writable import Writable
from protocols.modbus import field as wire

__all__ = ["DataType", "Order", "Point", "Table"]


class Point(Reporting):
    """One value of a device.

    value = raw * scale + offset; with factors from other points, value = raw * scale * factors +
    offset. ``invalid`` lists raw numbers that mean "not available".
    """

    TAG: ClassVar[str] = "register"

    table: Table = Field(description="coil, discrete, holding or input.")
    address: int = Field(ge=0, le=65535, description="0-based PDU address as sent on the wire.")
    type: DataType = Field(description="How the registers carry the value.")
    order: Order | MixedOrder = Field(
        default=Order.ABCD,
        description="Byte and word order: ABCD, CDAB, BADC, DCBA; of 48 and 64 bits that mix, all "
        "their letters.",
    )
    bit: int | None = Field(
        default=None,
        ge=0,
        le=64,
        description="Bit (type bit) or lowest bit (bitfield, enum), 0 = lowest.",
    )
    bits_from: Numbering = Field(
        default=Numbering.LSB0,
        description="How the device's document counts bits: from the lowest or the highest, from "
        "0 or 1. From the highest, bit is the highest one of a field.",
    )
    width: int | None = Field(
        default=None,
        ge=1,
        le=64,
        description="Bits of a bitfield, of an enum that has a bit, or of each code of a row.",
    )
    length: int | None = Field(
        default=None,
        ge=1,
        le=125,
        description="Registers of a string or a row of codes; 1 to 4 that a bit, bitfield or "
        "enum is a part of, default 1.",
    )
    byte: Literal["high", "low"] | None = Field(
        default=None, description="The half of its register that int8, uint8 and bcd8 are."
    )
    sign: Sign | None = Field(
        default=None,
        description="How negative numbers are coded; default: two's complement of int types, none "
        "of others.",
    )
    inverted: bool = Field(
        default=False, description="Each bit means its opposite: 0 is true (bool, bit, bitfield)."
    )
    encoding: Encoding = Field(default=Encoding.ASCII, description="Of a string.")
    time: Time | None = Field(default=None, description="How a datetime lies in its registers.")
    scale: float = Field(default=1.0, description="Factor from raw to the unit; not 0.")
    offset: float = Field(default=0.0, description="Added after scaling, in the unit.")
    raw_span: tuple[float, float] | None = Field(
        default=None,
        description="Raw numbers at the lowest and highest value of span, instead of scale and "
        "offset: [4000, 20000] of 4-20 mA in microamperes.",
    )
    scale_from: Identifier | None = Field(
        default=None,
        description="Point of this device with a power of ten: value = raw * 10^it (SunSpec).",
    )
    decimals_from: Identifier | None = Field(
        default=None,
        description="Point of this device with the decimal places: value = raw / 10^it.",
    )
    ratio_from: tuple[Identifier, ...] = Field(
        default=(),
        description="Points of this device that are multiplied with it, as CT and PT ratios.",
    )
    enum: dict[int, str] | None = Field(
        default=None,
        description="Raw integer to word (enum, bitfield); a raw value not listed is a bad "
        "reading.",
    )
    enum_from: Identifier | None = Field(
        default=None,
        description="Instead of enum: the numbers of a maker or region in a packaged code list, "
        "as elevator_fault.platform_b (docs/equipment.md lists them).",
    )
    state_words: dict[str, Words] | None = Field(
        default=None,
        alias="words",
        description="What people say for its states: word of enum or otherwise to a name of en and "
        "zh; default: the class's, or those of the list of enum_from.",
    )
    among: tuple[int, ...] = Field(
        default=(),
        description="Codes that count_of counts and first_of looks for. With bit, each register "
        "has one code of width bits from there; without, it is packed with them, the lowest bits "
        "first, or the highest with bits_from: msb0.",
    )
    otherwise: str | None = Field(
        default=None,
        min_length=1,
        max_length=120,
        description="Word of raw values that enum does not list; {raw} in it is the number.",
    )
    invalid: tuple[int | float, ...] = Field(
        default=(),
        description="Raw numbers that mean 'not available', before scaling: the bit pattern "
        "(0xFFFF, for every type) or, if negative or with a decimal point, the value (-9999.0).",
    )
    period_s: float | None = Field(
        default=None, gt=0, le=86400, description="Scan class, seconds; default: the device's."
    )
    clear_on_read: bool = Field(
        default=False,
        description="The device empties it when it is read: no request reads over it or asks for "
        "it without need, and each reading is reported.",
    )
    writable: Writable | None = Field(
        default=None, description="Range of a command; absent: read only."
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.enum_from is not None:
            codes = codes_of(self.enum_from)
            # A point that is written out has both.
            if self.enum is not None and self.enum != codes:
                raise ValueError("enum and enum_from are two words for one thing; remove one")
            # Part of making it; it is frozen from then on.
            object.__setattr__(self, "enum", codes)
        problem = incomplete(self)
        if problem:
            raise ValueError(problem)
        return self

    @property
    def words(self) -> int:
        """Registers (or coils) that the value occupies."""
        return self.field().words

    @property
    def where(self) -> str:
        """Its table and address, as people say it."""
        return f"{self.table} {self.address}"

    def field(self, start: int | None = None) -> wire.Field:
        """Return it as a field of a block that begins at ``start``; default: at itself."""
        return wire.Field(
            0 if start is None else self.address - start,
            self.type.value,
            self.order.value,
            self._lowest_bit(),
            self.width,
            self.length,
            self.sign.value if self.sign else "",
            self.byte == "high",
            self.inverted,
            self.encoding.value,
            self.time.compiled if self.time else None,
            self.among,
            self.bits_from in _FROM_TOP,
        )

    @property
    def bits(self) -> int:
        """Bits of its raw number."""
        return self.field().bits

    @property
    def has_sign(self) -> bool:
        """Whether its raw number can be negative."""
        return self.sign is not None or self.type.value.startswith("int")

    @property
    def written_at(self) -> tuple[Table, int, int]:
        """Table, first address, and registers (or coils) of a command; as it is read by default."""
        allowed = self.writable
        if allowed is None:
            return self.table, self.address, self.words
        table = allowed.table or _WRITTEN[self.table]
        own = 1 if allowed.codes or table is Table.COIL else self.words
        size = sum(1 if isinstance(one, int) else own for one in allowed.registers)
        return table, self.address if allowed.address is None else allowed.address, size

    @property
    def is_written_into(self) -> bool:
        """Whether a command changes a part of what its registers hold."""
        return self.is_part and (self.writable is None or self.writable.is_plain)

    @property
    def is_state(self) -> bool:
        """Whether the value is a state or a text, not a number on a scale."""
        return self.enum is not None or self.type in STATES

    @property
    def every_reading(self) -> bool:
        """Whether each reading is reported: what is emptied by being read counts each time."""
        return self.report_all or self.clear_on_read

    @property
    def is_part(self) -> bool:
        """Whether its registers carry more than this value."""
        full = wire.REGISTER_BITS * self.words
        own = self.type.value in {*wire.INTEGERS, *wire.BCD_DIGITS, *wire.PARTS}
        return own and self.field().bits < full

    @property
    def factors(self) -> tuple[str, ...]:
        """The points that scale it."""
        return tuple(name for name in (self.scale_from, self.decimals_from) if name) + (
            self.ratio_from
        )

    @property
    def factor(self) -> float:
        """Factor from raw to the unit, without those of other points."""
        if self.raw_span is None or self.span is None:
            return self.scale
        return (self.span[1] - self.span[0]) / (self.raw_span[1] - self.raw_span[0])

    @property
    def shift(self) -> float:
        """What is added after scaling, in the unit."""
        if self.raw_span is None or self.span is None:
            return self.offset
        return self.span[0] - self.raw_span[0] * self.factor

    @property
    def is_scaled(self) -> bool:
        """Whether the value is more than the raw number."""
        return bool(self.factors) or self.factor != 1.0 or self.shift != 0.0

    @property
    def wraps_at(self) -> float | None:
        """Where a total starts again from 0, in the unit; None where it does not wrap."""
        kind = self.type.value
        signed = self.sign is not None or kind.startswith("int")
        if not self.totalizer or signed or self.factors or self.raw_span:
            return None
        if kind in wire.BCD_DIGITS:
            return 10 ** wire.BCD_DIGITS[kind] * abs(self.scale)
        return 2 ** wire.INTEGERS[kind] * abs(self.scale) if kind in wire.INTEGERS else None

    def _lowest_bit(self) -> int | None:
        if self.bit is None:
            return None
        first = self.bit - (self.bits_from in _FROM_ONE)
        if self.bits_from in _FROM_TOP and self.type not in ROWS:
            return wire.REGISTER_BITS * (self.length or 1) - first - (self.width or 1)
        return first


_WRITTEN: Final = {
    Table.COIL: Table.COIL,
    Table.DISCRETE: Table.COIL,
    Table.HOLDING: Table.HOLDING,
    Table.INPUT: Table.HOLDING,
}
_FROM_ONE: Final = frozenset({Numbering.LSB1, Numbering.MSB1})
_FROM_TOP: Final = frozenset({Numbering.MSB0, Numbering.MSB1})
