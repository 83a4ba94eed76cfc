"""Properties of a metric: its quality, and what a birth says about a point."""

from typing import Final

from protocols.errors import FrameError, ValueRangeError
from protocols.reading import Quality, Value
from protocols.sparkplug import sparkplug_b_pb2 as wire
from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.names import PROPERTY_QUALITY, PROPERTY_REASON
from protocols.sparkplug.values import READERS, datatype_of, write_value

_QUALITY_BYTES: Final = PROPERTY_QUALITY.encode()
_OPC_GOOD: Final = range(192, 256)


def may_carry_quality(data: bytes) -> bool:
    """Return False when no metric of the message can have a quality; saves looking at each."""
    return _QUALITY_BYTES in data


def read_quality(metric: wire.Metric) -> tuple[Quality, str]:
    """Return quality and reason of a metric; good when it says nothing."""
    if not metric.HasField("properties"):
        return Quality.GOOD, ""
    quality, reason = Quality.GOOD, ""
    for key, value in zip(metric.properties.keys, metric.properties.values, strict=False):
        if key == PROPERTY_QUALITY:
            quality = _quality(value.int_value or value.long_value)
        elif key == PROPERTY_REASON:
            reason = value.string_value
    return quality, reason


def _quality(number: int) -> Quality:
    """Sparkplug allows 0, 192 and 500; gateways from OPC send the other good codes as well."""
    if number == Quality.STALE:
        return Quality.STALE
    return Quality.GOOD if number in _OPC_GOOD else Quality.BAD


def add_properties(
    out: wire.Metric, quality: Quality | None, reason: str, more: dict[str, Value]
) -> None:
    """Write quality, reason and further properties of a metric."""
    if quality is not None:
        _add_property(out, PROPERTY_QUALITY, DataType.INT32, int(quality))
    if reason:
        _add_property(out, PROPERTY_REASON, DataType.STRING, reason)
    for key, value in more.items():
        _add_property(out, key, datatype_of(value), value)


def _add_property(out: wire.Metric, key: str, datatype: DataType, value: Value) -> None:
    try:
        out.properties.keys.append(key)
    except UnicodeEncodeError:
        raise ValueRangeError(f"{key!r} cannot be written as UTF-8") from None
    entry = out.properties.values.add()
    entry.type = datatype
    if value is None:
        entry.is_null = True
    else:
        write_value(entry, datatype, value)


def read_properties(
    entries: wire.PropertySet,
) -> tuple[Quality | None, str, dict[str, Value] | None]:
    """Return quality, reason and the other properties; FrameError when keys lack values."""
    if len(entries.keys) != len(entries.values):
        raise FrameError(f"{len(entries.keys)} property keys, {len(entries.values)} values")
    quality: Quality | None = None
    reason = ""
    rest: dict[str, Value] = {}
    for key, entry in zip(entries.keys, entries.values, strict=True):
        reader = READERS.get(entry.type)
        value = None if reader is None or entry.is_null else reader(entry)
        if key == PROPERTY_QUALITY:
            quality = _quality(value) if isinstance(value, int) else None
        elif key == PROPERTY_REASON:
            reason = value if isinstance(value, str) else ""
        else:
            rest[key] = value
    return quality, reason, rest or None
