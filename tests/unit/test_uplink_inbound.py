import pytest

from edge_agent.uplink.inbound import (
    Acknowledgement,
    HostState,
    PointCommand,
    Rebirth,
    read_message,
)
from protocols.errors import FrameError
from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.journal_ack import encode_ack
from protocols.sparkplug.names import PROPERTY_BY, REBIRTH
from protocols.sparkplug.payload import Metric, encode_payload

NCMD, DCMD = "spBv1.0/site/NCMD/gw", "spBv1.0/site/DCMD/gw/p1"


def read(topic: str, payload: bytes) -> list[object]:
    return list(read_message(topic, payload, lambda _device: {5: DataType.INT16}))


def test_a_rebirth_and_an_acknowledgement_are_reported_from_everything_else() -> None:
    rebirth = encode_payload([Metric(name=REBIRTH, value=True)], timestamp=1)
    refused = encode_payload([Metric(name=REBIRTH, value=False)], timestamp=1)
    other = encode_payload([Metric(name="Node Control/Reboot", value=True)], timestamp=1)
    assert read(NCMD, rebirth) == [Rebirth()]
    assert read(NCMD, encode_ack("j", [(1, 4)], 1)) == [Acknowledgement("j", [(1, 4)])]
    assert read(NCMD, refused) == []
    assert read(NCMD, other) == []


def test_a_rebirth_without_a_datatype_is_understood() -> None:
    # Metric name 1, boolean_value 14, as a minimal host would send it.
    name = REBIRTH.encode()
    metric = b"\x0a" + bytes([len(name)]) + name + b"\x70\x01"
    assert read(NCMD, b"\x12" + bytes([len(metric)]) + metric) == [Rebirth()]


def test_a_command_carries_value_key_and_time() -> None:
    metric = Metric(alias=5, timestamp=99, datatype=DataType.INT16, value=-3)
    payload = encode_payload([metric], timestamp=100, uuid="k")
    assert read(DCMD, payload) == [PointCommand("p1", 5, -3, "k", 99)]
    named = encode_payload([Metric(name="speed", value=2.5)], timestamp=100)
    assert read(DCMD, named) == [PointCommand("p1", "speed", 2.5, None, 100)]


def test_a_command_may_say_who_asks_and_why() -> None:
    metric = Metric(name="speed", value=2.5, reason="test run", properties={PROPERTY_BY: "wang"})
    payload = encode_payload([metric], timestamp=100)
    assert read(DCMD, payload) == [
        PointCommand("p1", "speed", 2.5, None, 100, by="wang", why="test run")
    ]


def test_several_points_in_one_message_are_commands_of_their_own() -> None:
    metrics = [Metric(name="speed", value=2.5), Metric(name="run", value=True)]
    found = read(DCMD, encode_payload(metrics, timestamp=100, uuid="k"))
    assert [command.key for command in found] == ["k/speed", "k/run"]


def test_a_host_says_whether_it_is_there() -> None:
    topic = "spBv1.0/STATE/scada"
    assert read(topic, b'{"online":true,"timestamp":7}') == [
        HostState("scada", online=True, timestamp=7)
    ]


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (NCMD, b"\xff\xfe"),
        (DCMD, b"\x12\x00"),
        ("spBv1.0/STATE/scada", b"ONLINE"),
        ("spBv1.0/STATE/scada", b"[1]"),
        ("spBv1.0/STATE/scada", b'{"online":"yes","timestamp":7}'),
        ("spBv1.0/STATE/scada", b'{"online":true,"timestamp":true}'),
        ("spBv1.0/STATE/scada", b"\xff"),
        ("spBv1.0/STATE/scada", b"[" * 100_000),
        ("some/other/topic", b""),
        (NCMD, encode_payload([Metric(name="Node Control/Journal Ack", value=[1])], timestamp=1)),
    ],
)
def test_torn_and_foreign_messages_are_refused(topic: str, payload: bytes) -> None:
    with pytest.raises(FrameError):
        read(topic, payload)


def test_kinds_that_are_not_for_a_node_are_ignored() -> None:
    assert read("spBv1.0/site/NDATA/gw", b"") == []
