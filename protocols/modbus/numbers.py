"""Bit patterns to whole numbers and back: two's complement and what devices use instead (pure)."""

from collections.abc import Callable
from typing import Final

from protocols.errors import FrameError, ValueRangeError

SIGNS: Final = ("twos_complement", "ones_complement", "magnitude", "offset_binary")
"""Ways to code a negative binary number."""
DIGIT_SIGNS: Final = ("magnitude", "first_digit", "last_digit", "tens_complement")
"""Ways to code a negative BCD number."""

_MINUS: Final = frozenset({0x1, 0x8, 0xB, 0xD, 0xF})
_PLUS: Final = frozenset({0x0, 0xA, 0xC, 0xE})
_LAST_MINUS: Final = frozenset({0xB, 0xD})
_LAST_PLUS: Final = frozenset({0x0, 0xA, 0xC, 0xE, 0xF})


def signed(bits: int, sign: str) -> Callable[[int], int]:
    """Return bit pattern -> number; a negative zero is 0."""
    top, mask = 1 << (bits - 1), (1 << bits) - 1
    match sign:
        case "twos_complement":
            return lambda raw: raw - (mask + 1) if raw & top else raw
        case "ones_complement":
            return lambda raw: raw - mask if raw & top else raw
        case "magnitude":
            return lambda raw: top - raw if raw & top else raw
        case "offset_binary":
            return lambda raw: raw - top
        case _:
            raise ValueRangeError(f"{sign!r} codes no binary number; allowed: {', '.join(SIGNS)}")


def pattern(number: int, bits: int, sign: str) -> int:
    """Return the bit pattern of a number.

    Args:
        number: The number.
        bits: Its size.
        sign: How a negative one is coded; empty: there is none.

    Raises:
        ValueRangeError: It does not fit.
    """
    low, high = bounds(bits, sign)
    if not low <= number <= high:
        raise ValueRangeError(f"{number} does not fit {bits} bits: {low}..{high}")
    if sign == "offset_binary":
        return number - low
    if number >= 0:
        return number
    if sign == "magnitude":
        return (1 << (bits - 1)) - number
    return number + (1 << bits) - (1 if sign == "ones_complement" else 0)


def bounds(bits: int, sign: str) -> tuple[int, int]:
    """Return the lowest and the highest number of so many bits."""
    if not sign:
        return 0, (1 << bits) - 1
    half = 1 << (bits - 1)
    low = -half if sign in {"twos_complement", "offset_binary"} else 1 - half
    return low, half - 1


def from_bcd(digits: int, sign: str = "") -> Callable[[int], int]:
    """Return registers as one number -> the number that their digits say.

    FrameError when a digit is above 9, or the sign is none.
    """
    top = 1 << (4 * digits - 1)
    last_shift = 4 * digits - 4
    match sign:
        case "":
            return _digits
        case "magnitude":
            return lambda raw: -_digits(raw ^ top) if raw & top else _digits(raw)
        case "first_digit":
            below = (1 << last_shift) - 1
            return lambda raw: _signed_digits(raw >> last_shift, raw & below, _MINUS, _PLUS)
        case "last_digit":
            return lambda raw: _signed_digits(raw & 0xF, raw >> 4, _LAST_MINUS, _LAST_PLUS)
        case "tens_complement":
            whole = 10**digits
            return lambda raw: number - whole if (number := _digits(raw)) >= whole // 2 else number
        case _:
            allowed = ", ".join(DIGIT_SIGNS)
            raise ValueRangeError(f"{sign!r} codes no BCD number; allowed: {allowed}")


def to_bcd(number: int, digits: int, sign: str = "") -> int:
    """Return the digits of a number as one number in hexadecimal; ValueRangeError if too many."""
    low, high = bcd_bounds(digits, sign)
    if not low <= number <= high:
        raise ValueRangeError(f"{number} does not fit {digits} BCD digits: {low}..{high}")
    shown = int(str(abs(number)), 16)
    match sign:
        case "last_digit":
            return shown << 4 | (0xD if number < 0 else 0xC)
        case "first_digit":
            return shown | (0xF << (4 * digits - 4) if number < 0 else 0)
        case "magnitude":
            return shown | (1 << (4 * digits - 1) if number < 0 else 0)
        case _:
            return int(str(number % 10**digits), 16)


def bcd_bounds(digits: int, sign: str = "") -> tuple[int, int]:
    """Return the lowest and the highest number of so many digits."""
    match sign:
        case "":
            return 0, 10**digits - 1
        case "tens_complement":
            return -(10**digits // 2), 10**digits // 2 - 1
        case "magnitude":
            most = 8 * 10 ** (digits - 1) - 1
        case _:
            most = 10 ** (digits - 1) - 1
    return -most, most


def _digits(raw: int) -> int:
    try:
        return int(f"{raw:x}")
    except ValueError:
        raise FrameError(f"0x{raw:x} has a digit above 9") from None


def _signed_digits(sign: int, rest: int, minus: frozenset[int], plus: frozenset[int]) -> int:
    if sign in minus:
        return -_digits(rest)
    if sign in plus:
        return _digits(rest)
    raise FrameError(f"the digit 0x{sign:X} is no sign")
