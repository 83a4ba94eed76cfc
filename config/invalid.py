"""Raw numbers that mean "not available", as the decoder of a point sees them (pure).

A whole number that is not negative is the bit pattern of the registers in the point's own order,
0xFFFF or 0x7FC00000, for every type. A negative number is the value of a signed type, and a number
with a decimal point the value of a float: -9999.0.
"""

import struct
from collections.abc import Iterable
from typing import Final

from protocols.errors import FrameError
from protocols.modbus.field import BCD_DIGITS, FLOATS, INTEGERS, REGISTER_BITS, Field
from protocols.modbus.numbers import bcd_bounds, bounds
from protocols.modbus.words import decode_field

_MANTISSA: Final = {"float16": 10, "float32": 23, "float64": 52}


class InvalidNumberError(ValueError):
    """A number that no register of this type can hold; the message says what is allowed."""


def as_decoded(raw: float, field: Field) -> float | int | None:
    """Return what the decoder makes of a number that stands for "not available".

    None: registers like these are no number at all, and bad without being listed.

    Args:
        raw: A bit pattern, or a value that is negative or has a decimal point.
        field: What the registers carry.

    Raises:
        InvalidNumberError: It is neither a pattern nor a value of this type.
    """
    if field.kind in FLOATS:
        return _float(raw, field)
    if isinstance(raw, float):
        raise InvalidNumberError(f"{raw!r} is no raw number of {field.kind}; {_allowed(field)}")
    if raw < 0:
        low, _ = raw_bounds(field)
        if raw >= low:
            return raw
    elif raw >> field.bits == 0:
        return _pattern(raw, field)
    raise InvalidNumberError(f"{raw} is no raw number of {field.kind}; {_allowed(field)}")


def check_keys(keys: Iterable[int], field: Field) -> None:
    """Raise InvalidNumberError when no register of this type decodes to a key of an enum."""
    low, high = raw_bounds(field)
    wrong = [str(key) for key in keys if not low <= key <= high]
    if wrong:
        top = f"0x{high:X}" if low == 0 else str(high)
        what = "is no raw number" if len(wrong) == 1 else "are no raw numbers"
        allowed = f"allowed: {low}..{top}"
        raise InvalidNumberError(f"{' and '.join(wrong)} {what} of {field.kind}; {allowed}")


def _float(raw: float, field: Field) -> float:
    kind = field.kind
    bits = REGISTER_BITS * field.words
    if isinstance(raw, float) or raw < 0:
        try:
            return struct.unpack(f">{FLOATS[kind]}", struct.pack(f">{FLOATS[kind]}", raw))[0]
        except OverflowError:
            raise InvalidNumberError(f"{raw!r} does not fit {kind}") from None
    if raw >> bits:
        raise InvalidNumberError(f"{raw} is no raw number of {kind}; {_allowed(field)}")
    if 0 < raw < 1 << _MANTISSA[kind]:
        # Smaller than any number a device works with: not the pattern was meant, but the value.
        message = f"{raw} is the bit pattern of nearly nothing; write {raw}.0 for the value"
        raise InvalidNumberError(message)
    return struct.unpack(f">{FLOATS[kind]}", raw.to_bytes(bits // 8, "big"))[0]


def _pattern(raw: int, field: Field) -> int | None:
    low = 8 if field.high_byte else field.bit or 0
    size = 2 * field.words
    data = (raw << low).to_bytes(size, "big")
    registers = struct.unpack(f">{size // 2}H", data)
    try:
        return int(decode_field(registers, field._replace(offset=0, order="ABCD")))
    except FrameError:
        if not field.sign and raw < 10 ** BCD_DIGITS[field.kind]:
            # 9999 is 0x270F, which no BCD register shows: the digits were meant.
            message = f"{raw} is 0x{raw:X}, which is no BCD; write 0x{raw} for {raw}"
            raise InvalidNumberError(message) from None
        return None


def raw_bounds(field: Field) -> tuple[int, int]:
    """Return the lowest and the highest raw number of whole numbers, BCD and bits."""
    if field.kind in BCD_DIGITS:
        return bcd_bounds(BCD_DIGITS[field.kind], field.sign)
    is_signed = field.kind in INTEGERS and not field.kind.startswith("u")
    return bounds(field.bits, field.sign or ("twos_complement" if is_signed else ""))


def _allowed(field: Field) -> str:
    if field.kind in FLOATS:
        bits = REGISTER_BITS * field.words
        return f"allowed: 0..0x{(1 << bits) - 1:X} (bit pattern), or a value such as -9999.0"
    if field.kind in BCD_DIGITS:
        top = "F" * BCD_DIGITS[field.kind]
        return f"allowed: 0..0x{top}, the digits as they are read in hexadecimal"
    pattern = f"allowed: 0..0x{(1 << field.bits) - 1:X}"
    low, _ = raw_bounds(field)
    return f"{pattern} (bit pattern) or {low}..-1 (value)" if low < 0 else pattern
