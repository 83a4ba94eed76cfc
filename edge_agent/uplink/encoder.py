"""Readings of one device to Sparkplug metrics, and its birth."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from config.computed import Computed, Result, results_of
from config.points import DataType as PointType
from config.points import Point
from config.resolve import ResolvedDevice
from edge_agent.uplink.fast_encoder import TIMESTAMP_BYTES, WRITERS, QuickWriter, head_of, varint
from protocols.errors import ValueRangeError
from protocols.reading import Quality, Reading, Value
from protocols.sparkplug import names
from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.payload import Metric, encode_metrics, parse

GetAlias = Callable[[str, str, int], int]
"""Device, point and datatype to alias."""

_FLOATS: Final = frozenset({PointType.FLOAT16, PointType.FLOAT32})
_SIZES: Final = (
    (16, DataType.INT16, DataType.UINT16),
    (32, DataType.INT32, DataType.UINT32),
    (64, DataType.INT64, DataType.UINT64),
)
"""Bits of a raw number, and what carries it with and without a sign."""
_DOES_NOT_FIT: Final = "out_of_range"
_STATE: Final = (names.STATE, names.STATE_REASON)
_DESCRIBED: Final = {
    names.CLASS: DataType.STRING,
    names.PROFILE: DataType.STRING,
    names.NAME_EN: DataType.STRING,
    names.NAME_ZH: DataType.STRING,
    names.UNIT: DataType.STRING,
    names.ONLINE: DataType.BOOLEAN,
}
"""What a birth says of the device itself; it has aliases because the points have."""


def datatype_of_point(point: Point) -> DataType:
    """Return the datatype that carries the values of a point without loss."""
    if point.enum is not None or point.type in {
        PointType.STRING,
        PointType.ENUM,
        PointType.DATETIME,
    }:
        return DataType.STRING
    if point.type in {PointType.BOOL, PointType.BIT}:
        return DataType.BOOLEAN
    if point.is_scaled or point.type is PointType.FLOAT64:
        return DataType.DOUBLE
    if point.type in _FLOATS:
        return DataType.FLOAT
    has_sign = point.sign is not None or point.type.value.startswith("int")
    bits = point.field().bits
    return next(with_sign if has_sign else none for most, with_sign, none in _SIZES if bits <= most)


def datatypes_of(device: ResolvedDevice) -> dict[str, DataType]:
    """Return the datatype of everything that has a value, read or computed."""
    types = {name: datatype_of_point(point) for name, point in device.points.items()}
    if device.computed:
        results = results_of(device.points, device.computed)
        for name in device.computed:
            is_state = results[name] is Result.STATE
            types[name] = DataType.BOOLEAN if is_state else DataType.DOUBLE
    return types


class DeviceEncoder:
    """One device as Sparkplug sees it.

    Attributes:
        device: The device.
        points: Name of a metric to its alias and datatype.
        datatypes: Alias or name to datatype; reads the commands that the device is sent.
        described: Name of a metric that only births carry to its alias.
    """

    def __init__(
        self, device: ResolvedDevice, alias: GetAlias, *, datatype_in_data: bool = False
    ) -> None:
        self.device = device
        self._reported = device.reported
        self._datatype_in_data = datatype_in_data
        self._last: dict[str, Reading] = {}
        self._not_good: set[str] = set()
        types = datatypes_of(device)
        # Of devices without writable points as well: a command for one is refused, not ignored.
        types[names.COMMAND_RESULT] = DataType.STRING
        types |= dict.fromkeys(_STATE, DataType.STRING)
        self.points = {
            name: (alias(device.id, name, datatype), datatype) for name, datatype in types.items()
        }
        self.described = {
            name: alias(device.id, name, datatype) for name, datatype in _DESCRIBED.items()
        }
        self._stamped_at, self._stamp = 0, b""
        self._quick: dict[str, tuple[bytes, QuickWriter]] = {}
        for name, (number, datatype) in self.points.items():
            head = head_of(number, datatype)
            if head is not None:
                self._quick[name] = (head, WRITERS[datatype])
        self._names = {number: name for name, (number, _) in self.points.items()}
        self.datatypes: dict[int | str, DataType] = {}
        for name, (number, datatype) in self.points.items():
            self.datatypes[number] = self.datatypes[name] = datatype

    def inherit(self, before: "DeviceEncoder") -> None:
        """Take over the last values of points that mean the same as in ``before``."""
        for name, (_, datatype) in self.points.items():
            last, said_not_good = before.remembered(name)
            if last is not None and before.points[name][1] is datatype:
                self._last[name] = last
                if said_not_good:
                    self._not_good.add(name)

    def remembered(self, name: str) -> tuple[Reading | None, bool]:
        """Return the last reading of a point, and whether it was said to be not good."""
        return self._last.get(name), name in self._not_good

    def name_of(self, alias: int) -> str | None:
        """Return the point behind an alias of the current birth."""
        return self._names.get(alias)

    def restamp(self, true_ms: Callable[[int], int]) -> None:
        """Give what is remembered its true times."""
        for name, last in self._last.items():
            self._last[name] = last._replace(taken_at=true_ms(last.taken_at))

    def remember(self, readings: Sequence[Reading]) -> None:
        """Let the next birth carry these, although they are not sent now."""
        self._last.update((reading.point, reading) for reading in readings)

    def fragment(self, readings: Sequence[Reading]) -> bytes:
        """Return the readings as serialized metrics, by alias; none of them can fail it."""
        last, quick, not_good = self._last, self._quick, self._not_good
        parts: list[bytes] = []
        for reading in readings:
            name, value, quality, taken_at, _ = reading
            last[name] = reading
            if taken_at != self._stamped_at:
                self._stamped_at, self._stamp = taken_at, varint(taken_at)
            way = quick.get(name)
            if way and quality is Quality.GOOD and len(self._stamp) == TIMESTAMP_BYTES:
                head, write = way
                tail = None if name in not_good else write(value)
                if tail is not None:
                    parts += (head, self._stamp, tail)
                    continue
            parts.append(_encode_or_say_why(self._metric(reading)))
        fragment = b"".join(parts)
        return self._with_datatypes(fragment) if self._datatype_in_data else fragment

    def birth(self, *, online: bool, now_ms: int) -> bytes:
        """Return everything about the device, with the last value of each point.

        What has no time of its own has the one of the last reading: values that follow were taken
        after it, and some of them before now.
        """
        device = self.device
        now_ms = max((last.taken_at for last in self._last.values()), default=now_ms)
        text: dict[str, Value] = {
            names.CLASS: device.equipment_class,
            names.PROFILE: device.profile,
            names.NAME_EN: device.name.en,
            names.NAME_ZH: device.name.zh,
            names.UNIT: f"{device.port}/{device.unit}",
            names.ONLINE: online,
        }
        metrics = [
            Metric(name, self.described[name], now_ms, _DESCRIBED[name], value)
            for name, value in text.items()
        ]
        fragment = encode_metrics(metrics)
        for name, (alias, datatype) in self.points.items():
            metric = self._birth_metric(name, now_ms)
            metric.name, metric.alias, metric.datatype = name, alias, datatype
            fragment += _encode_or_say_why(metric)
        return fragment

    def _metric(self, reading: Reading) -> Metric:
        name, value, quality, taken_at, reason = reading
        alias, datatype = self.points[name]
        metric = Metric(None, alias, taken_at, datatype, value)
        if quality is not Quality.GOOD:
            metric.quality, metric.reason = quality, reason
            self._not_good.add(name)
        elif name in self._not_good:
            # Said once when it is good again; silence means good from then on.
            metric.quality = Quality.GOOD
            self._not_good.discard(name)
        return metric

    def _birth_metric(self, name: str, now_ms: int) -> Metric:
        last = self._last.get(name)
        if name == names.COMMAND_RESULT:
            # A result is news once; a birth that repeats it would look like a second command.
            return Metric(timestamp=now_ms)
        point = self._reported.get(name)
        properties = {} if point is None else _birth_properties(point)
        if last is None:
            return Metric(
                timestamp=now_ms,
                quality=Quality.STALE,
                reason=names.NOT_READ,
                properties=properties,
            )
        return Metric(
            timestamp=last.taken_at,
            value=last.value,
            quality=last.quality,
            reason=last.reason,
            properties=properties,
        )

    def _with_datatypes(self, fragment: bytes) -> bytes:
        payload = parse(fragment)
        for metric in payload.metrics:
            metric.datatype = self.datatypes[metric.alias]
        return payload.SerializeToString()


def state_readings(state: str, reason: str, at_ms: int) -> list[Reading]:
    """Return the metrics that say how a device's unit behaves."""
    said = zip(_STATE, (state, reason), strict=True)
    return [Reading(name, text, Quality.GOOD, at_ms, "") for name, text in said]


def retired_birth(
    points: Mapping[str, tuple[int, DataType]], *, online_alias: int, now_ms: int
) -> bytes:
    """Return the birth of a device that is no longer configured but has rows in the journal."""
    metrics = [Metric(names.ONLINE, online_alias, now_ms, DataType.BOOLEAN, value=False)]
    metrics += [
        Metric(name, alias, now_ms, datatype, quality=Quality.STALE, reason="retired")
        for name, (alias, datatype) in points.items()
        if name not in _DESCRIBED
    ]
    return encode_metrics(metrics)


def _birth_properties(point: Point | Computed) -> dict[str, Value]:
    properties: dict[str, Value] = {}
    if point.unit:
        properties[names.PROPERTY_ENG_UNIT] = point.unit
    if point.max_silence_s is not None:
        properties[names.PROPERTY_MAX_SILENCE] = round(point.max_silence_s * 1000)
    if point.totalizer:
        properties[names.PROPERTY_TOTALIZER] = True
    if isinstance(point, Point):
        properties |= _register_properties(point)
    if point.name is not None:
        properties[names.PROPERTY_NAME_EN] = point.name.en
        properties[names.PROPERTY_NAME_ZH] = point.name.zh
    return properties


def _register_properties(point: Point) -> dict[str, Value]:
    properties: dict[str, Value] = {}
    if point.writable is not None:
        properties[names.PROPERTY_WRITABLE] = True
        properties[names.PROPERTY_MINIMUM] = point.writable.minimum
        properties[names.PROPERTY_MAXIMUM] = point.writable.maximum
    if point.wraps_at is not None:
        properties[names.PROPERTY_WRAPS_AT] = point.wraps_at
    return properties


def _encode_or_say_why(metric: Metric) -> bytes:
    try:
        return encode_metrics([metric])
    except ValueRangeError:
        metric.value, metric.quality, metric.reason = None, Quality.BAD, _DOES_NOT_FIT
        return encode_metrics([metric])
