"""Registers to values and back, for every type and every order of bytes and words.

The types and orders are those of ``protocols.modbus.field``.
"""

import struct
from collections.abc import Callable, Sequence
from math import isfinite
from operator import itemgetter
from typing import Any, Final, TypeAlias

from protocols.errors import FrameError, ValueRangeError
from protocols.modbus import elements, numbers, text
from protocols.modbus.field import (
    BCD_DIGITS,
    BYTES,
    FLOATS,
    INTEGERS,
    PARTS,
    REGISTER_BITS,
    Field,
    check_field,
)
from protocols.reading import Value

__all__ = ["Decoder", "Field", "block_decoder", "decode", "decode_field", "encode", "encode_field"]

Decoder: TypeAlias = Callable[[Sequence[int]], list[Value]]

# struct code of a number whose bytes lie in the order ABCD, by the registers that it takes
_UNSIGNED: Final = {1: "H", 2: "I", 3: "6s", 4: "Q"}
_SIGNED: Final = {"int16": "h", "int32": "i", "int64": "q"}
_TWOS: Final = "twos_complement"


def decode(
    registers: Sequence[int],
    *,
    kind: str,
    order: str = "ABCD",
    bit: int | None = None,
    width: int | None = None,
) -> float | int | bool | str:
    """Return the value of the registers; see ``decode_field``."""
    length = len(registers) if kind == "string" or kind in PARTS else None
    return decode_field(registers, Field(0, kind, order, bit, width, length))


def decode_field(registers: Sequence[int], field: Field) -> float | int | bool | str:
    """Return the value of the registers; NaN is returned as it is, an enum as its number.

    FrameError when they are too few or too many, a BCD digit is above 9, a date is impossible or
    text is none of its encoding.
    """
    check_field(field)
    if field.words != len(registers) or not registers:
        raise FrameError(f"{field.kind} takes {field.words} registers, not {len(registers)}")
    words = [registers[place] for place in field.places]
    raw = struct.unpack(f">{_code(field)}", _pack(words, swapped=field.swapped))[0]
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
    """Return the registers of a value; see ``encode_field``; ``into`` is one register."""
    field = Field(0, kind, order, bit, width, length)
    return encode_field(value, field, into=[into] if field.words == 1 else ())


def encode_field(value: float | str, field: Field, *, into: Sequence[int] = ()) -> list[int]:
    """Return the registers of a value; ValueRangeError when it does not fit.

    Args:
        value: A number for whole-number types is rounded to the nearest.
        field: What it is; shorter text is filled with NUL.
        into: What the registers hold now, if they hold more than this value; that is kept.
    """
    check_field(field)
    data = _bytes(value, field, into)
    end = "<" if field.swapped else ">"
    words = struct.unpack(f"{end}{len(data) // 2}H", data)
    registers = [0] * len(words)
    for place, word in zip(field.places, words, strict=True):
        registers[place] = word
    return registers


def block_decoder(fields: Sequence[Field], count: int) -> Decoder:
    """Return a function that decodes all fields of a block of ``count`` registers at once.

    Fields may overlap and come in any sequence. The result has one value for each field, None
    where this field's bytes are no value (BCD digit above 9, text that is not ASCII); so one
    torn field leaves the others good. FrameError when the block is not ``count`` registers.
    """
    for field in fields:
        check_field(field)
        if field.offset < 0 or field.offset + field.words > count:
            raise ValueRangeError(f"{field} lies outside a block of {count} registers")
    plain = [index for index, field in enumerate(fields) if not field.swapped]
    swapped = [index for index, field in enumerate(fields) if field.swapped]
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
    wanted = [field.offset + place for field in fields for place in field.places]
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


def _is_native(field: Field) -> bool:
    """Whether a struct code alone makes the number."""
    return (
        field.kind in _SIGNED or field.kind in {"uint16", "uint32", "uint64"}
    ) and field.sign in {"", _TWOS}


def _code(field: Field) -> str:
    kind = field.kind
    if kind in {"string", "datetime"} or field.is_row:
        return f"{2 * field.words}s"
    if kind in FLOATS:
        return FLOATS[kind]
    if kind in BYTES:
        return "Bx" if field.high_byte else "xB"
    return _SIGNED[kind] if kind in _SIGNED and _is_native(field) else _UNSIGNED[field.words]


def _pack(words: Sequence[int], *, swapped: bool) -> bytes:
    try:
        return struct.pack(f"{'<' if swapped else '>'}{len(words)}H", *words)
    except struct.error as error:
        raise FrameError(f"a register is no number in 0..65535: {error}") from None


def _finisher(field: Field) -> Callable[[Any], Any] | None:
    """Return what is left to do after unpacking, None for plain numbers."""
    kind = field.kind
    if kind == "string":
        return text.reader(field.encoding)
    if kind == "datetime":
        return None if field.layout is None else field.layout.reader()
    if field.is_row:
        return elements.row_reader(
            kind,
            bit=field.bit,
            width=field.width or REGISTER_BITS,
            among=field.among,
            top_first=field.top_first,
        )
    if kind in FLOATS:
        return None
    finish = _whole_finisher(field)
    if _code(field) == "6s":
        return _of_bytes(finish)
    return finish


def _of_bytes(finish: Callable[[int], Any] | None) -> Callable[[bytes], Any]:
    if finish is None:
        return lambda raw: int.from_bytes(raw, "big")
    return lambda raw: finish(int.from_bytes(raw, "big"))


def _whole_finisher(field: Field) -> Callable[[int], Any] | None:
    kind = field.kind
    if kind == "bool":
        return (lambda raw: not raw) if field.inverted else bool
    if kind == "bit":
        mask = 1 << (field.bit or 0)
        return (lambda raw: not raw & mask) if field.inverted else (lambda raw: bool(raw & mask))
    if kind in BCD_DIGITS:
        return numbers.from_bcd(BCD_DIGITS[kind], field.sign)
    steps = _part_steps(field) if kind in PARTS else []
    if kind in {"int24", "uint24"}:
        # The byte above the number is not its own.
        steps.append(lambda raw: raw & 0xFFFFFF)
    sign = field.sign or (_TWOS if kind in INTEGERS and not kind.startswith("u") else "")
    if sign and not _is_native(field):
        steps.append(numbers.signed(field.bits, sign))
    return _in_turn(steps)


def _part_steps(field: Field) -> list[Callable[[int], int]]:
    full, low = (1 << field.bits) - 1, field.bit or 0
    if field.inverted:
        return [lambda raw: (raw >> low) & full ^ full]
    if field.bits == REGISTER_BITS * field.words:
        return []
    mask = full << low
    return [lambda raw: (raw & mask) >> low]


def _in_turn(steps: Sequence[Callable[[int], int]]) -> Callable[[int], int] | None:
    if len(steps) > 1:
        first, second = steps
        return lambda raw: second(first(raw))
    return steps[0] if steps else None


def _bytes(value: float | str, field: Field, into: Sequence[int]) -> bytes:
    """Return the value's bytes in the order ABCD."""
    size = 2 * field.words
    if field.kind == "datetime" or field.is_row:
        raise ValueRangeError(f"a {field.kind} is not written")
    if field.kind == "string":
        return text.to_bytes(value, size, field.encoding)
    if isinstance(value, str):
        raise ValueRangeError(f"{value!r} is no number, {field.kind} needs one")
    if not isfinite(value):
        raise ValueRangeError(f"{value!r} is not sent as {field.kind}")
    if field.kind in FLOATS:
        try:
            return struct.pack(f">{FLOATS[field.kind]}", value)
        except (struct.error, OverflowError):
            raise ValueRangeError(f"{value!r} does not fit {field.kind}") from None
    number, mask, low = _place(round(value), field)
    held = 0
    if into and mask << low != (1 << 8 * size) - 1:
        words = [into[place] for place in field.places]
        held = int.from_bytes(_pack(words, swapped=field.swapped), "big")
    return (held & ~(mask << low) | number << low).to_bytes(size, "big")


def _place(number: int, field: Field) -> tuple[int, int, int]:
    """Return the bit pattern, the bits that are the field's own, and the lowest of them."""
    kind, bits = field.kind, field.bits
    if kind in BCD_DIGITS:
        raw = numbers.to_bcd(number, BCD_DIGITS[kind], field.sign)
    elif kind in {"bool", "bit"}:
        raw = numbers.pattern(number, 1, "")
    else:
        sign = field.sign or (_TWOS if kind in INTEGERS and not kind.startswith("u") else "")
        raw = numbers.pattern(number, bits, sign)
    own = (1 << (REGISTER_BITS if kind == "bool" else bits)) - 1
    if field.inverted:
        raw ^= 1 if kind in {"bool", "bit"} else own
    low = 8 if kind in BYTES and field.high_byte else 0
    return raw, own, (field.bit or 0) if kind in PARTS else low
