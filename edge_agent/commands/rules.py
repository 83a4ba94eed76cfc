"""What may be commanded (pure)."""

from math import isfinite
from typing import NamedTuple

from config.point_kinds import AnyPoint
from config.points import DataType, Point, Table
from config.writable import Writable
from edge_agent.errors import CommandError
from protocols.reading import Value

_SWITCHES = frozenset({DataType.BOOL, DataType.BIT})
_FRACTIONS = frozenset({DataType.FLOAT16, DataType.FLOAT32, DataType.FLOAT64})


class Command(NamedTuple):
    """A wish that a point have a value.

    Attributes:
        id: Idempotency key; the same key is carried out once. Empty: no such promise.
        by: Who asks, for the record.
        at: UTC ms at which it was given, by the sender's clock.
        expires_at: UTC ms after which it must not be carried out; None: as the point says.
        why: What it is asked for, for the record.
    """

    id: str
    device: str
    point: str
    value: Value
    by: str
    at: int
    expires_at: int | None = None
    why: str = ""


def expiry(command: Command, allowed: Writable) -> int:
    """Return the UTC ms after which the command must not be carried out."""
    oldest = command.at + round(allowed.valid_s * 1000)
    return oldest if command.expires_at is None else min(oldest, command.expires_at)


def check(command: Command, point: AnyPoint, now_ms: int) -> Value:
    """Return the value to write.

    Raises:
        CommandError: The point is read only, the value is not of its type or out of its range, or
            the command is too old.
    """
    allowed = point.writable
    if allowed is None:
        raise CommandError("the point is read only")
    if now_ms > expiry(command, allowed):
        given_s, valid_s = (
            (now_ms - command.at) / 1000,
            (expiry(command, allowed) - command.at) / 1000,
        )
        raise CommandError(f"expired: given {given_s:.0f} s ago, valid {valid_s:g} s")
    if command.at > now_ms + round(allowed.valid_s * 1000):
        ahead_s = (command.at - now_ms) // 1000
        raise CommandError(f"given {ahead_s} s in the future; the clocks disagree")
    if point.type in _SWITCHES:
        return _switch(command.value)
    if not isinstance(point, Point):
        raise CommandError("of a meter only its relay is commanded")
    if point.table is Table.COIL:
        return _switch(command.value)
    if point.type is DataType.STRING:
        return _text(command.value, point)
    if point.enum is not None:
        return _state(command.value, point.enum, allowed)
    return _number(command.value, point, allowed)


def _switch(value: Value) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and value in {0, 1}:
        return bool(value)
    raise CommandError(f"expected true or false, got {value!r}")


def _text(value: Value, point: Point) -> str:
    most = 2 * point.words
    try:
        size = len(value.encode(point.encoding.value)) if isinstance(value, str) else 0
    except UnicodeEncodeError:
        raise CommandError(f"expected {point.encoding} text, got {value!r}") from None
    if not isinstance(value, str):
        raise CommandError(f"expected text, got {value!r}")
    if size > most:
        raise CommandError(f"expected at most {most} bytes of {point.encoding}, got {size}")
    return value


def _state(value: Value, words: dict[int, str], allowed: Writable) -> str:
    number = value
    if isinstance(value, str):
        number = next((raw for raw, word in words.items() if word == value), None)
    if isinstance(number, bool) or not isinstance(number, int) or number not in words:
        raise CommandError(f"expected one of {', '.join(words.values())}, got {value!r}")
    _in_range(number, allowed)
    return words[number]


def _number(value: Value, point: Point, allowed: Writable) -> float | int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CommandError(f"expected a number, got {value!r}")
    if not isfinite(value):
        raise CommandError("expected a number, got NaN or infinity")
    whole = not point.is_scaled and point.type not in _FRACTIONS
    if whole and value != int(value):
        raise CommandError(f"expected a whole number, got {value!r}")
    _in_range(value, allowed)
    return value


def _in_range(value: float, allowed: Writable) -> None:
    if not allowed.minimum <= value <= allowed.maximum:
        bounds = f"{allowed.minimum:g} to {allowed.maximum:g}"
        raise CommandError(f"{value!r} is outside {bounds}")
