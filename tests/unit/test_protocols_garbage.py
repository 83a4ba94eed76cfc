import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import FrameError
from protocols.reading import Quality
from protocols.sparkplug import sparkplug_b_pb2 as wire
from protocols.sparkplug.births import AMBIGUOUS, Table, bd_seq_of, says_online
from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.journal_ack import decode_ack
from protocols.sparkplug.payload import (
    MAX_PAYLOAD_BYTES,
    READERS,
    Metric,
    decode_payload,
    encode_payload,
    parse,
    read_quality,
)

NOW = 1_700_000_000_000


def torn() -> dict[str, bytes]:
    keys_only = wire.Payload()
    keys_only.metrics.add(name="x").properties.keys.append("Quality")
    odd_array = wire.Payload()
    odd_array.metrics.add(name="x", datatype=29, bytes_value=b"1234567")
    unknown = wire.Payload()
    unknown.metrics.add(name="x", datatype=99, int_value=1)
    return {
        "keys without values": keys_only.SerializeToString(),
        "array with half an element": odd_array.SerializeToString(),
        "unknown datatype": unknown.SerializeToString(),
        "text": b"hello",
        "json": b'{"timestamp": 1}',
        "not UTF-8": bytes.fromhex("12040a02c328"),
        "too long": bytes(MAX_PAYLOAD_BYTES + 1),
        "deeply nested": nested(400),
    }


def nested(depth: int) -> bytes:
    """A template in a template: the parser's recursion limit must not be a crash."""
    data = b""
    for _ in range(depth):
        metric = b"\x92\x01" + length(data) + data
        data = b"\x12" + length(metric) + metric
    return data


def length(data: bytes) -> bytes:
    number, out = len(data), bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


@pytest.mark.parametrize("what", torn())
def test_what_is_no_payload_is_a_frame_error(what: str) -> None:
    with pytest.raises(FrameError):
        decode_payload(torn()[what])


def take_apart(data: bytes) -> None:
    """Do everything that a receiver does; only FrameError may come out."""
    try:
        message = parse(data)
    except FrameError:
        return
    bd_seq_of(message)
    says_online(message)
    table = Table(message.metrics)
    for metric in message.metrics:
        read_quality(metric)
        known = table.find(metric)
        for read in READERS.values():
            read(metric)
        assert known is None or known is AMBIGUOUS or known.datatype
    try:
        decode_ack(decode_payload(data))
    except FrameError:
        return


@given(st.binary(max_size=200))
def test_garbage_raises_nothing_but_frame_errors(data: bytes) -> None:
    take_apart(data)


WHOLE = encode_payload(
    [
        Metric(
            name="Node Control/Journal Ack",
            alias=1,
            timestamp=NOW,
            datatype=DataType.UINT64_ARRAY,
            value=[1, 2],
            quality=Quality.STALE,
            reason="late",
            properties={"engUnit": "kPa"},
        ),
        Metric(name="bdSeq", timestamp=NOW, datatype=DataType.INT64, value=-3),
        Metric(alias=9, timestamp=NOW, value="text"),
    ],
    timestamp=NOW,
    seq=200,
    uuid="j/7",
)


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255), st.integers(1, len(WHOLE)))
def test_a_damaged_message_raises_nothing_but_frame_errors(at: int, mask: int, end: int) -> None:
    damaged = bytearray(WHOLE)
    damaged[at] ^= mask
    take_apart(bytes(damaged[:end]))


def test_a_message_that_declares_an_alias_twice_raises_nothing() -> None:
    take_apart(WHOLE + WHOLE.replace(b"Control", b"Co_trol"))


def test_a_message_cut_inside_a_metric_is_a_frame_error() -> None:
    end_of_metrics = len(WHOLE) - len(wire.Payload(seq=200, uuid="j/7").SerializeToString())
    cut = [end for end in range(7, end_of_metrics) if not is_whole(WHOLE[:end])]
    assert len(cut) > end_of_metrics - 12


def is_whole(data: bytes) -> bool:
    try:
        decode_payload(data)
    except FrameError:
        return False
    return True
