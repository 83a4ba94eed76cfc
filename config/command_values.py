"""Which values a writable point accepts (pure)."""

from math import isfinite
from typing import Final

from config.errors import ConfigError
from config.point_kinds import AnyPoint
from config.points import DataType, Point, Table
from config.writable import Writable
from protocols.reading import Value

_SWITCHES: Final = frozenset({DataType.BOOL, DataType.BIT})
_FRACTIONS: Final = frozenset({DataType.FLOAT16, DataType.FLOAT32, DataType.FLOAT64})


def accepted_value(value: Value, point: AnyPoint) -> Value:
    """Return the value to write.

    Raises:
        ConfigError: The point is read only, or the value is not of its type or out of its range.
    """
    allowed = point.writable
    if allowed is None:
        raise ConfigError("the point is read only")
    if point.type in _SWITCHES:
        return _switch(value)
    if not isinstance(point, Point):
        return _word(value, point.commanded_words)
    if point.table is Table.COIL:
        return _switch(value)
    if point.type is DataType.STRING:
        return _text(value, point)
    if point.enum is not None:
        return _state(value, point.enum, allowed)
    return _number(value, point, allowed)


def _switch(value: Value) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and value in {0, 1}:
        return bool(value)
    raise ConfigError(f"expected true or false, got {value!r}")


def _word(value: Value, words: tuple[str, ...]) -> str:
    if isinstance(value, str) and value in words:
        return value
    raise ConfigError(f"expected one of {', '.join(words)}, got {value!r}")


def _text(value: Value, point: Point) -> str:
    most = 2 * point.words
    try:
        size = len(value.encode(point.encoding.value)) if isinstance(value, str) else 0
    except UnicodeEncodeError:
        raise ConfigError(f"expected {point.encoding} text, got {value!r}") from None
    if not isinstance(value, str):
        raise ConfigError(f"expected text, got {value!r}")
    if size > most:
        raise ConfigError(f"expected at most {most} bytes of {point.encoding}, got {size}")
    return value


def _state(value: Value, words: dict[int, str], allowed: Writable) -> str:
    number = value
    if isinstance(value, str):
        number = next((raw for raw, word in words.items() if word == value), None)
    if isinstance(number, bool) or not isinstance(number, int) or number not in words:
        raise ConfigError(f"expected one of {', '.join(words.values())}, got {value!r}")
    _in_range(number, allowed)
    return words[number]


def _number(value: Value, point: Point, allowed: Writable) -> float | int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"expected a number, got {value!r}")
    if not isfinite(value):
        raise ConfigError("expected a number, got NaN or infinity")
    whole = not point.is_scaled and point.type not in _FRACTIONS
    if whole and value != int(value):
        raise ConfigError(f"expected a whole number, got {value!r}")
    _in_range(value, allowed)
    return value


def _in_range(value: float, allowed: Writable) -> None:
    if not allowed.minimum <= value <= allowed.maximum:
        bounds = f"{allowed.minimum:g} to {allowed.maximum:g}"
        raise ConfigError(f"{value!r} is outside {bounds}")
