"""A point of a meter that is asked by identifiers: DL/T 645."""

from functools import cached_property
from typing import TYPE_CHECKING, Annotated, ClassVar, Final

from pydantic import AfterValidator, Field

from config.base import Identifier, Words
from config.coding import DataType
from config.protocol_point import ProtocolPoint
from config.state_words import states_of, wrong_words
from config.writable import OF_REGISTERS, Writable
from protocols.dlt645 import fields
from protocols.dlt645.codes import Edition
from protocols.dlt645.fields import Kind
from protocols.errors import ValueRangeError

if TYPE_CHECKING:
    from protocols.dlt645.identifiers import Item

_EDITIONS: Final = {4: Edition.E1997, 8: Edition.E2007}
_RELAY: Final = ("04000503", 4)


def _identifier(text: str) -> str:
    digits = text.upper()
    if len(digits) not in _EDITIONS or not set(digits) <= set("0123456789ABCDEF"):
        expected = "expected 8 hexadecimal digits as printed (02010100), or 4 of the 1997 edition"
        raise ValueError(f"{expected}, got {text!r}")
    return digits


class IdentifierPoint(ProtocolPoint):
    """One value of a meter: a data identifier of DL/T 645 instead of a table and an address.

    How its bytes are coded is known for the usual identifiers (`plantroom agent read` shows them);
    what is given here replaces that. value = number * scale.
    """

    TAG: ClassVar[str] = "identifier"

    identifier: Annotated[str, AfterValidator(_identifier)] = Field(
        description="Data identifier as printed, high byte first: 8 hexadecimal digits in quotes "
        '("02010100"), 4 for a meter of the 1997 edition ("B611"). FF in it asks for a block.'
    )
    part: int = Field(
        default=0,
        ge=0,
        le=255,
        description="Which value of the answer, from 0: of a maximum demand 1 is its time, of a "
        "block each member is one.",
    )
    kind: Kind | None = Field(
        default=None,
        description="Coding of the bytes, low byte first; default: by the table of identifiers.",
    )
    bytes: int | None = Field(
        default=None, ge=1, le=64, description="Bytes of the value; default: by the table."
    )
    decimals: int | None = Field(
        default=None,
        ge=0,
        le=8,
        description="Digits behind the point of a number; default: by the table.",
    )
    signed: bool | None = Field(
        default=None,
        description="Whether the highest bit of a number is its sign; default: by the table.",
    )
    reversed_text: bool | None = Field(
        default=None, description="Whether the last letter of a text is sent first; default: true."
    )
    scale: float = Field(default=1.0, description="Factor from the meter's number to the unit.")
    ratio_from: tuple[Identifier, ...] = Field(
        default=(),
        description="Ratios that are multiplied with it, as of current and voltage transformers.",
    )
    bit: int | None = Field(
        default=None, ge=0, le=63, description="Bit of a status word, 0 = lowest of the first byte."
    )
    width: int = Field(default=1, ge=1, le=16, description="Bits of an enum in a status word.")
    inverted: bool = Field(default=False, description="The bit means its opposite: 0 is true.")
    writable: Writable | None = Field(
        default=None,
        description="Only of the relay (2007): identifier 04000503, bit 4, whose commands trip and "
        "close it. The port needs a password_file.",
    )
    enum: dict[int, str] | None = Field(
        default=None, description="Number to word; a number not listed is a bad reading."
    )
    state_words: dict[str, Words] | None = Field(
        default=None,
        alias="words",
        description="What people say for its states: word of enum to a name of en and zh; default: "
        "the class's.",
    )

    def problem(self) -> str:
        """Return what contradicts itself in its place and coding; empty when nothing does."""
        try:
            found = self.item
        except ValueRangeError as error:
            return str(error)
        if self.part >= len(found.labels):
            last = len(found.labels) - 1
            return f"part {self.part}: the values of {self.identifier} are 0..{last}"
        return self._useless_part()

    def _useless_part(self) -> str:
        """A key that the coding ignores is a misunderstanding worth telling."""
        layout = self.layout
        word = 8 * layout.size
        wrong = {
            f"bit means nothing to a {layout.kind}; remove it": self.bit is not None
            and layout.kind is not Kind.BITS,
            f"bit + width is more than the {word} bits of the word": self.bit is not None
            and self.bit + self.width > word,
            "width means nothing without bit and enum; remove it": self.width > 1
            and (self.enum is None or self.bit is None),
            "enum needs words: {number: word}": self.enum == {},
            f"enum means nothing to a {layout.kind}; remove it": self.enum is not None
            and layout.kind not in {Kind.BITS, Kind.NUMBER},
            "scale 0 makes every value 0": not self.scale,
            f"scale means nothing to a {self.type}; remove it": self.is_scaled
            and self.type is not DataType.FLOAT64,
            "inverted means nothing without bit, or with enum; remove it": self.inverted
            and (self.bit is None or self.enum is not None),
            "writable: only the relay is commanded: identifier 04000503 with bit: 4": (
                self.writable is not None and (self.identifier, self.bit) != _RELAY
            ),
            OF_REGISTERS: self.writable is not None and self.writable.is_of_registers,
        }
        found = next((problem for problem, is_so in wrong.items() if is_so), "")
        return found or wrong_words(self.state_words or {}, states_of(self.enum, self.otherwise))

    @property
    def edition(self) -> Edition:
        """Of the standard: four digits are those of 1997."""
        return _EDITIONS[len(self.identifier)]

    @property
    def number(self) -> int:
        """The identifier."""
        return int(self.identifier, 16)

    @property
    def overrides(self) -> bool:
        """Whether its coding is not the table's."""
        given = (self.kind, self.bytes, self.decimals, self.signed, self.reversed_text)
        return any(one is not None for one in given)

    @cached_property
    def item(self) -> "Item":
        """What the meter sends for the identifier.

        Raises:
            ValueRangeError: No table has it, and its coding is not given.
        """
        # The tables are read by those who use them: most gateways have no meter.
        from protocols.dlt645.identifiers import Item, item  # noqa: PLC0415

        known = item(self.edition, self.number)
        if known is None and (self.kind is None or self.bytes is None):
            raise ValueRangeError(
                f"identifier {self.identifier} is in no table: say how it is coded, with kind "
                f"({', '.join(Kind)}) and bytes (1..64)"
            )
        if known is not None and not self.overrides:
            return known
        field = self._overridden(known.fields[0] if known else None)
        if known is None:
            return Item(self.number, self.identifier, (self.identifier,), (field,))
        return known.with_field(field) if len(known.fields) == 1 else known

    @property
    def layout(self) -> fields.Field:
        """How its bytes are coded."""
        found = self.item.fields
        return found[self.part % len(found)]

    @property
    def type(self) -> DataType:
        """What it is, in the words of register points."""
        if self.enum is not None:
            return DataType.ENUM
        if self.bit is not None:
            return DataType.BIT
        kind = self.layout.kind
        if kind is Kind.BITS:
            return DataType.UINT64
        return DataType.FLOAT64 if kind is Kind.NUMBER else DataType.STRING

    @property
    def bits(self) -> int:
        """Bits of a status word."""
        return 8 * self.layout.size

    @property
    def has_sign(self) -> bool:
        """Whether the meter's number can be negative."""
        return self.layout.signed

    @property
    def where(self) -> str:
        """Its identifier, as people say it."""
        return f"identifier {self.identifier}"

    @property
    def factors(self) -> tuple[str, ...]:
        """The points that scale it."""
        return self.ratio_from

    @property
    def is_scaled(self) -> bool:
        """Whether the value is more than the meter's number."""
        return bool(self.factors) or self.scale != 1.0

    @property
    def wraps_at(self) -> float | None:
        """Where a total starts again from 0, in the unit; None where it does not wrap."""
        layout = self.layout
        if not self.totalizer or layout.signed or layout.kind is not Kind.NUMBER or self.factors:
            return None
        return 10 ** (2 * layout.size - layout.decimals) * abs(self.scale)

    def _overridden(self, known: fields.Field | None) -> fields.Field:
        base = known or fields.Field(self.kind or Kind.NUMBER, self.bytes or 1)
        return fields.Field(
            base.kind if self.kind is None else self.kind,
            base.size if self.bytes is None else self.bytes,
            base.decimals if self.decimals is None else self.decimals,
            base.unit,
            base.signed if self.signed is None else self.signed,
            base.sunday,
            base.reversed_text if self.reversed_text is None else self.reversed_text,
        )
