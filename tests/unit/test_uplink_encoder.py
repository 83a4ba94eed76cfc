from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.computed import TimedComputed
from config.points import Point
from edge_agent.uplink.births import device_birth, retired_birth
from edge_agent.uplink.encoder import (
    DeviceEncoder,
    datatype_of_point,
    state_readings,
)
from protocols.reading import Quality, Reading, Value
from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.names import STATE, STATE_REASON
from protocols.sparkplug.payload import Metric, Payload, decode_payload, encode_metrics
from tests.fakes.gateway import NOW, point, pump

BAD, GOOD, STALE = Quality.BAD, Quality.GOOD, Quality.STALE


def encoder_of(*, datatype_in_data: bool = False, **points: Point) -> DeviceEncoder:
    numbers = count(1)
    return DeviceEncoder(
        pump("p1", **points),
        lambda _device, _point, _datatype: next(numbers),
        datatype_in_data=datatype_in_data,
    )


def sent(encoder: DeviceEncoder, *readings: Reading) -> list[Metric]:
    return decode_payload(encoder.fragment(readings), datatypes=encoder.datatypes).metrics


KINDS = {
    "float32": DataType.FLOAT,
    "float64": DataType.DOUBLE,
    "bit": DataType.BOOLEAN,
    "int16": DataType.INT16,
    "uint16": DataType.UINT16,
    "int32": DataType.INT32,
    "uint32": DataType.UINT32,
    "int64": DataType.INT64,
    "uint64": DataType.UINT64,
}
EDGES = [
    sign * ((1 << bits) + step)
    for bits in (0, 15, 16, 31, 32, 63, 64)
    for sign in (1, -1)
    for step in (-1, 0, 1)
]


def encoder_with(alias: int, kind: str) -> DeviceEncoder:
    flow = point(type=kind, **({"bit": 0} if kind == "bit" else {}))
    return DeviceEncoder(pump("p1", flow=flow), lambda _device, _point, _datatype: alias)


@pytest.mark.long
@given(
    alias=st.integers(1, 2**31),
    at=st.integers(0, 2**42 - 1),
    number=st.floats(width=32)
    | st.booleans()
    | st.none()
    | st.integers()
    | st.floats()
    | st.sampled_from(EDGES)
    | st.text(),
    kind=st.sampled_from(sorted(KINDS)),
)
def test_the_fast_encoder_makes_the_same_bytes_or_none(
    alias: int, at: int, number: Value, kind: str
) -> None:
    encoder = encoder_with(alias, kind)
    _, write = encoder._fast["flow"]
    if write(number) is not None:
        ordinary = encode_metrics([Metric(None, alias, at, KINDS[kind], number)])
        assert encoder.fragment([Reading("flow", number, GOOD, at)]) == ordinary


@pytest.mark.parametrize("kind", KINDS)
def test_the_fast_encoder_makes_every_good_number_and_bit(kind: str) -> None:
    _, write = encoder_with(1, kind)._fast["flow"]
    good = {"bit": True, "float32": 1.5, "float64": -0.1}.get(kind, 7)
    assert write(good) is not None


def test_the_fast_encoder_makes_no_text() -> None:
    encoder = encoder_of(state=point(type="enum", enum={1: "on"}))
    assert "state" not in encoder._fast
    assert STATE not in encoder._fast


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, DataType.FLOAT),
        ({"scale": 0.1}, DataType.DOUBLE),
        ({"type": "float64"}, DataType.DOUBLE),
        ({"type": "int16"}, DataType.INT16),
        ({"type": "uint16", "offset": -273.15}, DataType.DOUBLE),
        ({"type": "uint64"}, DataType.UINT64),
        ({"type": "bcd32"}, DataType.UINT32),
        ({"type": "bitfield", "bit": 0, "width": 3}, DataType.UINT16),
        ({"type": "bit", "bit": 3}, DataType.BOOLEAN),
        ({"type": "bool", "table": "coil"}, DataType.BOOLEAN),
        ({"type": "string", "length": 4}, DataType.STRING),
        ({"type": "enum", "enum": {0: "off"}}, DataType.STRING),
    ],
)
def test_each_type_of_point_has_the_datatype_that_loses_nothing(
    changes: dict[str, object], expected: DataType
) -> None:
    assert datatype_of_point(point(**changes)) is expected


def test_a_bad_quality_is_logged_each_time_and_good_once_when_it_is_back() -> None:
    encoder = encoder_of(flow=point())
    qualities = [
        sent(encoder, Reading("flow", value, quality, NOW, reason))[0]
        for value, quality, reason in [
            (1.0, GOOD, ""),
            (None, BAD, "timeout"),
            (None, STALE, "late"),
            (2.0, GOOD, ""),
            (3.0, GOOD, ""),
        ]
    ]
    assert [(m.value, m.quality, m.reason) for m in qualities] == [
        (1.0, None, ""),
        (None, BAD, "timeout"),
        (None, STALE, "late"),
        (2.0, GOOD, ""),
        (3.0, None, ""),
    ]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_a_number_is_never_sent_as_one(value: float) -> None:
    (metric,) = sent(encoder_of(flow=point()), Reading("flow", value, GOOD, NOW))
    assert (metric.value, metric.quality, metric.reason) == (None, BAD, "not_a_number")


@pytest.mark.parametrize(
    ("kind", "value"), [("float32", 1e300), ("uint16", -1), ("uint16", 2.5), ("int16", "off")]
)
def test_a_value_that_does_not_fit_spoils_only_itself(kind: str, value: Value) -> None:
    encoder = encoder_of(odd=point(type=kind), fine=point())
    odd, fine = sent(encoder, Reading("odd", value, GOOD, NOW), Reading("fine", 1.5, GOOD, NOW))
    assert (odd.value, odd.quality, odd.reason) == (None, BAD, "out_of_range")
    assert (fine.value, fine.quality) == (1.5, None)


def test_every_reading_keeps_its_own_time_and_names_stay_at_home() -> None:
    encoder = encoder_of(a=point(), b=point(type="int32"), c=point(type="bit", bit=0))
    metrics = sent(
        encoder,
        Reading("a", 1.5, GOOD, NOW),
        Reading("b", -7, GOOD, NOW + 5),
        Reading("c", value=True, quality=GOOD, taken_at=5),
    )
    assert [(m.alias, m.name, m.value, m.timestamp) for m in metrics] == [
        (1, None, 1.5, NOW),
        (2, None, -7, NOW + 5),
        (3, None, True, 5),
    ]


def test_the_datatype_is_in_data_only_where_a_peer_needs_it() -> None:
    plain, full = encoder_of(a=point()), encoder_of(a=point(), datatype_in_data=True)
    reading = Reading("a", 1.5, GOOD, NOW)
    assert decode_payload(plain.fragment([reading])).metrics[0].datatype is None
    assert decode_payload(full.fragment([reading])).metrics[0].datatype is DataType.FLOAT


def birth_of(encoder: DeviceEncoder, *, online: bool = True) -> dict[str | None, Metric]:
    payload: Payload = decode_payload(device_birth(encoder, online=online, now_ms=NOW + 9))
    return {metric.name: metric for metric in payload.metrics}


def test_a_birth_describes_every_point_with_its_last_value() -> None:
    encoder = encoder_of(flow=point(unit="m3/h"), state=point(type="enum", enum={1: "on"}))
    encoder.fragment([Reading("flow", 2.5, GOOD, NOW)])
    born = birth_of(encoder)

    flow, state = born["flow"], born["state"]
    assert (flow.alias, flow.datatype, flow.value, flow.timestamp) == (1, DataType.FLOAT, 2.5, NOW)
    assert flow.quality is GOOD
    assert flow.properties == {
        "engUnit": "m3/h",
        "MaxSilence": 300_000,
        "Name/en": "Pressure",
        "Name/zh": "压力",
    }
    assert (state.value, state.quality, state.reason) == (None, STALE, "not_read")
    assert born["Properties/Profile"].value == "acme-pump"
    assert born["Properties/Unit"].value == "line/1"
    assert born["Properties/Online"].value is True
    assert born["Command/Result"].value is None


def test_a_device_that_may_be_commanded_declares_where_results_go() -> None:
    encoder = encoder_of(speed=point(writable={"minimum": 0, "maximum": 5}))
    encoder.fragment([Reading("Command/Result", "{}", GOOD, NOW)])
    result = birth_of(encoder)["Command/Result"]
    assert (result.datatype, result.alias, result.value) == (DataType.STRING, 2, None)


def test_a_retired_device_is_born_offline_with_what_its_rows_carry() -> None:
    fragment = retired_birth({"flow": (7, DataType.FLOAT)}, online_alias=9, now_ms=NOW)
    online, flow = decode_payload(fragment).metrics
    assert (online.name, online.value) == ("Properties/Online", False)
    assert (flow.name, flow.alias, flow.datatype, flow.value) == ("flow", 7, DataType.FLOAT, None)


def test_a_birth_says_how_the_unit_behaves_and_why() -> None:
    encoder = encoder_of()
    assert birth_of(encoder)[STATE].value is None
    encoder.remember(state_readings("offline", "timeout", NOW))
    born = birth_of(encoder, online=False)
    assert (born[STATE].value, born[STATE_REASON].value) == ("offline", "timeout")
    assert (born[STATE].timestamp, born[STATE].quality) == (NOW, GOOD)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"type": "int8", "byte": "high"}, DataType.INT16),
        ({"type": "uint24"}, DataType.UINT32),
        ({"type": "int48"}, DataType.INT64),
        ({"type": "float16"}, DataType.FLOAT),
        ({"type": "bcd64"}, DataType.UINT64),
        ({"type": "bcd32", "sign": "first_digit"}, DataType.INT32),
        ({"type": "bitfield", "bit": 0, "width": 32, "length": 2}, DataType.UINT32),
        ({"type": "bitfield", "bit": 0, "width": 2, "enum": {0: "off"}}, DataType.STRING),
        ({"type": "datetime", "time": {"counts": "seconds"}}, DataType.STRING),
        ({"raw_span": [0, 10], "span": [0, 1]}, DataType.DOUBLE),
        ({"ratio_from": ["ct"]}, DataType.DOUBLE),
    ],
)
def test_each_type_has_a_datatype_that_loses_nothing(
    changes: dict[str, object], expected: DataType
) -> None:
    given = {"table": "holding", "address": 0, "type": "uint16"} | changes
    assert datatype_of_point(Point.model_validate(given)) is expected


def test_computed_points_are_born_with_what_they_yield() -> None:
    device = pump("p1", a=point(), b=point())
    for name, expression in (("sum", "a + b"), ("high", "a > b")):
        device.computed[name] = TimedComputed(
            expression=expression, period_s=1, max_silence_s=60, unit="kW"
        )
    numbers = count(1)
    encoder = DeviceEncoder(device, lambda _device, _point, _datatype: next(numbers))
    encoder.remember([Reading("sum", 5.5, GOOD, NOW)])
    born = {
        one.name: one
        for one in decode_payload(device_birth(encoder, online=True, now_ms=NOW)).metrics
    }
    assert (born["sum"].datatype, born["sum"].value) == (DataType.DOUBLE, 5.5)
    assert (born["sum"].properties or {})["engUnit"] == "kW"
    assert born["high"].datatype is DataType.BOOLEAN
    (metric,) = sent(encoder, Reading("high", value=True, quality=GOOD, taken_at=NOW))
    assert metric.value is True
