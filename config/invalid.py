"""Raw numbers that mean "not available", as the decoder of a point sees them (pure).

A whole number that is not negative is the bit pattern of the registers in the point's own order,
0xFFFF or 0x7FC00000, for every type. A negative number is the value of a signed type, and a number
with a decimal point the value of a float: -9999.0.
"""

import struct
from typing import Final

_SIGNED: Final = {"int16": 16, "int32": 32, "int64": 64}
_UNSIGNED: Final = {"uint16": 16, "uint32": 32, "uint64": 64, "enum": 16}
_FLOATS: Final = {"float32": (">f", ">I", 32), "float64": (">d", ">Q", 64)}
_BCD: Final = {"bcd16": 4, "bcd32": 8}
_MANTISSA: Final = {"float32": 23, "float64": 52}


class InvalidNumberError(ValueError):
    """A number that no register of this type can hold; the message says what is allowed."""


def as_decoded(raw: float, kind: str, width: int | None = None) -> float | int | None:
    """Return what the decoder makes of a number that stands for "not available".

    None: registers like these are no number at all, and bad without being listed.

    Args:
        raw: A bit pattern, or a value that is negative or has a decimal point.
        kind: Type as in the configuration.
        width: Bits of a bitfield.

    Raises:
        InvalidNumberError: It is neither a pattern nor a value of this type.
    """
    if kind in _FLOATS:
        return _float(raw, kind)
    if isinstance(raw, float):
        raise InvalidNumberError(f"{raw!r} is no raw number of {kind}; {_allowed(kind, width)}")
    if kind in _BCD:
        return _bcd(raw, kind)
    bits = _bits(kind, width)
    if 0 <= raw < 1 << bits:
        negative = kind in _SIGNED and raw >> (bits - 1)
        return raw - (1 << bits) if negative else raw
    if kind in _SIGNED and -(1 << (bits - 1)) <= raw < 0:
        return raw
    raise InvalidNumberError(f"{raw} is no raw number of {kind}; {_allowed(kind, width)}")


def _float(raw: float, kind: str) -> float:
    number, pattern, bits = _FLOATS[kind]
    if isinstance(raw, float) or raw < 0:
        try:
            return struct.unpack(number, struct.pack(number, raw))[0]
        except OverflowError:
            raise InvalidNumberError(f"{raw!r} does not fit {kind}") from None
    if raw >> bits:
        raise InvalidNumberError(f"{raw} is no raw number of {kind}; {_allowed(kind, None)}")
    if 0 < raw < 1 << _MANTISSA[kind]:
        # Smaller than any number a device works with: not the pattern was meant, but the value.
        message = f"{raw} is the bit pattern of nearly nothing; write {raw}.0 for the value"
        raise InvalidNumberError(message)
    return struct.unpack(number, struct.pack(pattern, raw))[0]


def _bcd(raw: int, kind: str) -> int | None:
    digits = _BCD[kind]
    if not 0 <= raw < 1 << 4 * digits:
        raise InvalidNumberError(f"{raw} is no raw number of {kind}; {_allowed(kind, None)}")
    text = f"{raw:x}"
    if text.isdecimal():
        return int(text)
    if raw < 10**digits:
        # 9999 is 0x270F, which no BCD register shows: the digits were meant.
        raise InvalidNumberError(f"{raw} is 0x{raw:X}, which is no BCD; write 0x{raw} for {raw}")
    return None


def _bits(kind: str, width: int | None) -> int:
    if kind == "bitfield":
        return width or 1
    return _SIGNED.get(kind) or _UNSIGNED[kind]


def _allowed(kind: str, width: int | None) -> str:
    if kind in _FLOATS:
        bits = _FLOATS[kind][2]
        return f"allowed: 0..0x{(1 << bits) - 1:X} (bit pattern), or a value such as -9999.0"
    if kind in _BCD:
        return f"allowed: 0..0x{'F' * _BCD[kind]}, the digits as they are read in hexadecimal"
    bits = _bits(kind, width)
    pattern = f"allowed: 0..0x{(1 << bits) - 1:X}"
    if kind in _SIGNED:
        return f"{pattern} (bit pattern) or {-(1 << (bits - 1))}..-1 (value)"
    return pattern
