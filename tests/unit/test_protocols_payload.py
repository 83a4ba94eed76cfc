import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import ValueRangeError
from protocols.reading import Quality
from protocols.sparkplug import sparkplug_b_pb2 as wire
from protocols.sparkplug.datatypes import ARRAY_CODES, SIGNED_BITS, UNSIGNED_BITS, DataType
from protocols.sparkplug.payload import (
    READERS,
    Metric,
    Payload,
    decode_payload,
    encode_metrics,
    mark_historical,
    may_carry_quality,
    name_metrics,
    parse,
    read_quality,
    seal,
)

NOW = 1_700_000_000_000
TEXT = st.text(st.characters(blacklist_categories=("Cs",)))

VALUES: dict[DataType, st.SearchStrategy[Any]] = {
    **{k: st.integers(-(1 << (b - 1)), (1 << (b - 1)) - 1) for k, b in SIGNED_BITS.items()},
    **{k: st.integers(0, (1 << b) - 1) for k, b in UNSIGNED_BITS.items()},
    DataType.FLOAT: st.floats(width=32, allow_nan=False, allow_infinity=False),
    DataType.DOUBLE: st.floats(allow_nan=False, allow_infinity=False),
    DataType.BOOLEAN: st.booleans(),
    DataType.STRING: TEXT,
    DataType.TEXT: TEXT,
    DataType.UUID: TEXT,
    DataType.UINT64_ARRAY: st.lists(st.integers(0, 2**64 - 1)),
    DataType.INT8_ARRAY: st.lists(st.integers(-128, 127)),
    DataType.INT32_ARRAY: st.lists(st.integers(-(2**31), 2**31 - 1)),
}


@pytest.mark.parametrize("datatype", VALUES, ids=lambda kind: kind.name)
def test_every_datatype_comes_back_as_it_went(datatype: DataType) -> None:
    @given(VALUES[datatype])
    def round_trip(value: Any) -> None:
        metric = Metric(name="x", timestamp=NOW, datatype=datatype, value=value)
        assert decode_payload(encode_metrics([metric])).metrics == [metric]

    round_trip()


def test_readers_cover_exactly_the_single_values() -> None:
    assert set(READERS) == {kind for kind in VALUES if kind not in ARRAY_CODES}


@pytest.mark.parametrize(
    ("datatype", "field", "sent", "value"),
    [
        (DataType.INT8, "int_value", 0xFB, -5),
        (DataType.INT8, "int_value", 0xFFFFFFFB, -5),
        (DataType.INT32, "int_value", 0x80000000, -(2**31)),
        (DataType.INT64, "long_value", 2**64 - 1, -1),
        (DataType.INT64, "int_value", 7, 7),
        (DataType.UINT32, "long_value", 2**32 - 1, 2**32 - 1),
        (DataType.DOUBLE, "float_value", 0.5, 0.5),
        (DataType.FLOAT, "double_value", 0.5, 0.5),
        (DataType.DOUBLE, "double_value", 0.0, 0.0),
        (DataType.BOOLEAN, "boolean_value", False, False),
        (DataType.STRING, "string_value", "", ""),
        (DataType.DOUBLE, "string_value", "12", None),
        (DataType.INT16, "double_value", 3.0, None),
        (DataType.BOOLEAN, "int_value", 1, None),
    ],
)
def test_a_reader_takes_the_neighbour_field_and_never_invents_a_zero(
    datatype: DataType, field: str, sent: Any, value: Any
) -> None:
    metric = wire.Metric(**{field: sent})
    assert READERS[datatype](metric) == value
    assert type(READERS[datatype](metric)) is type(value)


@pytest.mark.parametrize("datatype", READERS)
def test_an_absent_value_reads_as_none(datatype: int) -> None:
    assert READERS[datatype](wire.Metric(is_null=True)) is None


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_becomes_a_bad_null(value: float) -> None:
    data = encode_metrics([Metric(alias=4, datatype=DataType.FLOAT, value=value)])
    (metric,) = parse(data).metrics
    assert metric.is_null
    assert metric.WhichOneof("value") is None
    assert read_quality(metric) == (Quality.BAD, "not_a_number")


@pytest.mark.parametrize(
    ("datatype", "value"),
    [
        (DataType.INT8, 128),
        (DataType.INT8, -129),
        (DataType.UINT8, -1),
        (DataType.UINT16, 65_536),
        (DataType.INT64, 2**63),
        (DataType.UINT64, 2**64),
        (DataType.INT16, 1.5),
        (DataType.INT16, "5"),
        (DataType.FLOAT, 1e39),
        (DataType.DOUBLE, "1"),
        (DataType.DOUBLE, 10**400),
        (DataType.BOOLEAN, 2),
        (DataType.BOOLEAN, "true"),
        (DataType.STRING, 5),
        (DataType.STRING, "\ud800"),
        (DataType.BYTES, "x"),
        (DataType.UINT64_ARRAY, [-1]),
        (DataType.STRING, [1]),
    ],
)
def test_a_value_that_does_not_fit_is_refused(datatype: DataType, value: Any) -> None:
    with pytest.raises(ValueRangeError):
        encode_metrics([Metric(alias=1, datatype=datatype, value=value)])


@pytest.mark.parametrize(
    "metric",
    [
        Metric(alias=-1, value=1.0),
        Metric(alias=2**64, value=1.0),
        Metric(alias=1, timestamp=-5, value=1.0),
        Metric(name="\ud800", value=1.0),
        Metric(alias=1, value=1.0, reason="\ud800"),
        Metric(alias=1, value=1.0, properties={"\ud800": 1}),
    ],
)
def test_a_metric_that_cannot_be_sent_is_refused(metric: Metric) -> None:
    with pytest.raises(ValueRangeError):
        encode_metrics([metric])


def test_a_name_brings_the_datatype_and_an_alias_does_not() -> None:
    data = encode_metrics([Metric(name="a", value=1), Metric(alias=2, value=True)])
    named, aliased = parse(data).metrics
    assert named.datatype == DataType.INT64
    assert not aliased.HasField("datatype")


def test_a_fragment_sealed_is_the_message_encoded_at_once() -> None:
    metrics = [Metric(alias=1, timestamp=NOW, value=1.5)]
    sealed = seal(encode_metrics(metrics), timestamp=NOW, seq=0, uuid="j/1")
    whole = wire.Payload(timestamp=NOW, seq=0, uuid="j/1")
    whole.metrics.add(alias=1, timestamp=NOW, double_value=1.5)
    assert sealed == whole.SerializeToString()
    assert decode_payload(seal(b"", timestamp=NOW)) == Payload(timestamp=NOW)


@given(
    timestamp=st.integers(0, 2**64 - 1),
    seq=st.none() | st.integers(0, 2**64 - 1),
    uuid=st.none() | TEXT,
)
def test_any_envelope_is_that_of_protobuf(
    timestamp: int, seq: int | None, uuid: str | None
) -> None:
    whole = wire.Payload(timestamp=timestamp, seq=seq, uuid=uuid)
    assert seal(b"", timestamp=timestamp, seq=seq, uuid=uuid) == whole.SerializeToString()


@pytest.mark.parametrize(
    "envelope",
    [
        {"timestamp": -1},
        {"timestamp": 2**64},
        {"timestamp": 1, "seq": -1},
        {"timestamp": 1, "uuid": "\ud800"},
    ],
)
def test_an_envelope_that_cannot_be_is_refused(envelope: dict[str, Any]) -> None:
    with pytest.raises(ValueRangeError):
        seal(b"", **envelope)


def test_a_fragment_becomes_historical_and_keeps_everything_else() -> None:
    metrics = [
        Metric(alias=1, timestamp=NOW, value=-1.5, quality=Quality.GOOD),
        Metric(alias=2, timestamp=NOW, quality=Quality.BAD, reason="timeout"),
    ]
    marked = decode_payload(mark_historical(encode_metrics(metrics))).metrics
    assert [metric.is_historical for metric in marked] == [True, True]
    for metric in marked:
        metric.is_historical = False
    assert marked == metrics


def test_retired_aliases_are_replaced_by_names() -> None:
    data = encode_metrics(
        [
            Metric(alias=0, timestamp=NOW, datatype=DataType.INT16, value=-5),
            Metric(alias=7, timestamp=NOW, value=1.5),
        ]
    )
    first, second = decode_payload(name_metrics(data, {0: ("delta", DataType.INT16)})).metrics
    assert first == Metric(name="delta", timestamp=NOW, datatype=DataType.INT16, value=-5)
    assert second.alias == 7


def test_a_known_alias_tells_how_a_command_is_read() -> None:
    data = encode_metrics([Metric(alias=3, datatype=DataType.INT16, value=-5)])
    assert decode_payload(data).metrics[0].value == 2**32 - 5
    (metric,) = decode_payload(data, datatypes={3: DataType.INT16}).metrics
    assert (metric.value, metric.datatype) == (-5, DataType.INT16)


@pytest.mark.parametrize(
    ("number", "quality"),
    [
        (0, Quality.BAD),
        (192, Quality.GOOD),
        (216, Quality.GOOD),
        (500, Quality.STALE),
        (64, Quality.BAD),
        (4_294_967_295, Quality.BAD),
    ],
)
def test_foreign_qualities_are_judged_like_opc(number: int, quality: Quality) -> None:
    metric = wire.Metric(alias=1)
    metric.properties.keys.append("Quality")
    metric.properties.values.add(type=3, int_value=number)
    assert read_quality(metric) == (quality, "")
    data = wire.Payload(metrics=[metric]).SerializeToString()
    assert may_carry_quality(data)
    assert decode_payload(data).metrics[0].quality is quality


def test_a_metric_that_says_nothing_is_good() -> None:
    data = encode_metrics([Metric(alias=1, value=1.0)])
    assert not may_carry_quality(data)
    assert read_quality(parse(data).metrics[0]) == (Quality.GOOD, "")


def test_properties_of_every_kind_come_back() -> None:
    properties = {"a": 1, "b": -2, "c": 1.5, "d": "\u6cf5", "e": True, "f": None}
    metric = Metric(name="x", value=1.0, datatype=DataType.DOUBLE, properties=dict(properties))
    assert decode_payload(encode_metrics([metric])).metrics == [metric]
