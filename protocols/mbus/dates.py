"""Dates and times of M-Bus records: types F, G, I and J of EN 13757-3 (pure)."""

from datetime import date, datetime, time
from typing import Final

_MINUTE, _HOUR, _DAY, _MONTH, _SECOND = 0x3F, 0x1F, 0x1F, 0x0F, 0x3F
_INVALID: Final = 0x80  # of a minute
_CENTURY_YEARS: Final = 81  # years below are of this century


def decode_date(data: bytes) -> str:
    """Return ISO 8601 of types G (2 bytes), J (3), F (4) and I (6); empty: no date."""
    try:
        match len(data):
            case 2:
                return _day(data[0], data[1])
            case 3:
                return _clock(data[2], data[1], data[0])
            case 4 if not data[0] & _INVALID:
                return f"{_day(data[2], data[3])}T{_clock(data[1], data[0])}"
            case 6 if not data[1] & _INVALID:
                return f"{_day(data[3], data[4])}T{_clock(data[2], data[1], data[0])}"
            case _:
                return ""
    except ValueError:
        return ""


def _day(low: int, high: int) -> str:
    year = low >> 5 | (high & 0xF0) >> 1
    century = 2000 if year < _CENTURY_YEARS else 1900
    return date(century + year, high & _MONTH, low & _DAY).isoformat()


def _clock(hour: int, minute: int, second: int = 0) -> str:
    return time(hour & _HOUR, minute & _MINUTE, second & _SECOND).isoformat()


def encode_date_time(when: datetime) -> bytes:
    """Return the four bytes of type F."""
    year = when.year % 100
    low, high = when.day | (year & 7) << 5, when.month | (year >> 3) << 4
    return bytes((when.minute, when.hour, low, high))
