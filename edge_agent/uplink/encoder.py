"""Readings of one device to Sparkplug metrics.

The fast encoder makes the bytes of the commonest metrics, a good number or bit sent by alias,
directly: ten times as fast as building the protobuf objects, and byte for byte the same; a test
compares the two. All else (words, bad qualities) goes through the protobuf objects.
"""

import struct
from collections.abc import Callable, Sequence
from typing import Final

from config.computed import Result, results_of
from config.gateway import ResolvedDevice
from config.point_kinds import AnyPoint
from config.points import DataType as PointType
from protocols.errors import ValueRangeError
from protocols.reading import Quality, Reading, Value
from protocols.sparkplug import names
from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.payload import Metric, encode_metrics, number_field, parse

GetAlias = Callable[[str, str, int], int]
"""Device, point and datatype to alias."""
FastWriter = Callable[[Value], bytes | None]
"""Value to the end of the metric, from the tag of the value on; None: not made here."""

_FLOATS: Final = frozenset({PointType.FLOAT16, PointType.FLOAT32})
_SIZES: Final = (
    (16, DataType.INT16, DataType.UINT16),
    (32, DataType.INT32, DataType.UINT32),
    (64, DataType.INT64, DataType.UINT64),
)
"""Bits of a raw number, and what carries it with and without a sign."""
_HEARD: Final = {"state": DataType.BOOLEAN, "count": DataType.UINT32, "text": DataType.STRING}
_DOES_NOT_FIT: Final = "out_of_range"
_STATE: Final = (names.STATE, names.STATE_REASON)
BIRTH_ONLY: Final = {
    names.CLASS: DataType.STRING,
    names.PROFILE: DataType.STRING,
    names.NAME_EN: DataType.STRING,
    names.NAME_ZH: DataType.STRING,
    names.UNIT: DataType.STRING,
    names.ONLINE: DataType.BOOLEAN,
}
"""What only a birth says, of the device itself; it has aliases because the points have."""


def datatype_of_point(point: AnyPoint) -> DataType:
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
    has_sign = point.has_sign
    bits = point.bits
    return next(with_sign if has_sign else none for most, with_sign, none in _SIZES if bits <= most)


def datatypes_of(device: ResolvedDevice) -> dict[str, DataType]:
    """Return the datatype of everything that has a value, read or computed."""
    types = {name: datatype_of_point(point) for name, point in device.points.items()}
    types |= {name: _HEARD[point.kind] for name, point in device.heard.items()}
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
            name: alias(device.id, name, datatype) for name, datatype in BIRTH_ONLY.items()
        }
        self._stamped_at, self._stamp = -1, b""
        self._fast = {
            name: (number_field(_ALIAS, number), _FAST_WRITERS[datatype])
            for name, (number, datatype) in self.points.items()
            if datatype in _FAST_WRITERS
        }
        self._names = {number: name for name, (number, _) in self.points.items()}
        self.datatypes: dict[int | str, DataType] = {}
        for name, (number, datatype) in self.points.items():
            self.datatypes[number] = self.datatypes[name] = datatype

    def inherit(self, before: "DeviceEncoder") -> None:
        """Take over the last values of points that mean the same as in ``before``."""
        for name, (_, datatype) in self.points.items():
            last, not_good = before.remembered(name)
            if last is not None and before.points[name][1] is datatype:
                self._last[name] = last
                if not_good:
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

    def last_taken_at(self, default: int) -> int:
        """Return when the newest of the remembered readings was taken, UTC ms."""
        return max((last.taken_at for last in self._last.values()), default=default)

    def remember(self, readings: Sequence[Reading]) -> None:
        """Let the next birth carry these, although they are not sent now."""
        self._last.update((reading.point, reading) for reading in readings)

    def fragment(self, readings: Sequence[Reading]) -> bytes:
        """Return the readings as serialized metrics, by alias; none of them can fail it."""
        last, way_of, not_good, good = self._last, self._fast.get, self._not_good, Quality.GOOD
        stamped_at, stamp = self._stamped_at, self._stamp
        parts: list[bytes] = []
        for reading in readings:
            name, value, quality, taken_at, _ = reading
            last[name] = reading
            if taken_at != stamped_at:
                stamped_at, stamp = taken_at, number_field(_TIMESTAMP, taken_at)
            way = way_of(name)
            if way is not None and quality is good and name not in not_good:
                alias, write = way
                tail = write(value)
                if tail is not None:
                    metric = alias + stamp + tail
                    parts += (_HEADS[len(metric)], metric)
                    continue
            parts.append(encode_metric(self._metric(reading)))
        self._stamped_at, self._stamp = stamped_at, stamp
        fragment = b"".join(parts)
        return self._with_datatypes(fragment) if self._datatype_in_data else fragment

    def _metric(self, reading: Reading) -> Metric:
        name, value, quality, taken_at, reason = reading
        alias, datatype = self.points[name]
        metric = Metric(None, alias, taken_at, datatype, value)
        if quality is not Quality.GOOD:
            metric.quality, metric.reason = quality, reason
            self._not_good.add(name)
        elif name in self._not_good:
            # Sent once when it is good again; no quality means good from then on.
            metric.quality = Quality.GOOD
            self._not_good.discard(name)
        return metric

    def _with_datatypes(self, fragment: bytes) -> bytes:
        payload = parse(fragment)
        for metric in payload.metrics:
            metric.datatype = self.datatypes[metric.alias]
        return payload.SerializeToString()


def state_readings(state: str, reason: str, at_ms: int) -> list[Reading]:
    """Return the metrics that say how a device's unit behaves."""
    metrics = zip(_STATE, (state, reason), strict=True)
    return [Reading(name, text, Quality.GOOD, at_ms, "") for name, text in metrics]


def encode_metric(metric: Metric) -> bytes:
    """Return a metric; a value that does not fit is replaced by the quality that says so."""
    try:
        return encode_metrics([metric])
    except ValueRangeError:
        metric.value, metric.quality, metric.reason = None, Quality.BAD, _DOES_NOT_FIT
        return encode_metrics([metric])


# The fast encoder. Field numbers of the specification, shifted, with the wire type in the low bits.
_METRICS: Final = 2 << 3 | 2
_ALIAS: Final = 2 << 3
_TIMESTAMP: Final = 3 << 3
_INT: Final = 10 << 3
_LONG: Final = 11 << 3
_FLOAT: Final = 12 << 3 | 5
_DOUBLE: Final = 13 << 3 | 1
_TRUE: Final = bytes([14 << 3, 1])
_FALSE: Final = bytes([14 << 3, 0])
_INT_BITS: Final = 32
_HEADS: Final = tuple(bytes([_METRICS, length]) for length in range(0x80))
"""Length of a metric, at most 33 bytes here, to what stands in front of it."""

_pack_float: Final = struct.Struct("<Bf").pack
_pack_double: Final = struct.Struct("<Bd").pack


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


def _whole(bits: int, *, signed: bool) -> FastWriter:
    """Return the writer of whole numbers of so many bits."""
    low = -(1 << bits - 1) if signed else 0
    high = low + (1 << bits) - 1
    tag = _INT if bits <= _INT_BITS else _LONG
    mask = (1 << max(_INT_BITS, bits)) - 1

    def write(value: Value) -> bytes | None:
        if type(value) is not int or not low <= value <= high:
            return None
        return number_field(tag, value & mask)

    return write


_FAST_WRITERS: Final[dict[DataType, FastWriter]] = {
    DataType.FLOAT: _float,
    DataType.DOUBLE: _double,
    DataType.BOOLEAN: _boolean,
    **{signed: _whole(bits, signed=True) for bits, signed, _ in _SIZES},
    **{unsigned: _whole(bits, signed=False) for bits, _, unsigned in _SIZES},
}
