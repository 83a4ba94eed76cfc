"""Numbers in parts that a store of rounded numbers keeps to the last digit.

VictoriaMetrics keeps 12 to 17 digits, and those next to a far larger number lose some of theirs. It
keeps whole numbers up to 2**53 exactly, so exact numbers are made of these.
"""

import struct
from collections.abc import Callable, Mapping
from enum import StrEnum
from math import copysign, isfinite
from typing import Final

from protocols.reading import Value


class Part(StrEnum):
    """What a sample says of a reading; the end of its metric's name."""

    NUMBER = "number"
    """A number, rounded to nine decimals, for people; ``DECIMAL`` to ``DOUBLE_LOW`` are exact."""
    WIDE = "wide"
    """As ``NUMBER``, for what is 10**9 or more, or a whole number of 2**53 or more."""
    DECIMAL = "decimal"
    """Millionths, of a number with at most six decimals below 10**9."""
    SINGLE = "single"
    """A number that fits into 32 bits: its bits, in the order of the numbers."""
    DOUBLE_HIGH = "double_high"
    """The upper 32 of the 64 bits of any other number."""
    DOUBLE_LOW = "double_low"
    """The lower 32 of them."""
    INTEGER = "integer"
    """A whole number below 2**53."""
    LARGE_HIGH = "large_high"
    """A larger one divided by 2**32."""
    LARGE_LOW = "large_low"
    """What was left of the division."""
    BOOLEAN = "boolean"
    """0 or 1."""
    TEXT = "text"
    """1; the text is a label."""
    NO_VALUE = "no_value"
    """1: there was none."""
    MORE = "more"
    """1; the label continues a text or a reason that is too long for one label."""


PARTS: Final = tuple(sorted(Part, key=len, reverse=True))
"""The longest name first."""

Parts = Mapping[Part, float]

_EXACT = 2**53
_WIDE = 1e9
_PER_MILLION = 1_000_000
_DECIMALS = 9
_SINGLE: Final = struct.Struct("<f")
_SINGLE_BITS: Final = struct.Struct("<I")
_DOUBLE: Final = struct.Struct("<d")
_DOUBLE_BITS: Final = struct.Struct("<Q")
_SIGN = 2**31
_WORD = 2**32


def parts_of(value: Value) -> dict[Part, float]:
    """Return what has to be stored of a value, without its text."""
    match value:
        case None:
            return {Part.NO_VALUE: 1}
        case bool():
            return {Part.BOOLEAN: int(value)}
        case float():
            return _parts_of_number(value)
        case int() if -_EXACT < value < _EXACT:
            return {Part.INTEGER: value}
        case int():
            high, low = divmod(value, _WORD)
            return {Part.WIDE: float(value), Part.LARGE_HIGH: high, Part.LARGE_LOW: low}
        case _:
            return {Part.TEXT: 1}


def value_of(parts: Parts, text: str) -> Value:
    """Return the value that was stored.

    Raises:
        KeyError: Some of it is missing.
    """
    for part, read in READ.items():
        if part in parts:
            return read(parts[part])
    if Part.TEXT in parts:
        return text
    if Part.NO_VALUE in parts:
        return None
    if Part.LARGE_LOW in parts:
        return int(parts[Part.LARGE_HIGH]) * _WORD + int(parts[Part.LARGE_LOW])
    bits = int(parts[Part.DOUBLE_HIGH]) * _WORD + int(parts[Part.DOUBLE_LOW])
    return _DOUBLE.unpack(_DOUBLE_BITS.pack(bits))[0]


def number_of_single(image: float) -> float:
    """Return the number whose part ``SINGLE`` this is."""
    bits = int(image) if image >= 0 else int(-image) + _SIGN
    return _SINGLE.unpack(_SINGLE_BITS.pack(bits))[0]


READ: Final[Mapping[Part, Callable[[float], Value]]] = {
    Part.DECIMAL: lambda millionths: millionths / _PER_MILLION,
    Part.SINGLE: number_of_single,
    Part.INTEGER: int,
    Part.BOOLEAN: bool,
}
"""What one number says by itself."""


def _parts_of_number(value: float) -> dict[Part, float]:
    size = abs(value)
    if size < _WIDE:
        millionths = round(value * _PER_MILLION)
        for_people = {Part.NUMBER: round(value, _DECIMALS) + 0.0}
        if millionths / _PER_MILLION == value and (millionths or copysign(1, value) > 0):
            return {**for_people, Part.DECIMAL: millionths}
    else:
        for_people = {Part.WIDE: value} if isfinite(value) else {}
    image = _image_of_single(value)
    if image is not None:
        return {**for_people, Part.SINGLE: image}
    high, low = divmod(_DOUBLE_BITS.unpack(_DOUBLE.pack(value))[0], _WORD)
    return {**for_people, Part.DOUBLE_HIGH: high, Part.DOUBLE_LOW: low}


def _image_of_single(value: float) -> int | None:
    if not isfinite(value) or value == 0:
        return None
    try:
        packed = _SINGLE.pack(value)
    except OverflowError:
        return None
    if _SINGLE.unpack(packed)[0] != value:
        return None
    bits: int = _SINGLE_BITS.unpack(packed)[0]
    return bits if bits < _SIGN else _SIGN - bits
