"""What the birth of a device says: its description, and each point with its last value."""

from collections.abc import Mapping

from config.base import Words
from config.computed import Computed, Reported
from config.listening import HeardPoint
from config.point_kinds import AnyPoint
from edge_agent.uplink.encoder import BIRTH_ONLY, DeviceEncoder, encode_metric
from protocols.reading import Quality, Reading, Value
from protocols.sparkplug import names
from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.payload import Metric, encode_metrics


def device_birth(encoder: DeviceEncoder, *, online: bool, now_ms: int) -> bytes:
    """Return everything about a device, with the last value of each point, as metrics.

    What has no time of its own has the one of the last reading: values that follow were taken
    after it, and some of them before now.

    Args:
        encoder: Of the device.
        online: Whether its unit answers.
        now_ms: UTC ms; the time of a device that was never read.
    """
    device = encoder.device
    now_ms = encoder.last_taken_at(now_ms)
    text: dict[str, Value] = {
        names.CLASS: device.equipment_class,
        names.PROFILE: device.profile,
        names.NAME_EN: device.name.en,
        names.NAME_ZH: device.name.zh,
        names.UNIT: f"{device.port}/{device.unit}",
        names.ONLINE: online,
    }
    metrics = [
        Metric(name, encoder.described[name], now_ms, BIRTH_ONLY[name], value)
        for name, value in text.items()
    ]
    parts = [encode_metrics(metrics)]
    reported = device.reported
    for name, (alias, datatype) in encoder.points.items():
        last, _ = encoder.remembered(name)
        metric = _birth_metric(
            name, last, reported.get(name), now_ms, words=device.state_words.get(name, {})
        )
        metric.name, metric.alias, metric.datatype = name, alias, datatype
        parts.append(encode_metric(metric))
    return b"".join(parts)


def retired_birth(
    points: Mapping[str, tuple[int, DataType]], *, online_alias: int, now_ms: int
) -> bytes:
    """Return the birth of a device that is no longer configured but has rows in the journal."""
    metrics = [Metric(names.ONLINE, online_alias, now_ms, DataType.BOOLEAN, value=False)]
    metrics += [
        Metric(name, alias, now_ms, datatype, quality=Quality.STALE, reason="retired")
        for name, (alias, datatype) in points.items()
        if name not in BIRTH_ONLY
    ]
    return encode_metrics(metrics)


def _birth_metric(
    name: str,
    last: Reading | None,
    point: Reported | None,
    now_ms: int,
    *,
    words: Mapping[str, Words],
) -> Metric:
    if name == names.COMMAND_RESULT:
        # A result is news once; a birth that repeats it would look like a second command.
        return Metric(timestamp=now_ms)
    properties = {} if point is None else _birth_properties(point) | _words_properties(words)
    if last is None:
        return Metric(
            timestamp=now_ms, quality=Quality.STALE, reason=names.NOT_READ, properties=properties
        )
    return Metric(
        timestamp=last.taken_at,
        value=last.value,
        quality=last.quality,
        reason=last.reason,
        properties=properties,
    )


def _birth_properties(point: Reported) -> dict[str, Value]:
    properties: dict[str, Value] = {}
    if point.unit:
        properties[names.PROPERTY_ENG_UNIT] = point.unit
    if point.max_silence_s is not None:
        properties[names.PROPERTY_MAX_SILENCE] = round(point.max_silence_s * 1000)
    if point.totalizer:
        properties[names.PROPERTY_TOTALIZER] = True
    if not isinstance(point, Computed | HeardPoint):
        properties |= _register_properties(point)
    if point.name is not None:
        properties[names.PROPERTY_NAME_EN] = point.name.en
        properties[names.PROPERTY_NAME_ZH] = point.name.zh
    return properties


def _words_properties(words: Mapping[str, Words]) -> dict[str, Value]:
    properties: dict[str, Value] = {}
    for state, said in words.items():
        properties[names.words_property(state, "en")] = said.en
        properties[names.words_property(state, "zh")] = said.zh
    return properties


def _register_properties(point: AnyPoint) -> dict[str, Value]:
    properties: dict[str, Value] = {}
    if point.writable is not None:
        properties[names.PROPERTY_WRITABLE] = True
        properties[names.PROPERTY_MINIMUM] = point.writable.minimum
        properties[names.PROPERTY_MAXIMUM] = point.writable.maximum
        if point.writable.interlock is not None:
            properties[names.PROPERTY_INTERLOCK] = point.writable.interlock
    if point.wraps_at is not None:
        properties[names.PROPERTY_WRAPS_AT] = point.wraps_at
    return properties
