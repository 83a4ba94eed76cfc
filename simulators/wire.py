"""Values to registers and back, as the maker of a device would code them.

Own code, apart from ``protocols.modbus.words``, so that simulator and agent check each other.
"""

import struct
from collections.abc import Mapping, Sequence

from config.coding import Sign
from config.points import DataType, Order, Point
from protocols.errors import FrameError, ValueRangeError
from protocols.reading import Value

_FLOATS: Mapping[DataType, str] = {
    DataType.FLOAT16: ">e",
    DataType.FLOAT32: ">f",
    DataType.FLOAT64: ">d",
}
_BCD_DIGITS = {
    DataType.BCD8: 2,
    DataType.BCD16: 4,
    DataType.BCD32: 8,
    DataType.BCD48: 12,
    DataType.BCD64: 16,
}
_NUMBER_BYTES = {
    kind: int(kind.value.removeprefix("u").removeprefix("int")) // 8
    for kind in DataType
    if kind.value.removeprefix("u").startswith("int")
}


def to_registers(point: Point, value: Value) -> list[int]:  # noqa: PLR0911 (one for each kind)
    """Return the registers (or the one bit) that make an agent read ``value``.

    The bits of a bit point are in place and its other bits 0, so points of one register combine by
    a bitwise or. None gives the point's "not available" number.

    Raises:
        ValueRangeError: the point cannot carry the value.
    """
    if value is None:
        return _unavailable(point)
    match point.type:
        case DataType.BOOL:
            return [int(bool(value) is not point.inverted)]
        case DataType.BIT:
            return _placed(point, int(bool(value) is not point.inverted))
        case DataType.BITFIELD | DataType.ENUM:
            return _placed(point, _bits(_raw(point, value), _width(point)))
        case DataType.STRING:
            return _text_registers(str(value), point)
        case DataType.DATETIME:
            return [0] * point.words  # a clock that was never set
        case DataType.COUNT_OF | DataType.FIRST_OF:
            return _row(point, int(value))
        case kind if kind in _FLOATS:
            return _float_registers(point, value)
        case kind if kind in _BCD_DIGITS:
            return _placed(point, _bcd(_raw(point, value), point))
        case _:
            return _placed(point, _whole(_raw(point, value), point))


def from_registers(  # noqa: PLR0911 (one for each kind)
    point: Point, registers: Sequence[int]
) -> Value:
    """Return the value that a master wrote to a point.

    Raises:
        FrameError: an enum or BCD carries what it has no meaning for.
    """
    data = _ordered(_bytes(registers), point.order)
    raw = int.from_bytes(data, "big") >> _lowest(point) & (1 << _width(point)) - 1
    match point.type:
        case DataType.BOOL:
            return (registers[0] != 0) is not point.inverted
        case DataType.BIT:
            return bool(raw) is not point.inverted
        case DataType.COUNT_OF | DataType.FIRST_OF:
            codes = _codes(point, registers)
            found = [place for place, code in enumerate(codes, 1) if code in point.among]
            return len(found) if point.type is DataType.COUNT_OF else next(iter(found), 0)
        case DataType.STRING:
            return data.decode(point.encoding.value, "replace").rstrip("\0 ")
        case kind if kind in _BCD_DIGITS:
            digits = f"{raw:0{_BCD_DIGITS[kind]}x}"
            if not digits.isdecimal():
                raise FrameError(f"{digits} is no BCD")
            return _scaled(point, int(digits))
        case kind if kind in _FLOATS:
            return _scaled(point, struct.unpack(_FLOATS[kind], data)[0])
        case kind if kind.value.startswith("int") and raw >> (_width(point) - 1):
            return _scaled(point, raw - (1 << _width(point)))
        case _:
            return _scaled(point, raw)


def _codes(point: Point, registers: Sequence[int]) -> list[int]:
    """Return the codes of a row in their sequence."""
    width = point.width or 16
    codes: list[int] = []
    for register in registers:
        word = _bytes([register])
        bits = f"{int.from_bytes(_ordered(word, point.order), 'big'):016b}"
        if point.bit is not None:
            codes.append(int(bits[16 - point.bit - width : 16 - point.bit], 2))
            continue
        own = [int(bits[at : at + width], 2) for at in range(0, 16, width)]
        codes += own if point.bits_from.value.startswith("msb") else own[::-1]
    return codes


def _row(point: Point, number: int) -> list[int]:
    """Return registers whose row says this number: its first codes, or the one at this place."""
    width = point.width or 16
    per = 1 if point.bit is not None else 16 // width
    size = per * point.words
    idle = next((code for code in range(1 << width) if code not in point.among), None)
    if idle is None or not 0 <= number <= size:
        raise ValueRangeError(f"{number} does not fit a row of {size} codes")
    first = number if point.type is DataType.FIRST_OF else 1
    from_top = point.bits_from.value.startswith("msb")
    registers = [0] * point.words
    for place in range(size):
        at, within = divmod(place, per)
        step = per - 1 - within if from_top else within
        code = point.among[0] if first <= place + 1 <= number else idle
        registers[at] |= code << (step * width if point.bit is None else point.bit)
    # Bytes are swapped within registers; a row is never turned round.
    return [_words(_ordered(_bytes([one]), point.order))[0] for one in registers]


def _scaled(point: Point, raw: float) -> Value:
    if point.enum is not None:
        if raw not in point.enum:
            raise FrameError(f"{raw} is none of {sorted(point.enum)}")
        return point.enum[int(raw)]
    return raw * point.factor + point.shift


def _raw(point: Point, value: Value) -> int:
    """Return the integer on the wire: the inverse of scale and offset, or of the enum's words."""
    if isinstance(value, str):
        words = {word: raw for raw, word in (point.enum or {}).items()}
        if value not in words:
            raise ValueRangeError(f"{value!r} is none of {sorted(words)}")
        return words[value]
    number = float(value or 0)
    # A code from a plant model passes as it is; scale and offset of an enum are 1 and 0.
    return round((number - point.shift) / point.factor)


def _bits(raw: int, width: int) -> int:
    if not 0 <= raw < 1 << width:
        raise ValueRangeError(f"{raw} does not fit {width} bits")
    return raw


def _width(point: Point) -> int:
    if point.type in _BCD_DIGITS:
        return 4 * _BCD_DIGITS[point.type]
    if point.type in _NUMBER_BYTES:
        return 8 * _NUMBER_BYTES[point.type]
    whole = 16 * point.words
    return whole if point.bit is None else point.width or 1


def _lowest(point: Point) -> int:
    if point.byte is not None:
        return 8 if point.byte == "high" else 0
    if point.bit is None:
        return 0
    first = point.bit - int(point.bits_from.value[-1])
    from_top = point.bits_from.value.startswith("msb")
    return 16 * point.words - first - (point.width or 1) if from_top else first


def _placed(point: Point, raw: int) -> list[int]:
    data = (raw << _lowest(point)).to_bytes(2 * point.words, "big")
    return _words(_ordered(data, point.order))


def _whole(raw: int, point: Point) -> int:
    width = _width(point)
    if point.sign not in {None, Sign.TWOS_COMPLEMENT}:
        raise ValueRangeError(f"a number coded as {point.sign} is not simulated")
    low = -(1 << (width - 1)) if point.type.value.startswith("int") else 0
    if not low <= raw < low + (1 << width):
        raise ValueRangeError(f"{raw} does not fit {point.type}")
    return raw % (1 << width)


def _float_registers(point: Point, value: Value) -> list[int]:
    try:
        number = (float(value or 0) - point.shift) / point.factor
        data = struct.pack(_FLOATS[point.type], number)
    except (struct.error, OverflowError, ValueError) as error:
        raise ValueRangeError(f"{value!r} does not fit {point.type}: {error}") from error
    return _words(_ordered(data, point.order))


def _bcd(raw: int, point: Point) -> int:
    digits = _BCD_DIGITS[point.type]
    if not 0 <= raw < 10**digits:
        raise ValueRangeError(f"{raw} does not fit {digits} digits")
    return int(str(raw), 16)


def _text_registers(text: str, point: Point) -> list[int]:
    data = text.encode(point.encoding.value, "replace")
    size = 2 * (point.length or 1)
    if len(data) > size:
        raise ValueRangeError(f"{text!r} is longer than {size} characters")
    return _words(data.ljust(size, b"\0"))


def _unavailable(point: Point) -> list[int]:
    if point.type in _FLOATS:
        raw = point.invalid[0] if point.invalid else float("nan")
        if isinstance(raw, float) or raw < 0:
            data = struct.pack(_FLOATS[point.type], raw)
        else:
            data = int(raw).to_bytes(2 * point.words, "big")
        return _words(_ordered(data, point.order))
    if not point.invalid:
        return [0] * point.words
    return _placed(point, int(point.invalid[0]) % (1 << _width(point)))


def _ordered(data: bytes, order: str) -> bytes:
    """Return ABCD bytes in the given order; each order is its own inverse."""
    if len(order) > 4:  # noqa: PLR2004 (more letters name each byte)
        return bytes(data["ABCDEFGH".index(letter)] for letter in order)
    if order in {Order.CDAB, Order.DCBA}:
        data = b"".join(data[at : at + 2] for at in range(len(data) - 2, -1, -2))
    if order in {Order.BADC, Order.DCBA}:
        data = b"".join(data[at : at + 2][::-1] for at in range(0, len(data), 2))
    return data


def _words(data: bytes) -> list[int]:
    return list(struct.unpack(f">{len(data) // 2}H", data))


def _bytes(registers: Sequence[int]) -> bytes:
    return struct.pack(f">{len(registers)}H", *registers)
