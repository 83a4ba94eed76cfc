"""Registers to values and back, for every type and every order of bytes and words.

A value of two or four registers is written as 0xAABBCCDD; the order says how these bytes follow
each other on the wire: ABCD high word first, CDAB low word first, BADC high word first with the
bytes of each word swapped, DCBA low word first and swapped. 64 bits likewise. A single register
knows only plain (ABCD, CDAB) and swapped (BADC, DCBA); text is swapped but never turned round.
"""

import struct
from collections.abc import Callable, Sequence
from math import isfinite
from operator import itemgetter
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from protocols.errors import FrameError, ValueRangeError
from protocols.reading import Value

Kind: TypeAlias = Literal[
    "bool", "bit", "bitfield", "int16", "uint16", "int32", "uint32", "int64", "uint64",
    "float32", "float64", "bcd16", "bcd32", "enum", "string",
]  # fmt: skip
Order: TypeAlias = Literal["ABCD", "CDAB", "BADC", "DCBA"]
Decoder: TypeAlias = Callable[[Sequence[int]], list[Value]]

# struct code of the value whose bytes lie in the order ABCD
_CODES: Final = {
    "bool": "H", "bit": "H", "bitfield": "H", "enum": "H", "bcd16": "H", "uint16": "H",
    "int16": "h", "int32": "i", "uint32": "I", "bcd32": "I", "int64": "q", "uint64": "Q",
    "float32": "f", "float64": "d",
}  # fmt: skip
_WORDS: Final = {"h": 1, "H": 1, "i": 2, "I": 2, "f": 2, "q": 4, "Q": 4, "d": 4}
_SWAPPED: Final = frozenset({"BADC", "DCBA"})
_LOW_WORD_FIRST: Final = frozenset({"CDAB", "DCBA"})
_ORDERS: Final = frozenset({"ABCD", "CDAB", "BADC", "DCBA"})
_REGISTER_BITS: Final = 16
_BCD_DIGITS: Final = {"bcd16": 4, "bcd32": 8}


class Field(NamedTuple):
    """One value within a block of registers (or coils, as ``bool``).

    Attributes:
        offset: First register, counted from the start of the block.
        kind: Type as in the configuration.
        order: Order of bytes and words.
        bit: Lowest bit, 0 = lowest, of a bit or bitfield.
        width: Bits of a bitfield.
        length: Registers of a string.
    """

    offset: int
    kind: str
    order: str = "ABCD"
    bit: int | None = None
    width: int | None = None
    length: int | None = None

    @property
    def words(self) -> int:
        """Registers that the value occupies."""
        if self.kind == "string":
            return self.length or 1
        return _WORDS[_code(self)]


def decode(
    registers: Sequence[int],
    *,
    kind: str,
    order: str = "ABCD",
    bit: int | None = None,
    width: int | None = None,
) -> float | int | bool | str:
    """Return the value of the registers; NaN is returned as it is, an enum as its number.

    FrameError when they are too few or too many, a BCD digit is above 9 or text is not ASCII.
    """
    count = len(registers)
    field = Field(0, kind, order, bit, width, count if kind == "string" else None)
    if field.words != count:
        raise FrameError(f"{kind} takes {field.words} registers, not {count}")
    words = registers[::-1] if _turned(field) else registers
    raw = struct.unpack(f">{_code(field)}", _pack(words, swapped=order in _SWAPPED))[0]
    finish = _finisher(field)
    return finish(raw) if finish else raw


def encode(
    value: float | str,
    *,
    kind: str,
    order: str = "ABCD",
    bit: int | None = None,
    width: int | None = None,
    length: int | None = None,
    into: int = 0,
) -> list[int]:
    """Return the registers of a value; ValueRangeError when it does not fit.

    Args:
        value: A number for whole-number types is rounded to the nearest.
        kind: Type as in the configuration.
        order: Order of bytes and words.
        bit: Lowest bit of a bit or bitfield.
        width: Bits of a bitfield.
        length: Registers of a string; shorter text is filled with NUL.
        into: What the register holds now; the bits around a bit or bitfield are kept.
    """
    field = Field(0, kind, order, bit, width, length)
    raw = _raw(value, field, into)
    try:
        data = struct.pack(f">{_code(field)}", raw)
    except (struct.error, OverflowError):
        raise ValueRangeError(f"{value!r} does not fit {kind}") from None
    end = "<" if order in _SWAPPED else ">"
    words = list(struct.unpack(f"{end}{len(data) // 2}H", data))
    return words[::-1] if _turned(field) else words


def block_decoder(fields: Sequence[Field], count: int) -> Decoder:
    """Return a function that decodes all fields of a block of ``count`` registers at once.

    Fields may overlap and come in any sequence. The result has one value for each field, None
    where this field's bytes are no value (BCD digit above 9, text that is not ASCII); so one
    torn field leaves the others good. FrameError when the block is not ``count`` registers.
    """
    for field in fields:
        if field.offset < 0 or field.offset + field.words > count:
            raise ValueRangeError(f"{field} lies outside a block of {count} registers")
    plain = [index for index, field in enumerate(fields) if field.order not in _SWAPPED]
    swapped = [index for index, field in enumerate(fields) if field.order in _SWAPPED]
    groups = [
        _group([fields[index] for index in indexes], count, swapped=indexes is swapped)
        for indexes in (plain, swapped)
        if indexes
    ]
    back = _gather([(plain + swapped).index(index) for index in range(len(fields))])
    finishers = [(index, finish) for index, f in enumerate(fields) if (finish := _finisher(f))]

    def decode_block(registers: Sequence[int]) -> list[Value]:
        if len(registers) != count:
            raise FrameError(f"asked {count} registers, got {len(registers)}")
        values: list[Any] = []
        for unpack in groups:
            values += unpack(registers)
        if len(groups) > 1:
            values = list(back(values))
        for index, finish in finishers:
            try:
                values[index] = finish(values[index])
            except FrameError:
                values[index] = None
        return values

    return decode_block


def _group(
    fields: Sequence[Field], count: int, *, swapped: bool
) -> Callable[[Sequence[int]], tuple[Any, ...]]:
    """Gather the registers of fields with equal byte order, unpack them by one struct."""
    wanted: list[int] = []
    for field in fields:
        places = range(field.offset, field.offset + field.words)
        wanted += reversed(places) if _turned(field) else places
    registers_of = _gather(wanted)
    whole = wanted == list(range(count))
    into_bytes = struct.Struct(f"{'<' if swapped else '>'}{len(wanted)}H")
    values_of = struct.Struct(">" + "".join(_code(field) for field in fields))

    def unpack(registers: Sequence[int]) -> tuple[Any, ...]:
        try:
            data = into_bytes.pack(*(registers if whole else registers_of(registers)))
        except struct.error as error:
            raise FrameError(f"a register is no number in 0..65535: {error}") from None
        return values_of.unpack(data)

    return unpack


def _gather(indexes: Sequence[int]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    if len(indexes) > 1:
        return itemgetter(*indexes)
    return lambda items: [items[index] for index in indexes]


def _code(field: Field) -> str:
    if field.order not in _ORDERS:
        raise ValueRangeError(f"{field.order!r} is no order; allowed: {sorted(_ORDERS)}")
    if field.kind == "string":
        return f"{2 * (field.length or 1)}s"
    code = _CODES.get(field.kind)
    if code is None:
        raise ValueRangeError(f"{field.kind!r} is no type; allowed: {[*_CODES, 'string']}")
    return code


def _turned(field: Field) -> bool:
    return field.order in _LOW_WORD_FIRST and field.kind != "string" and field.words > 1


def _pack(words: Sequence[int], *, swapped: bool) -> bytes:
    try:
        return struct.pack(f"{'<' if swapped else '>'}{len(words)}H", *words)
    except struct.error as error:
        raise FrameError(f"a register is no number in 0..65535: {error}") from None


def _finisher(field: Field) -> Callable[[Any], Any] | None:
    """Return what is left to do after unpacking, None for plain numbers."""
    match field.kind:
        case "bool":
            return bool
        case "bit":
            mask = _mask(field, width=1)
            return lambda raw: bool(raw & mask)
        case "bitfield":
            mask, low = _mask(field, width=field.width), field.bit or 0
            return lambda raw: (raw & mask) >> low
        case "bcd16" | "bcd32":
            return _from_bcd
        case "string":
            return _from_text
        case _:
            return None


def _mask(field: Field, *, width: int | None) -> int:
    low = field.bit
    if low is None or width is None or low < 0 or width < 1 or low + width > _REGISTER_BITS:
        raise ValueRangeError(f"bit {low} and width {width} are no bits of one register")
    return ((1 << width) - 1) << low


def _from_bcd(raw: int) -> int:
    try:
        return int(f"{raw:x}")
    except ValueError:
        raise FrameError(f"0x{raw:x} has a digit above 9") from None


def _from_text(raw: bytes) -> str:
    text = raw.split(b"\0", 1)[0].rstrip()
    try:
        return text.decode("ascii")
    except UnicodeDecodeError:
        raise FrameError(f"{raw!r} is not ASCII text") from None


def _raw(value: float | str, field: Field, into: int) -> Any:  # noqa: ANN401 (what struct takes)
    """Return the number or bytes that the field's struct code packs."""
    if field.kind == "string":
        return _to_text(value, 2 * (field.length or 1))
    if isinstance(value, str):
        raise ValueRangeError(f"{value!r} is no number, {field.kind} needs one")
    if field.kind in {"float32", "float64"}:
        if not isfinite(value):
            raise ValueRangeError(f"{value!r} is not sent as {field.kind}")
        return value
    if not isfinite(value):
        raise ValueRangeError(f"{value!r} does not fit {field.kind}")
    number = round(value)
    if field.kind in _BCD_DIGITS:
        return _to_bcd(number, _BCD_DIGITS[field.kind])
    if field.kind in {"bool", "bit", "bitfield"}:
        return _to_bits(number, field, into)
    return number


def _to_bits(number: int, field: Field, into: int) -> int:
    width = field.width if field.kind == "bitfield" else 1
    mask = 1 if field.kind == "bool" else _mask(field, width=width)
    low = 0 if field.kind == "bool" else field.bit or 0
    if number < 0 or (number << low) & ~mask:
        raise ValueRangeError(f"{number} does not fit {width} bits")
    return number if field.kind == "bool" else (into & ~mask) | (number << low)


def _to_bcd(number: int, digits: int) -> int:
    if not 0 <= number < 10**digits:
        raise ValueRangeError(f"{number} does not fit {digits} BCD digits")
    return int(str(number), 16)


def _to_text(value: float | str, size: int) -> bytes:
    if not isinstance(value, str) or not value.isascii() or len(value) > size:
        raise ValueRangeError(f"{value!r} is no ASCII text of at most {size} characters")
    return value.encode("ascii").ljust(size, b"\0")
