"""What a value in registers is: its type, how many registers it takes, how its bytes are laid out.

A value of two or four registers is written as 0xAABBCCDD; the order says how these bytes follow
each other on the wire: ABCD high word first, CDAB low word first, BADC high word first with the
bytes of each word swapped, DCBA low word first and swapped. 48 and 64 bits likewise, or by all
their letters where a device mixes: CDABGHEF is two halves of 32 bits, each low word first. A single
register knows only plain (ABCD, CDAB) and swapped (BADC, DCBA); text is swapped but never turned
round.
"""

from typing import Final, Literal, NamedTuple, TypeAlias

from protocols.errors import ValueRangeError
from protocols.modbus import elements
from protocols.modbus.date_time import Layout

Kind: TypeAlias = Literal[
    "bool", "bit", "bitfield", "enum", "int8", "uint8", "int16", "uint16", "int24", "uint24",
    "int32", "uint32", "int48", "uint48", "int64", "uint64", "float16", "float32", "float64",
    "bcd8", "bcd16", "bcd32", "bcd48", "bcd64", "string", "datetime", "count_of", "first_of",
]  # fmt: skip
Sign: TypeAlias = Literal[
    "",
    "twos_complement",
    "ones_complement",
    "magnitude",
    "offset_binary",
    "first_digit",
    "last_digit",
    "tens_complement",
]

FLOATS: Final = {"float16": "e", "float32": "f", "float64": "d"}
"""Type to struct code."""
INTEGERS: Final = {
    "int8": 8, "uint8": 8, "int16": 16, "uint16": 16, "int24": 24, "uint24": 24, "int32": 32,
    "uint32": 32, "int48": 48, "uint48": 48, "int64": 64, "uint64": 64,
}  # fmt: skip
"""Type to bits."""
BCD_DIGITS: Final = {"bcd8": 2, "bcd16": 4, "bcd32": 8, "bcd48": 12, "bcd64": 16}
"""Type to digits."""
BYTES: Final = frozenset({"int8", "uint8", "bcd8"})
"""Types that are one half of a register."""
PARTS: Final = frozenset({"bit", "bitfield", "enum"})
"""Types that may be a part of one to four registers."""
ORDERS: Final = frozenset({"ABCD", "CDAB", "BADC", "DCBA"})
MOST_PART_REGISTERS: Final = 4
REGISTER_BITS: Final = 16

_FLOAT_REGISTERS: Final = {"float16": 1, "float32": 2, "float64": 4}
_SWAPPED: Final = frozenset({"BADC", "DCBA"})
_LOW_WORD_FIRST: Final = frozenset({"CDAB", "DCBA"})


class Field(NamedTuple):
    """One value within a block of registers (or coils, as ``bool``).

    Attributes:
        offset: First register, counted from the start of the block.
        kind: Type as in the configuration.
        order: Order of bytes and words.
        bit: Lowest bit, 0 = lowest, of a bit, bitfield or enum that is a part of its registers.
        width: Bits of a bitfield or enum.
        length: Registers of a string; of what a bit, bitfield or enum is a part of.
        sign: How a negative number is coded; empty: as the type says.
        high_byte: Whether a type of 8 bits is the high byte of its register.
        inverted: Whether each bit stands for its opposite.
        encoding: Of a string; a Python codec.
        layout: Of a date and time.
        among: Codes of a row that are looked for; see ``protocols.modbus.elements``.
        top_first: Whether the highest bits of a register are the first code of a row.
    """

    offset: int
    kind: str
    order: str = "ABCD"
    bit: int | None = None
    width: int | None = None
    length: int | None = None
    sign: str = ""
    high_byte: bool = False
    inverted: bool = False
    encoding: str = "ascii"
    layout: Layout | None = None
    among: tuple[int, ...] = ()
    top_first: bool = False

    @property
    def words(self) -> int:
        """Registers that the value occupies; ValueRangeError when there is no such type."""
        kind = self.kind
        if kind in INTEGERS:
            return (INTEGERS[kind] + REGISTER_BITS - 1) // REGISTER_BITS
        if kind in BCD_DIGITS:
            return (BCD_DIGITS[kind] + 3) // 4
        if kind in _FLOAT_REGISTERS:
            return _FLOAT_REGISTERS[kind]
        if kind == "datetime":
            return self.layout.registers if self.layout else 1
        if kind == "bool":
            return 1
        if kind in PARTS or kind == "string" or self.is_row:
            return self.length or 1
        rest = ["bool", "string", "datetime", *sorted(elements.KINDS)]
        known = [*INTEGERS, *FLOATS, *BCD_DIGITS, *sorted(PARTS), *rest]
        raise ValueRangeError(f"{kind!r} is no type; allowed: {', '.join(known)}")

    @property
    def is_row(self) -> bool:
        """Whether its registers are a row of codes."""
        return self.kind in elements.KINDS

    @property
    def is_text(self) -> bool:
        """Whether it is bytes in their sequence, not a number."""
        return (
            self.is_row
            or self.kind == "string"
            or (self.layout is not None and bool(self.layout.parts))
        )

    @property
    def swapped(self) -> bool:
        """Whether the low byte of each register comes first."""
        if self.order in ORDERS:
            return self.order in _SWAPPED
        return self.order[1] < self.order[0]

    @property
    def places(self) -> list[int]:
        """Where the words of the value lie, the highest first, counted from its first register."""
        words = self.words
        if self.is_text:
            return list(range(words))
        if self.order in ORDERS:
            return list(range(words))[:: -1 if self.order in _LOW_WORD_FIRST else 1]
        pairs = [min(self.order[at : at + 2]) for at in range(0, 2 * words, 2)]
        return [pairs.index(letter) for letter in sorted(pairs)]

    @property
    def bits(self) -> int:
        """Bits of a whole number, or of a part."""
        if self.is_row:
            return REGISTER_BITS
        if self.kind in PARTS and self.bit is not None:
            return 1 if self.kind == "bit" else self.width or 1
        if self.kind in BCD_DIGITS:
            return 4 * BCD_DIGITS[self.kind]
        return INTEGERS.get(self.kind, REGISTER_BITS * self.words)


def order_problem(order: str, words: int, *, text: bool = False) -> str:
    """Return why a value of so many registers has no such order; empty when it may have it."""
    if order in ORDERS:
        return ""
    if text:
        return f"expected ABCD or BADC of text, got {order}"
    letters = "ABCDEFGH"[: 2 * words]
    pairs = [order[at : at + 2] for at in range(0, len(order), 2)]
    if sorted(order) != sorted(letters):
        return f"{order} orders {len(order)} bytes; this value has {2 * words}"
    wholes = {letters[at : at + 2] for at in range(0, len(letters), 2)}
    if {pair[::-1] for pair in pairs} == wholes or set(pairs) == wholes:
        return ""
    return f"{order} tears a register apart; each must be two neighbours, all in one sequence"


def check_field(field: Field) -> None:
    """Raise ValueRangeError when the field is impossible."""
    problem = order_problem(field.order, field.words, text=field.is_text)
    if problem:
        allowed = ", ".join(sorted(ORDERS))
        raise ValueRangeError(f"{problem}; allowed: {allowed}, or all letters of the value")
    if field.is_row:
        problem = elements.row_problem(field.bit, field.width, field.among)
        if problem:
            raise ValueRangeError(f"{field.kind} {problem}")
    is_part = field.bit is not None or field.kind in {"bit", "bitfield"}
    if field.kind in PARTS and is_part:
        width = 1 if field.kind == "bit" else field.width
        low, size = field.bit, REGISTER_BITS * field.words
        if low is None or width is None or low < 0 or width < 1 or low + width > size:
            raise ValueRangeError(f"bit {low} and width {width} are no bits of {size}")
