"""Payloads of Sparkplug B to bytes and back.

A journal keeps fragments: the serialized ``metrics`` fields alone. Protobuf messages may be
concatenated, so ``seal`` makes a fragment a payload without encoding it again.

A metric with a name is sent with its datatype, a metric with only an alias without it; so births
say everything and data messages nothing twice. A message that a journal keeps has the uuid
``<journal id>/<offset>``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Final

from google.protobuf.message import DecodeError

from protocols.errors import FrameError, ValueRangeError
from protocols.reading import Quality, Value
from protocols.sparkplug import sparkplug_b_pb2 as wire
from protocols.sparkplug.datatypes import ARRAY_CODES, DataType
from protocols.sparkplug.names import NOT_A_NUMBER
from protocols.sparkplug.properties import (
    add_properties,
    may_carry_quality,
    read_properties,
    read_quality,
)
from protocols.sparkplug.values import (
    READERS,
    datatype_of,
    pack_array,
    read_array,
    read_untyped,
    write_value,
)

__all__ = [
    "MAX_PAYLOAD_BYTES",
    "READERS",
    "Metric",
    "Payload",
    "decode_payload",
    "encode_metrics",
    "encode_payload",
    "mark_historical",
    "may_carry_quality",
    "name_metrics",
    "number_field",
    "parse",
    "parse_uuid",
    "read_quality",
    "seal",
    "shift_times",
    "uuid_of",
]

MAX_PAYLOAD_BYTES: Final = 4 * 1024 * 1024
"""Longer payloads are refused unread; a device birth of 10,000 points has about 2 MB."""

_MAX_OFFSET: Final = 2**63 - 1
_MAX_DIGITS: Final = 19
# Field numbers of the specification, shifted, with the wire type in the low bits.
_TIMESTAMP: Final = 1 << 3
_SEQ: Final = 3 << 3
_UUID: Final = 4 << 3 | 2
_MAX_NUMBER: Final = 2**64 - 1


@dataclass(slots=True)
class Metric:
    """One value on its way; None is sent as ``is_null``.

    Attributes:
        timestamp: UTC ms at which the value was taken.
        datatype: None lets the type of the value decide.
        quality: None says nothing, which means good in a data message.
        properties: Further properties; quality and reason are not among them.
    """

    name: str | None = None
    alias: int | None = None
    timestamp: int | None = None
    datatype: DataType | None = None
    value: Value | list[int] = None
    is_historical: bool = False
    quality: Quality | None = None
    reason: str = ""
    properties: dict[str, Value] | None = None


@dataclass(slots=True)
class Payload:
    """A message as read; what is absent is None."""

    timestamp: int | None = None
    seq: int | None = None
    uuid: str | None = None
    metrics: list[Metric] = field(default_factory=list[Metric])


def encode_metrics(metrics: Iterable[Metric]) -> bytes:
    """Return a fragment; ValueRangeError when a value does not fit its datatype.

    NaN and infinity are sent as null with quality bad and reason ``not_a_number``.
    """
    payload = wire.Payload()
    add = payload.metrics.add
    for metric in metrics:
        _fill(add(), metric)
    return payload.SerializeToString()


def seal(
    fragment: bytes, *, timestamp: int, seq: int | None = None, uuid: str | None = None
) -> bytes:
    """Return the payload of a fragment; byte for byte what encoding it at once would give."""
    parts = [number_field(_TIMESTAMP, timestamp), fragment]
    if seq is not None:
        parts.append(number_field(_SEQ, seq))
    if uuid is not None:
        try:
            text = uuid.encode()
        except UnicodeEncodeError as error:
            raise ValueRangeError(f"uuid of a payload: {error}") from None
        parts += (number_field(_UUID, len(text)), text)
    return b"".join(parts)


def number_field(tag: int, number: int) -> bytes:
    """Return a field that holds a number, or how long its text is; the bytes of protobuf.

    Raises:
        ValueRangeError: The number is negative or has more than 64 bits.
    """
    if not 0 <= number <= _MAX_NUMBER:
        raise ValueRangeError(f"{number} in a payload: expected 0 to {_MAX_NUMBER}")
    out = bytearray((tag,))
    while number > 0x7F:  # noqa: PLR2004 (seven bits a byte)
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def uuid_of(journal_id: str, offset: int) -> str:
    """Return the uuid of the message that carries a journal row."""
    return f"{journal_id}/{offset}"


def parse_uuid(uuid: str) -> tuple[str, int] | None:
    """Return journal id and offset; None for the uuid of any other software."""
    journal_id, slash, digits = uuid.rpartition("/")
    if not journal_id or not slash or len(digits) > _MAX_DIGITS:
        return None
    # int() alone would take signs, blanks, underscores and the digits of other scripts.
    if not (digits.isascii() and digits.isdigit()):
        return None
    offset = int(digits)
    return (journal_id, offset) if offset <= _MAX_OFFSET else None


def encode_payload(
    metrics: Iterable[Metric], *, timestamp: int, seq: int | None = None, uuid: str | None = None
) -> bytes:
    """Return the bytes of a whole message."""
    return seal(encode_metrics(metrics), timestamp=timestamp, seq=seq, uuid=uuid)


def mark_historical(fragment: bytes) -> bytes:
    """Return the fragment with every metric marked as stored and forwarded."""
    payload = parse(fragment)
    for metric in payload.metrics:
        metric.is_historical = True
    return payload.SerializeToString()


def shift_times(fragment: bytes, by_ms: int) -> bytes:
    """Return the fragment with the time of every metric moved; FrameError when it is none."""
    payload = parse(fragment)
    for metric in payload.metrics:
        if metric.HasField("timestamp"):
            metric.timestamp = max(0, metric.timestamp + by_ms)
    return payload.SerializeToString()


def name_metrics(fragment: bytes, names: Mapping[int, tuple[str, DataType]]) -> bytes:
    """Return the fragment with these aliases replaced by name and datatype.

    For rows that outlived the birth which declared their aliases.
    """
    payload = parse(fragment)
    for metric in payload.metrics:
        known = names.get(metric.alias)
        if known is not None and metric.HasField("alias"):
            metric.name, metric.datatype = known
            metric.ClearField("alias")
    return payload.SerializeToString()


def parse(data: bytes) -> wire.Payload:
    """Return the message as protobuf sees it, for the hot path; FrameError when it is none."""
    if len(data) > MAX_PAYLOAD_BYTES:
        raise FrameError(f"a payload of {len(data)} bytes; at most {MAX_PAYLOAD_BYTES} are read")
    try:
        return wire.Payload.FromString(data)
    except DecodeError as error:
        raise FrameError(f"not a payload of Sparkplug B: {error}") from None


def decode_payload(
    data: bytes, *, datatypes: Mapping[int | str, DataType] | None = None
) -> Payload:
    """Return a message; FrameError on anything that is not one.

    Args:
        data: The bytes of the message, or a fragment.
        datatypes: Alias or name to datatype, for metrics that carry none. Without it the field
            that holds the value decides, and negative numbers cannot be told.
    """
    message = parse(data)
    known = datatypes or {}
    return Payload(
        timestamp=message.timestamp if message.HasField("timestamp") else None,
        seq=message.seq if message.HasField("seq") else None,
        uuid=message.uuid if message.HasField("uuid") else None,
        metrics=[_read(metric, known) for metric in message.metrics],
    )


def _fill(out: wire.Metric, metric: Metric) -> None:
    value, quality, reason = metric.value, metric.quality, metric.reason
    if isinstance(value, float) and not isfinite(value):
        value, quality, reason = None, Quality.BAD, NOT_A_NUMBER
    datatype = metric.datatype or datatype_of(value)
    if metric.name is not None:
        _name(out, metric.name, datatype)
    try:
        if metric.alias is not None:
            out.alias = metric.alias
        if metric.timestamp is not None:
            out.timestamp = metric.timestamp
    except (TypeError, ValueError) as error:
        raise ValueRangeError(f"alias or timestamp of {metric}: {error}") from None
    if metric.is_historical:
        out.is_historical = True
    if value is None:
        out.is_null = True
    elif isinstance(value, list):
        out.bytes_value = pack_array(value, datatype)
    else:
        write_value(out, datatype, value)
    if quality is not None or reason or metric.properties:
        add_properties(out, quality, reason, metric.properties or {})


def _name(out: wire.Metric, name: str, datatype: DataType) -> None:
    try:
        out.name = name
    except UnicodeEncodeError:
        raise ValueRangeError(f"{name!r} cannot be written as UTF-8") from None
    out.datatype = datatype


def _read(metric: wire.Metric, known: Mapping[int | str, DataType]) -> Metric:
    name = metric.name if metric.HasField("name") else None
    alias = metric.alias if metric.HasField("alias") else None
    datatype = _datatype(metric)
    if datatype is None and known:
        datatype = known.get(alias if alias is not None else name or "")
    result = Metric(
        name=name,
        alias=alias,
        timestamp=metric.timestamp if metric.HasField("timestamp") else None,
        datatype=datatype,
        value=None if metric.is_null else _value(metric, datatype),
        is_historical=metric.is_historical,
    )
    if metric.HasField("properties"):
        found = read_properties(metric.properties)
        result.quality, result.reason, result.properties = found
    return result


def _datatype(metric: wire.Metric) -> DataType | None:
    if not metric.datatype:
        return None
    try:
        return DataType(metric.datatype)
    except ValueError:
        raise FrameError(f"metric {metric.name!r} has datatype {metric.datatype}") from None


def _value(metric: wire.Metric, datatype: DataType | None) -> Value | list[int]:
    if datatype is None:
        return read_untyped(metric)
    if datatype in ARRAY_CODES:
        return read_array(metric.bytes_value, datatype) if metric.HasField("bytes_value") else None
    reader = READERS.get(datatype)
    return None if reader is None else reader(metric)
