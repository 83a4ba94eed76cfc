"""Values in and out of metrics and properties, one function per datatype.

Metric and PropertyValue have the same names of fields, so one table serves both.
"""

import struct
from collections.abc import Callable
from typing import Final, TypeAlias

from protocols.errors import FrameError, ValueRangeError
from protocols.reading import Value
from protocols.sparkplug.datatypes import ARRAY_CODES, SIGNED_BITS, UNSIGNED_BITS, DataType
from protocols.sparkplug.sparkplug_b_pb2 import Metric as WireMetric
from protocols.sparkplug.sparkplug_b_pb2 import PropertyValue as WireProperty

Carrier: TypeAlias = WireMetric | WireProperty
Reader: TypeAlias = Callable[[Carrier], Value]
Writer: TypeAlias = Callable[[Carrier, Value], None]

_INT_BITS: Final = 32


# Presence is asked only where the field reads as zero: HasField for each metric doubles the cost.
def _read_int(carrier: Carrier) -> int | None:
    value = carrier.int_value
    if value or carrier.HasField("int_value"):
        return value
    # Tahu and its children send UInt32 as long_value.
    return carrier.long_value if carrier.HasField("long_value") else None


def _read_long(carrier: Carrier) -> int | None:
    value = carrier.long_value
    if value or carrier.HasField("long_value"):
        return value
    return carrier.int_value if carrier.HasField("int_value") else None


def _read_float(carrier: Carrier) -> float | None:
    value = carrier.float_value
    if value or carrier.HasField("float_value"):
        return value
    return carrier.double_value if carrier.HasField("double_value") else None


def _read_double(carrier: Carrier) -> float | None:
    value = carrier.double_value
    if value or carrier.HasField("double_value"):
        return value
    return carrier.float_value if carrier.HasField("float_value") else None


def _read_boolean(carrier: Carrier) -> bool | None:
    value = carrier.boolean_value
    return value if value or carrier.HasField("boolean_value") else None


def _read_string(carrier: Carrier) -> str | None:
    value = carrier.string_value
    return value if value or carrier.HasField("string_value") else None


def _signed_reader(bits: int) -> Reader:
    read = _read_int if bits <= _INT_BITS else _read_long
    mask, sign = (1 << bits) - 1, 1 << (bits - 1)

    def read_signed(carrier: Carrier) -> Value:
        value = read(carrier)
        return None if value is None else ((value & mask) ^ sign) - sign

    return read_signed


READERS: Final[dict[int, Reader]] = {
    **{kind: _signed_reader(bits) for kind, bits in SIGNED_BITS.items()},
    **{k: _read_int if bits <= _INT_BITS else _read_long for k, bits in UNSIGNED_BITS.items()},
    DataType.FLOAT: _read_float,
    DataType.DOUBLE: _read_double,
    DataType.BOOLEAN: _read_boolean,
    DataType.STRING: _read_string,
    DataType.TEXT: _read_string,
    DataType.UUID: _read_string,
}
"""Datatype -> reader of the value; None when there is none. Arrays and datasets have no reader."""


_UNTYPED: Final[dict[str | None, Reader]] = {
    "int_value": _read_int,
    "long_value": _read_long,
    "float_value": _read_float,
    "double_value": _read_double,
    "boolean_value": _read_boolean,
    "string_value": _read_string,
}


def read_untyped(carrier: Carrier) -> Value:
    """Return the value by the field it is in, where no datatype is known; numbers unsigned."""
    reader = _UNTYPED.get(carrier.WhichOneof("value"))
    return None if reader is None else reader(carrier)


def read_array(data: bytes, datatype: DataType) -> list[int]:
    """Return the numbers of an array of whole numbers; FrameError when it is torn."""
    code = ARRAY_CODES[datatype]
    count, rest = divmod(len(data), struct.calcsize(code))
    if rest:
        raise FrameError(f"{len(data)} bytes are no whole number of elements of {datatype.name}")
    return list(struct.unpack(f"<{count}{code}", data))


def pack_array(values: list[int], datatype: DataType) -> bytes:
    """Return the bytes of an array of whole numbers."""
    code = ARRAY_CODES.get(datatype)
    if code is None:
        raise ValueRangeError(f"a list cannot be sent as {datatype.name}")
    try:
        return struct.pack(f"<{len(values)}{code}", *values)
    except struct.error as error:
        raise ValueRangeError(f"{datatype.name}: {error}") from None


def _whole(value: Value, low: int, high: int) -> int:
    number = int(value) if isinstance(value, (int, float)) else None
    if number is None or number != value or not low <= number <= high:
        raise ValueRangeError(f"{value!r} is no whole number in {low}..{high}")
    return number


def _int_writer(low: int, high: int, bits: int) -> Writer:
    mask = (1 << bits) - 1

    def write_int(carrier: Carrier, value: Value) -> None:
        carrier.int_value = _whole(value, low, high) & mask

    def write_long(carrier: Carrier, value: Value) -> None:
        carrier.long_value = _whole(value, low, high) & mask

    return write_int if bits <= _INT_BITS else write_long


def _write_float(carrier: Carrier, value: Value) -> None:
    if not isinstance(value, (int, float)):
        raise ValueRangeError(f"{value!r} is no number")
    try:
        struct.pack("<f", value)
    except OverflowError:
        raise ValueRangeError(f"{value!r} is too large for a Float") from None
    carrier.float_value = value


def _write_double(carrier: Carrier, value: Value) -> None:
    if not isinstance(value, (int, float)):
        raise ValueRangeError(f"{value!r} is no number")
    try:
        carrier.double_value = value
    except OverflowError:
        raise ValueRangeError(f"{value!r} is too large for a Double") from None


def _write_boolean(carrier: Carrier, value: Value) -> None:
    if value not in (0, 1):
        raise ValueRangeError(f"{value!r} is no Boolean")
    carrier.boolean_value = bool(value)


def _write_string(carrier: Carrier, value: Value) -> None:
    if not isinstance(value, str):
        raise ValueRangeError(f"{value!r} is no text")
    try:
        carrier.string_value = value
    except UnicodeEncodeError:
        raise ValueRangeError(f"{value!r} cannot be written as UTF-8") from None


WRITERS: Final[dict[int, Writer]] = {
    **{
        k: _int_writer(-(1 << (b - 1)), (1 << (b - 1)) - 1, 32 if b <= _INT_BITS else 64)
        for k, b in SIGNED_BITS.items()
    },
    **{k: _int_writer(0, (1 << b) - 1, b) for k, b in UNSIGNED_BITS.items()},
    DataType.FLOAT: _write_float,
    DataType.DOUBLE: _write_double,
    DataType.BOOLEAN: _write_boolean,
    DataType.STRING: _write_string,
    DataType.TEXT: _write_string,
    DataType.UUID: _write_string,
}
"""Datatype -> writer of a value that is not None; ValueRangeError when it does not fit."""


def write_value(carrier: Carrier, datatype: DataType, value: Value) -> None:
    """Write a value that is not None; ValueRangeError when the datatype cannot carry it."""
    writer = WRITERS.get(datatype)
    if writer is None:
        raise ValueRangeError(f"{value!r} cannot be sent as {datatype.name}")
    writer(carrier, value)


def datatype_of(value: Value | list[int]) -> DataType:
    """Return the datatype that carries a value whose datatype was not declared."""
    match value:
        case bool():
            return DataType.BOOLEAN
        case int():
            return DataType.INT64
        case float():
            return DataType.DOUBLE
        case list():
            return DataType.UINT64_ARRAY
        case _:
            return DataType.STRING
