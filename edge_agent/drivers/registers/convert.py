"""Registers to readings, compiled once per block; values to registers for commands (pure)."""

from collections.abc import Mapping, Sequence
from typing import Final

from config.invalid import as_decoded
from config.points import DataType, Point
from edge_agent.drivers.question import Reader
from edge_agent.drivers.registers.plan import BITS, Block
from edge_agent.drivers.values import (
    IMPOSSIBLE_TIME,
    NOT_AVAILABLE,
    Finish,
    Unusable,
    believable,
    finite,
    plain,
    reader_of,
    rounder,
    scaler,
    stater,
)
from edge_agent.errors import CommandError
from protocols.errors import FrameError, ValueRangeError
from protocols.modbus.words import block_decoder, decode_field, encode_field
from protocols.reading import Value

_FLOATS: Final = frozenset({DataType.FLOAT16, DataType.FLOAT32, DataType.FLOAT64})
_TEXTS: Final = frozenset({DataType.STRING, DataType.DATETIME})


def compile_block(block: Block, points: Mapping[str, Point]) -> Reader:
    """Return a function of (registers or bits, taken_at) that makes the block's readings.

    The value of a point that others scale is its raw number; see ``edge_agent.polling.computed``.
    """
    chosen = [points[name] for name in block.points]
    decode = block_decoder([point.field(block.address) for point in chosen], block.size)
    return reader_of(block.points, [_finisher(point) for point in chosen], decode)


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
    if table in BITS:
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


def _finisher(point: Point) -> Finish:
    """Return raw value -> value or why it is none."""
    if point.factors:
        # What is not available is so whatever scales it; the rest follows with the factors.
        return _with_invalid(point, finite if point.type in _FLOATS else plain)
    return believable(point, _with_invalid(point, _plain_finisher(point)))


def _plain_finisher(point: Point) -> Finish:
    if point.enum is not None:
        return stater(point.enum, point.otherwise)
    if point.type in _FLOATS:
        return scaler(point.factor, point.shift) if point.is_scaled else finite
    if point.type is DataType.DATETIME:
        return _moment
    if point.is_scaled and point.type not in {DataType.BOOL, DataType.BIT, *_TEXTS}:
        return rounder(point.factor, point.shift)
    return plain


def _moment(raw: Value) -> Value | Unusable:
    return IMPOSSIBLE_TIME if raw is None else raw


def _with_invalid(point: Point, finish: Finish) -> Finish:
    if not point.invalid:
        return finish
    field = point.field()
    listed = {as_decoded(raw, field) for raw in point.invalid}
    invalid = frozenset(listed - {None})

    def checked(raw: Value) -> Value | Unusable:
        return NOT_AVAILABLE if raw in invalid else finish(raw)

    return checked
