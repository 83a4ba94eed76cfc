"""Raw values to values, whatever the protocol: scaled, named, bounded, or why not (pure)."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from math import inf, isfinite
from typing import Any, Final

from config.reporting import Reporting
from protocols.reading import Quality, Reading, Value

MOST_DIGITS: Final = 12
"""Decimal places beyond which a float has none."""


class Unusable(str):
    """Why a raw value is no value; a class of its own, because words are values too."""

    __slots__ = ()


UNDECODABLE: Final = Unusable("undecodable")
NOT_AVAILABLE: Final = Unusable("not_available")
NOT_A_NUMBER: Final = Unusable("not_a_number")
UNKNOWN_STATE: Final = Unusable("unknown_state")
IMPOSSIBLE_TIME: Final = Unusable("impossible_time")
IMPLAUSIBLE: Final = Unusable("implausible")

Finish = Callable[[Any], Value | Unusable]
"""Raw value -> value, or why it is none."""


def reader_of(
    names: Sequence[str],
    finishers: Sequence[Finish],
    decode: Callable[[Sequence[Any]], Sequence[Any]],
) -> Callable[[Sequence[Any], int], list[Reading]]:
    """Return a function of (what an answer carries, taken_at) that makes the readings.

    Args:
        names: The points, in the order of ``decode``.
        finishers: What makes the value of each of its raw value.
        decode: Takes the raw values out of an answer.
    """
    steps = list(zip(names, finishers, strict=True))
    good, bad = Quality.GOOD, Quality.BAD
    # As Reading() does, without a call in between: twenty times a request.
    made: Any = tuple.__new__  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]

    def read(values: Sequence[Any], taken_at: int) -> list[Reading]:
        readings: list[Reading] = []
        for (name, finish), raw in zip(steps, decode(values), strict=True):
            value = finish(raw)
            if type(value) is Unusable:
                readings.append(Reading(name, None, bad, taken_at, str(value)))
            else:
                readings.append(made(Reading, (name, value, good, taken_at, "")))
        return readings

    return read


def bad_readings(names: Sequence[str], quality: Quality, at_ms: int, reason: str) -> list[Reading]:
    """Return a reading without a value for each point."""
    return [Reading(name, None, quality, at_ms, reason) for name in names]


def believable(point: Reporting, finish: Finish) -> Finish:
    """Return ``finish`` with values beyond the point's plausible range taken out."""
    if point.plausible is None:
        return finish
    low, high = point.plausible
    lowest, highest = (-inf if low is None else low), (inf if high is None else high)

    def checked(raw: Any) -> Value | Unusable:  # noqa: ANN401 (whatever the registers carry)
        value = finish(raw)
        if isinstance(value, int | float) and not lowest <= value <= highest:
            return IMPLAUSIBLE
        return value

    return checked


def usable(finish: Finish) -> Finish:
    """Return ``finish`` for raw values that may be none already: why stays as it is."""

    def finished(raw: Any) -> Value | Unusable:  # noqa: ANN401 (as above)
        return raw if type(raw) is Unusable else finish(raw)

    return finished


def digits_of(number: float) -> int:
    """Return the decimal places that a factor is written with."""
    exponent = Decimal(repr(number)).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def rounded(value: float, digits: int) -> float:
    """Return it without the digits that a register does not have: 3 * 0.1 is 0.3."""
    return round(value, min(MOST_DIGITS, digits))


def plain(raw: Value) -> Value | Unusable:
    """Return it as it is."""
    return UNDECODABLE if raw is None else raw


def finite(raw: float) -> Value | Unusable:
    """Return it if it is a number."""
    # A negative zero is zero.
    return raw + 0.0 if isfinite(raw) else NOT_A_NUMBER


def scaler(scale: float, offset: float) -> Finish:
    """Return what scales a float."""

    def scaled(raw: float) -> Value | Unusable:
        value = raw * scale + offset
        return value if isfinite(value) else NOT_A_NUMBER

    return scaled


def rounder(scale: float, offset: float) -> Finish:
    """Return what scales a whole number, without the digits that it does not have."""
    digits = min(MOST_DIGITS, max(digits_of(scale), digits_of(offset)))

    def scaled(raw: int | None) -> Value | Unusable:
        return UNDECODABLE if raw is None else round(raw * scale + offset, digits)

    return scaled


def stater(words: Mapping[int, str], otherwise: str | None) -> Finish:
    """Return what finds the word of a raw number."""

    def state(raw: int | None) -> Value | Unusable:
        return UNDECODABLE if raw is None else words.get(raw, UNKNOWN_STATE)

    def state_or_other(raw: int | None) -> Value | Unusable:
        if raw is None or raw in words or otherwise is None:
            return state(raw)
        return otherwise.replace("{raw}", str(raw))

    return state if otherwise is None else state_or_other
