"""Registers to readings, compiled once per block; values to registers for commands (pure)."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from math import isfinite
from typing import Any, Final

from config.invalid import as_decoded
from config.points import DataType, Point, Table
from edge_agent.errors import CommandError
from edge_agent.polling.plan import Block
from protocols.errors import ValueRangeError
from protocols.modbus.words import Field, block_decoder, encode
from protocols.reading import Quality, Reading, Value

BlockReader = Callable[[Sequence[int], int], list[Reading]]
_BITS: Final = frozenset({Table.COIL, Table.DISCRETE})
_FLOATS: Final = frozenset({DataType.FLOAT32, DataType.FLOAT64})
_MOST_DIGITS: Final = 12


class Unusable(str):
    """Why a raw value is no value; a class of its own, because words are values too."""

    __slots__ = ()


UNDECODABLE: Final = Unusable("undecodable")
NOT_AVAILABLE: Final = Unusable("not_available")
NOT_A_NUMBER: Final = Unusable("not_a_number")
UNKNOWN_STATE: Final = Unusable("unknown_state")


def compile_block(block: Block, points: Mapping[str, Point]) -> BlockReader:
    """Return a function of (registers or bits, taken_at) that makes the block's readings."""
    chosen = [points[name] for name in block.points]
    decode = block_decoder([_field(point, block.address) for point in chosen], block.size)
    steps = [(name, _finisher(point)) for name, point in zip(block.points, chosen, strict=True)]
    good, bad = Quality.GOOD, Quality.BAD

    def read(values: Sequence[int], taken_at: int) -> list[Reading]:
        readings: list[Reading] = []
        for (name, finish), raw in zip(steps, decode(values), strict=True):
            value = finish(raw)
            if type(value) is Unusable:
                readings.append(Reading(name, None, bad, taken_at, str(value)))
            else:
                readings.append(Reading(name, value, good, taken_at))
        return readings

    return read


def bad_readings(names: Sequence[str], quality: Quality, at_ms: int, reason: str) -> list[Reading]:
    """Return a reading without a value for each point."""
    return [Reading(name, None, quality, at_ms, reason) for name in names]


def registers_for(point: Point, value: Value, *, into: int = 0) -> list[int]:
    """Return what to write so that the point reads as ``value``.

    Args:
        point: A writable point; the value has passed its rules.
        value: In the point's unit, or the word of a state.
        into: What the register holds now, for a point that is a part of it.

    Raises:
        CommandError: The value has no code in this type.
    """
    if point.table in _BITS:
        return [int(bool(value))]
    raw: float | str | None = value
    if point.enum is not None and isinstance(value, str):
        raw = next((number for number, word in point.enum.items() if word == value), None)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        raw = (value - point.offset) / point.scale if _is_scaled(point) else value
    if raw is None:
        raise CommandError(f"{value!r} is no value of this point")
    try:
        return encode(
            raw,
            kind=point.type.value,
            order=point.order.value,
            bit=point.bit,
            width=point.width,
            length=point.length,
            into=into,
        )
    except ValueRangeError as error:
        raise CommandError(str(error)) from error


def _field(point: Point, start: int) -> Field:
    return Field(
        point.address - start,
        point.type.value,
        point.order.value,
        point.bit,
        point.width,
        point.length,
    )


def _is_scaled(point: Point) -> bool:
    return point.scale != 1.0 or point.offset != 0.0


def _finisher(point: Point) -> Callable[[Any], Value | Unusable]:
    """Return raw value -> value or why it is none."""
    if point.enum is not None:
        return _with_invalid(point, _stater(point.enum))
    if point.type in _FLOATS:
        return _with_invalid(point, _scaler(point) if _is_scaled(point) else _finite)
    if _is_scaled(point) and point.type not in {DataType.BOOL, DataType.BIT, DataType.STRING}:
        return _with_invalid(point, _rounder(point))
    return _with_invalid(point, _plain)


def _plain(raw: Value) -> Value | Unusable:
    return UNDECODABLE if raw is None else raw


def _finite(raw: float) -> Value | Unusable:
    return raw if isfinite(raw) else NOT_A_NUMBER


def _scaler(point: Point) -> Callable[[float], Value | Unusable]:
    scale, offset = point.scale, point.offset

    def scaled(raw: float) -> Value | Unusable:
        value = raw * scale + offset
        return value if isfinite(value) else NOT_A_NUMBER

    return scaled


def _rounder(point: Point) -> Callable[[int | None], Value | Unusable]:
    """Scale an integer; 3 * 0.1 is 0.3, because the register has no further digits."""
    scale, offset = point.scale, point.offset
    digits = min(_MOST_DIGITS, max(_digits(scale), _digits(offset)))

    def scaled(raw: int | None) -> Value | Unusable:
        return UNDECODABLE if raw is None else round(raw * scale + offset, digits)

    return scaled


def _digits(number: float) -> int:
    exponent = Decimal(repr(number)).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _stater(words: Mapping[int, str]) -> Callable[[int | None], Value | Unusable]:
    def state(raw: int | None) -> Value | Unusable:
        return UNDECODABLE if raw is None else words.get(raw, UNKNOWN_STATE)

    return state


def _with_invalid(
    point: Point, finish: Callable[[Any], Value | Unusable]
) -> Callable[[Any], Value | Unusable]:
    if not point.invalid:
        return finish
    listed = {as_decoded(raw, point.type, point.width) for raw in point.invalid}
    invalid = frozenset(listed - {None})

    def checked(raw: Value) -> Value | Unusable:
        return NOT_AVAILABLE if raw in invalid else finish(raw)

    return checked
