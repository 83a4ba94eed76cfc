"""Values to registers and back, as the maker of a device would code them.

Own code, apart from ``protocols.modbus.words``, so that simulator and agent check each other.
"""

import struct
from collections.abc import Mapping, Sequence

from config.points import DataType, Order, Point
from protocols.errors import FrameError, ValueRangeError
from protocols.reading import Value

_FORMATS: Mapping[DataType, str] = {
    DataType.INT16: ">h",
    DataType.UINT16: ">H",
    DataType.INT32: ">i",
    DataType.UINT32: ">I",
    DataType.INT64: ">q",
    DataType.UINT64: ">Q",
    DataType.FLOAT32: ">f",
    DataType.FLOAT64: ">d",
    DataType.ENUM: ">H",
}
_FLOATS = frozenset({DataType.FLOAT32, DataType.FLOAT64})
_BCD_DIGITS = {DataType.BCD16: 4, DataType.BCD32: 8}


def to_registers(point: Point, value: Value) -> list[int]:
    """Return the registers (or the one bit) that make an agent read ``value``.

    The bits of a bit point are in place and its other bits 0, so points of one register combine by
    a bitwise or. None gives the point's "not available" number.

    Raises:
        ValueRangeError: the point cannot carry the value.
    """
    if value is None:
        return _unavailable(point)
    match point.type:
        case DataType.BOOL | DataType.BIT:
            return [int(bool(value)) << (point.bit or 0)]
        case DataType.BITFIELD:
            return [_bits(_raw(point, value), point.width or 1) << (point.bit or 0)]
        case DataType.STRING:
            return _text_registers(str(value), point.length or 1)
        case DataType.BCD16 | DataType.BCD32:
            return _bcd_registers(_raw(point, value), point)
        case _:
            return _number_registers(point, value)


def from_registers(point: Point, registers: Sequence[int]) -> Value:
    """Return the value that a master wrote to a point.

    Raises:
        FrameError: an enum or BCD carries what it has no meaning for.
    """
    data = _ordered(_bytes(registers), point.order)
    match point.type:
        case DataType.BOOL:
            return registers[0] != 0
        case DataType.BIT:
            return bool(registers[0] >> (point.bit or 0) & 1)
        case DataType.BITFIELD:
            raw = registers[0] >> (point.bit or 0) & ((1 << (point.width or 1)) - 1)
            return _scaled(point, raw)
        case DataType.STRING:
            return data.decode("ascii", "replace").rstrip("\0 ")
        case DataType.BCD16 | DataType.BCD32:
            if not data.hex().isdecimal():
                raise FrameError(f"{data.hex()} is no BCD")
            return _scaled(point, int(data.hex()))
        case _:
            return _scaled(point, struct.unpack(_FORMATS[point.type], data)[0])


def _scaled(point: Point, raw: float) -> Value:
    if point.enum is not None:
        if raw not in point.enum:
            raise FrameError(f"{raw} is none of {sorted(point.enum)}")
        return point.enum[int(raw)]
    return raw * point.scale + point.offset


def _raw(point: Point, value: Value) -> int:
    """Return the integer on the wire: the inverse of scale and offset, or of the enum's words."""
    if isinstance(value, str):
        words = {word: raw for raw, word in (point.enum or {}).items()}
        if value not in words:
            raise ValueRangeError(f"{value!r} is none of {sorted(words)}")
        return words[value]
    number = float(value or 0)
    # A code from a plant model passes as it is; scale and offset of an enum are 1 and 0.
    return round((number - point.offset) / point.scale)


def _bits(raw: int, width: int) -> int:
    if not 0 <= raw < 1 << width:
        raise ValueRangeError(f"{raw} does not fit {width} bits")
    return raw


def _number_registers(point: Point, value: Value) -> list[int]:
    try:
        if point.type in _FLOATS:
            number = (float(value or 0) - point.offset) / point.scale
            data = struct.pack(_FORMATS[point.type], number)
        else:
            data = struct.pack(_FORMATS[point.type], _raw(point, value))
    except (struct.error, OverflowError, ValueError) as error:
        raise ValueRangeError(f"{value!r} does not fit {point.type}: {error}") from error
    return _words(_ordered(data, point.order))


def _bcd_registers(raw: int, point: Point) -> list[int]:
    digits = _BCD_DIGITS[point.type]
    if not 0 <= raw < 10**digits:
        raise ValueRangeError(f"{raw} does not fit {digits} digits")
    return _words(_ordered(bytes.fromhex(f"{raw:0{digits}d}"), point.order))


def _text_registers(text: str, length: int) -> list[int]:
    data = text.encode("ascii", "replace")
    if len(data) > 2 * length:
        raise ValueRangeError(f"{text!r} is longer than {2 * length} characters")
    return _words(data.ljust(2 * length, b"\0"))


def _unavailable(point: Point) -> list[int]:
    if point.invalid:
        raw = point.invalid[0]
        if isinstance(raw, float) or raw < 0:
            data = struct.pack(_FORMATS[point.type], raw)
        else:
            data = raw.to_bytes(2 * point.words, "big")
        return _words(_ordered(data, point.order))
    if point.type in _FLOATS:
        data = struct.pack(_FORMATS[point.type], float("nan"))
        return _words(_ordered(data, point.order))
    return [0] * point.words


def _ordered(data: bytes, order: Order) -> bytes:
    """Return ABCD bytes in the given order; the operation is its own inverse."""
    if order in {Order.CDAB, Order.DCBA}:
        data = b"".join(data[at : at + 2] for at in range(len(data) - 2, -1, -2))
    if order in {Order.BADC, Order.DCBA}:
        data = b"".join(data[at : at + 2][::-1] for at in range(0, len(data), 2))
    return data


def _words(data: bytes) -> list[int]:
    return list(struct.unpack(f">{len(data) // 2}H", data))


def _bytes(registers: Sequence[int]) -> bytes:
    return struct.pack(f">{len(registers)}H", *registers)
