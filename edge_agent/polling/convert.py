"""Registers to readings, compiled once per block; values to registers for commands (pure)."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from math import inf, isfinite
from typing import Any, Final

from config.invalid import as_decoded
from config.points import DataType, Point, Table
from config.reporting import Reporting
from edge_agent.errors import CommandError
from edge_agent.polling.plan import Block
from protocols.errors import FrameError, ValueRangeError
from protocols.modbus.words import block_decoder, decode_field, encode_field
from protocols.reading import Quality, Reading, Value

BlockReader = Callable[[Sequence[int], int], list[Reading]]
_BITS: Final = frozenset({Table.COIL, Table.DISCRETE})
_FLOATS: Final = frozenset({DataType.FLOAT16, DataType.FLOAT32, DataType.FLOAT64})
_TEXTS: Final = frozenset({DataType.STRING, DataType.DATETIME})
_MOST_DIGITS: Final = 12


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


def compile_block(block: Block, points: Mapping[str, Point]) -> BlockReader:
    """Return a function of (registers or bits, taken_at) that makes the block's readings.

    The value of a point that others scale is its raw number; see ``edge_agent.polling.computed``.
    """
    chosen = [points[name] for name in block.points]
    decode = block_decoder([point.field(block.address) for point in chosen], block.size)
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


def registers_for(point: Point, value: Value, *, into: Sequence[int] = ()) -> list[int]:
    """Return what to write so that the point reads as ``value``.

    Args:
        point: A writable point; the value has passed its rules.
        value: In the point's unit, or the word of a state.
        into: What the registers hold now, for a point that is a part of them.

    Raises:
        CommandError: The value has no code in this type.
    """
    table, _, _ = point.written_at
    if table in _BITS:
        return [int(bool(value) is not point.inverted)]
    own = _own_registers(point, value, into=into)
    if point.writable is None:
        return own
    parts = {"value": own, "complement": [0xFFFF ^ register for register in own]}
    return [
        register
        for one in point.writable.registers
        for register in ([one] if isinstance(one, int) else parts[one])
    ]


def reads_as_written(point: Point, written: Sequence[int], read: Sequence[int]) -> bool:
    """Return whether a point that reads so was written so.

    Args:
        point: A writable point.
        written: What a command wrote.
        read: The registers (or the bit) that the point reads afterwards.
    """
    if point.writable is None or point.writable.is_plain:
        if not point.is_part:
            return list(written) == list(read)
        field = point.field()
        try:
            return decode_field(written, field) == decode_field(read, field)
        except FrameError:
            return False
    block = Block(point.table, point.address, point.words, ("",))
    (reading,) = compile_block(block, {"": point})(read, 0)
    try:
        return reading.value is not None and registers_for(point, reading.value) == list(written)
    except CommandError:
        return False


def _own_registers(point: Point, value: Value, *, into: Sequence[int]) -> list[int]:
    if point.writable is not None and point.writable.codes:
        code = point.writable.codes.get(str(value))
        if code is None:
            allowed = ", ".join(point.writable.codes)
            raise CommandError(f"{value!r} has no code to write; expected one of {allowed}")
        return [code]
    raw: float | str | None = value
    if point.enum is not None and isinstance(value, str):
        raw = next((number for number, word in point.enum.items() if word == value), None)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        raw = (value - point.shift) / point.factor if point.is_scaled else value
    if raw is None:
        raise CommandError(f"{value!r} is no value of this point")
    try:
        return encode_field(raw, point.field(), into=into)
    except ValueRangeError as error:
        raise CommandError(str(error)) from error


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


def digits_of(number: float) -> int:
    """Return the decimal places that a factor is written with."""
    exponent = Decimal(repr(number)).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def rounded(value: float, digits: int) -> float:
    """Return it without the digits that a register does not have: 3 * 0.1 is 0.3."""
    return round(value, min(_MOST_DIGITS, digits))


def _finisher(point: Point) -> Finish:
    """Return raw value -> value or why it is none."""
    if point.factors:
        # What is not available is so whatever scales it; the rest follows with the factors.
        return _with_invalid(point, _finite if point.type in _FLOATS else _plain)
    return believable(point, _with_invalid(point, _plain_finisher(point)))


def _plain_finisher(point: Point) -> Finish:
    if point.enum is not None:
        return _stater(point.enum, point.otherwise)
    if point.type in _FLOATS:
        return _scaler(point) if point.is_scaled else _finite
    if point.type is DataType.DATETIME:
        return _moment
    if point.is_scaled and point.type not in {DataType.BOOL, DataType.BIT, *_TEXTS}:
        return _rounder(point)
    return _plain


def _plain(raw: Value) -> Value | Unusable:
    return UNDECODABLE if raw is None else raw


def _moment(raw: Value) -> Value | Unusable:
    return IMPOSSIBLE_TIME if raw is None else raw


def _finite(raw: float) -> Value | Unusable:
    # A negative zero is zero.
    return raw + 0.0 if isfinite(raw) else NOT_A_NUMBER


def _scaler(point: Point) -> Finish:
    scale, offset = point.factor, point.shift

    def scaled(raw: float) -> Value | Unusable:
        value = raw * scale + offset
        return value if isfinite(value) else NOT_A_NUMBER

    return scaled


def _rounder(point: Point) -> Finish:
    scale, offset = point.factor, point.shift
    digits = min(_MOST_DIGITS, max(digits_of(scale), digits_of(offset)))

    def scaled(raw: int | None) -> Value | Unusable:
        return UNDECODABLE if raw is None else round(raw * scale + offset, digits)

    return scaled


def _stater(words: Mapping[int, str], otherwise: str | None) -> Finish:
    def state(raw: int | None) -> Value | Unusable:
        return UNDECODABLE if raw is None else words.get(raw, UNKNOWN_STATE)

    def state_or_other(raw: int | None) -> Value | Unusable:
        if raw is None or raw in words or otherwise is None:
            return state(raw)
        return otherwise.replace("{raw}", str(raw))

    return state if otherwise is None else state_or_other


def _with_invalid(point: Point, finish: Finish) -> Finish:
    if not point.invalid:
        return finish
    field = point.field()
    listed = {as_decoded(raw, field) for raw in point.invalid}
    invalid = frozenset(listed - {None})

    def checked(raw: Value) -> Value | Unusable:
        return NOT_AVAILABLE if raw in invalid else finish(raw)

    return checked
