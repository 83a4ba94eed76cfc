"""Bytes of one quantity to a value and back, low byte first (pure)."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, time
from enum import StrEnum
from typing import Final, Literal, TypeVar

from protocols.errors import FrameError, ValueRangeError
from protocols.reading import Value


class Kind(StrEnum):
    """How a quantity is coded."""

    NUMBER = "number"
    """BCD digits."""
    BITS = "bits"
    """A status word: binary, bit 0 is the lowest of the first byte sent."""
    DIGITS = "digits"
    """BCD digits that are a name: an address, a meter number; text with leading zeros."""
    TEXT = "text"
    """ASCII."""
    DATE = "date"
    """YYMMDDWW, or YYMMDD: text as 2026-11-28."""
    TIME = "time"
    """hhmmss, or hhmm: text as 06:40:05."""
    DATE_TIME = "date_time"
    """YYMMDDhhmmss, or YYMMDDhhmm: text as 2026-11-28T06:40:05, by the meter's own clock."""


_SIZES: Final = {Kind.DATE: (3, 4), Kind.TIME: (2, 3), Kind.DATE_TIME: (5, 6)}
_MOST_BYTES: Final = 64
_CENTURY: Final = 2000
_SIGN: Final = 0x80
_ABSENT: Final = 0xFF
_DATE_BYTES: Final = 3
_T = TypeVar("_T")
_DIGITS_TEXT: Final = re.compile(r"[0-9]*")


@dataclass(frozen=True, slots=True)
class Field:
    """How one quantity lies in its bytes.

    Attributes:
        kind: Its coding.
        size: Bytes, 1..64; of a date 3 or 4, a time 2 or 3, a date and time 5 or 6.
        decimals: Of a number: digits behind the point, 0..8.
        unit: Of a number.
        signed: The highest bit is the sign and no digit (a negative number; an absent one is
            still FF in all bytes).
        sunday: What a meter calls Sunday in the weekday of a date: 0 (2007), 7 in some of 1997.
        reversed_text: The last letter of a text is sent first, as all other bytes are; some meters
            send texts the other way round.
    """

    kind: Kind
    size: int
    decimals: int = 0
    unit: str = ""
    signed: bool = False
    sunday: Literal[0, 7] = 0
    reversed_text: bool = True

    def __post_init__(self) -> None:
        sizes = _SIZES.get(self.kind)
        if not 1 <= self.size <= _MOST_BYTES or (sizes and self.size not in sizes):
            allowed = f"1..{_MOST_BYTES}" if sizes is None else " or ".join(map(str, sizes))
            raise ValueRangeError(f"a {self.kind} of {self.size} bytes; allowed: {allowed}")
        if not 0 <= self.decimals <= 8:  # noqa: PLR2004 (no format has more digits behind the point)
            raise ValueRangeError(f"{self.decimals} decimals; allowed: 0..8")

    def decode(self, raw: bytes) -> Value:
        """Return the value; None: not available (FF in all bytes, or a date that is all zeros).

        Raises:
            FrameError: The bytes are no such value, or not as many as they must be.
        """
        if len(raw) != self.size:
            raise FrameError(f"{len(raw)} bytes instead of {self.size}")
        if self.kind is Kind.BITS:
            return int.from_bytes(raw, "little")
        if raw.count(_ABSENT) == self.size:
            return None
        return _DECODERS[self.kind](self, raw[::-1])

    def encode(self, value: Value) -> bytes:
        """Return the bytes of a value; ``decode`` gives the same value again.

        Raises:
            ValueRangeError: It does not fit.
        """
        if self.kind is Kind.BITS:
            return self._encoded_bits(value)
        if value is None:
            return bytes((_ABSENT,)) * self.size
        return _ENCODERS[self.kind](self, value)[::-1]

    def _encoded_bits(self, value: Value) -> bytes:
        if not isinstance(value, int) or not 0 <= value < 1 << 8 * self.size:
            raise ValueRangeError(f"{value!r} are no {8 * self.size} bits")
        return value.to_bytes(self.size, "little")


def _digits(raw: bytes) -> str:
    """Return the decimal digits of bytes, highest first."""
    digits = raw.hex()
    if not digits.isdecimal():
        raise FrameError(f"0x{digits} has a digit above 9")
    return digits


def _number(field: Field, raw: bytes) -> Value:
    negative = field.signed and raw[0] & _SIGN
    if negative:
        raw = bytes((raw[0] ^ _SIGN,)) + raw[1:]
    number = int(_digits(raw))
    number = -number if negative else number
    return number / 10**field.decimals if field.decimals else number


def _encoded_number(field: Field, value: Value) -> bytes:
    if isinstance(value, str | bool) or value is None:
        raise ValueRangeError(f"{value!r} is no number")
    number = _whole(value, 10**field.decimals)
    most = 10 ** (2 * field.size) - 1
    if field.signed:
        most = 8 * 10 ** (2 * field.size - 1) - 1
    if not (-most if field.signed else 0) <= number <= most:
        lowest, highest = (-most if field.signed else 0), most
        scale = 10**field.decimals
        raise ValueRangeError(f"{value!r}: allowed are {lowest / scale}..{highest / scale}")
    raw = bytes.fromhex(f"{abs(number):0{2 * field.size}d}")
    return bytes((raw[0] | _SIGN,)) + raw[1:] if number < 0 else raw


def _whole(value: float, scale: int) -> int:
    try:
        return round(value * scale)
    except (OverflowError, ValueError):  # infinite, or no number
        raise ValueRangeError(f"{value!r} is no number that a meter can show") from None


def _name(field: Field, raw: bytes) -> Value:
    del field
    return _digits(raw)


def _encoded_name(field: Field, value: Value) -> bytes:
    if not isinstance(value, str) or not _DIGITS_TEXT.fullmatch(value):
        raise ValueRangeError(f"{value!r} are no digits")
    if len(value) != 2 * field.size:
        raise ValueRangeError(f"{value!r}: {2 * field.size} digits are needed")
    return bytes.fromhex(value)


def _text(field: Field, raw: bytes) -> Value:
    letters = (raw if field.reversed_text else raw[::-1]).strip(b"\x00\xff")
    if not letters.isascii() or not letters.decode("ascii").isprintable():
        raise FrameError(f"0x{letters.hex()} is no ASCII text")
    return letters.decode("ascii")


def _encoded_text(field: Field, value: Value) -> bytes:
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise ValueRangeError(f"{value!r} is no ASCII text")
    if len(value) > field.size:
        raise ValueRangeError(f"{value!r}: {field.size} letters at most")
    letters = value.encode("ascii").ljust(field.size, b"\x00")
    return letters if field.reversed_text else letters[::-1]


def _day_of(raw: bytes) -> date:
    digits = _digits(raw)
    try:
        return date(_CENTURY + int(digits[:2]), int(digits[2:4]), int(digits[4:6]))
    except ValueError as error:
        raise FrameError(f"{digits} is no date: {error}") from None


def _time_of(raw: bytes) -> time:
    digits = _digits(raw).ljust(6, "0")
    try:
        return time(int(digits[:2]), int(digits[2:4]), int(digits[4:6]))
    except ValueError as error:
        raise FrameError(f"{digits} is no time: {error}") from None


def _date(field: Field, raw: bytes) -> Value:
    del field
    if not any(raw[:_DATE_BYTES]):
        return None
    _digits(raw[_DATE_BYTES:] or b"\x00")
    return _day_of(raw[:_DATE_BYTES]).isoformat()


def _encoded_date(field: Field, value: Value) -> bytes:
    day = _parsed(date.fromisoformat, value)
    raw = _two_digits(_year(day), day.month, day.day)
    if field.size == _DATE_BYTES:
        return raw
    return raw + bytes((day.isoweekday() % 7 or field.sunday,))


def _time(field: Field, raw: bytes) -> Value:
    del field
    return _time_of(raw).isoformat()


def _encoded_time(field: Field, value: Value) -> bytes:
    of_day = _clock(str(value))
    return _two_digits(of_day.hour, of_day.minute, of_day.second)[: field.size]


def _date_time(field: Field, raw: bytes) -> Value:
    del field
    if not any(raw):
        return None
    return f"{_day_of(raw[:_DATE_BYTES])}T{_time_of(raw[_DATE_BYTES:])}"


def _encoded_date_time(field: Field, value: Value) -> bytes:
    day, _, of_day = str(value).partition("T")
    clock = _clock(of_day)
    given = _parsed(date.fromisoformat, day)
    parts = (_year(given), given.month, given.day, clock.hour, clock.minute, clock.second)
    return _two_digits(*parts)[: field.size]


def _clock(text: str) -> time:
    clock = _parsed(time.fromisoformat, text)
    if clock.tzinfo is not None:
        raise ValueRangeError(f"{text!r}: a meter's clock has no zone")
    return clock


def _parsed(read: Callable[[str], _T], value: Value) -> _T:
    try:
        return read(str(value))
    except ValueError as error:
        raise ValueRangeError(f"{value!r}: {error}") from None


def _year(day: date) -> int:
    if not _CENTURY <= day.year < _CENTURY + 100:
        raise ValueRangeError(f"{day}: allowed are the years {_CENTURY}..{_CENTURY + 99}")
    return day.year - _CENTURY


def _two_digits(*numbers: int) -> bytes:
    return bytes.fromhex("".join(f"{number:02d}" for number in numbers))


_DECODERS: Final = {
    Kind.NUMBER: _number,
    Kind.DIGITS: _name,
    Kind.TEXT: _text,
    Kind.DATE: _date,
    Kind.TIME: _time,
    Kind.DATE_TIME: _date_time,
}
_ENCODERS: Final = {
    Kind.NUMBER: _encoded_number,
    Kind.DIGITS: _encoded_name,
    Kind.TEXT: _encoded_text,
    Kind.DATE: _encoded_date,
    Kind.TIME: _encoded_time,
    Kind.DATE_TIME: _encoded_date_time,
}
