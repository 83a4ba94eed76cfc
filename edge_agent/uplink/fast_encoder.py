"""The bytes of the commonest metric, a good number or bit sent by alias, made directly.

Ten times as fast as building the protobuf objects, and byte for byte the same; a test compares the
two. Everything else (words, whole numbers, bad qualities) goes the ordinary way.
"""

import struct
from collections.abc import Callable
from typing import Final

from protocols.reading import Value
from protocols.sparkplug.datatypes import DataType

QuickWriter = Callable[[Value], bytes | None]
"""Value to the end of the metric, from the tag of the value on; None: take the ordinary way."""

TIMESTAMP_BYTES: Final = 6
"""Length of every timestamp from 1971 to 2109 as a varint."""

# Field numbers of the specification, shifted, with the wire type in the low bits.
_METRICS: Final = 2 << 3 | 2
_ALIAS: Final = 2 << 3
_TIMESTAMP: Final = 3 << 3
_FLOAT: Final = 12 << 3 | 5
_DOUBLE: Final = 13 << 3 | 1
_TRUE: Final = bytes([14 << 3, 1])
_FALSE: Final = bytes([14 << 3, 0])

_pack_float: Final = struct.Struct("<Bf").pack
_pack_double: Final = struct.Struct("<Bd").pack


def varint(number: int) -> bytes:
    """Return a number that is not negative as protobuf writes it."""
    out = bytearray()
    while number > 0x7F:  # noqa: PLR2004 (seven bits a byte)
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def head_of(alias: int, datatype: DataType) -> bytes | None:
    """Return the metric up to its timestamp; None when the datatype has no quick way."""
    size = _VALUE_BYTES.get(datatype)
    if size is None:
        return None
    alias_bytes = varint(alias)
    length = 1 + len(alias_bytes) + 1 + TIMESTAMP_BYTES + size
    return bytes([_METRICS, length, _ALIAS]) + alias_bytes + bytes([_TIMESTAMP])


def _float(value: Value) -> bytes | None:
    # NaN and infinity minus themselves are not zero.
    if type(value) is not float or value - value != 0.0:
        return None
    try:
        return _pack_float(_FLOAT, value)
    except OverflowError:
        return None


def _double(value: Value) -> bytes | None:
    if type(value) is not float or value - value != 0.0:
        return None
    return _pack_double(_DOUBLE, value)


def _boolean(value: Value) -> bytes | None:
    if value is True:
        return _TRUE
    return _FALSE if value is False else None


_VALUE_BYTES: Final = {DataType.FLOAT: 5, DataType.DOUBLE: 9, DataType.BOOLEAN: 2}
WRITERS: Final[dict[DataType, QuickWriter]] = {
    DataType.FLOAT: _float,
    DataType.DOUBLE: _double,
    DataType.BOOLEAN: _boolean,
}
