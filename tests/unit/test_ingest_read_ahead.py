"""What has arrived from the broker is cut into packets without paho, and paho gets the rest."""

import random
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion

from server.ingest.read_ahead import Published, ReadAhead, ReadAheadClient


class Wire:
    """Gives what was put in, at most so much at once."""

    def __init__(self, data: bytes = b"", *, at_once: int = 1 << 20) -> None:
        self.data = data
        self.at_once = at_once
        self.ended = False
        self.error: OSError | None = None

    def recv(self, size: int) -> bytes:
        size = min(size, self.at_once)
        given_, self.data = self.data[:size], self.data[size:]
        if given_ or self.ended:
            return given_
        raise self.error or BlockingIOError


def packet(first: int, body: bytes) -> bytes:
    size, head = len(body), bytearray([first])
    while size > 127:
        head.append(size & 127 | 128)
        size >>= 7
    return bytes([*head, size]) + body


def publish(topic: bytes, payload: bytes, *, qos: int = 0, retain: bool = False) -> bytes:
    number = b"\0\1" if qos else b""
    body = len(topic).to_bytes(2, "big") + topic + number + payload
    return packet(0x30 | qos << 1 | retain, body)


def everything(wire: Wire) -> Iterator[Published | bytes]:
    """What the client would hand over or give to paho, in order."""
    ahead = ReadAhead(wire)
    while True:
        ahead.fill()
        yield from ahead.take_published()
        while ahead.has_packet():
            got = b""
            try:
                while data := ahead.recv(977):
                    got += data
            except BlockingIOError:
                yield got
            else:
                return
            yield from ahead.take_published()
        if not wire.data:
            wire.ended = True


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["data", "retained", "qos1", "ping"]),
            st.integers(0, 40_000),
        ),
        max_size=12,
    ),
    st.integers(200, 70_000),
)
def test_every_packet_comes_through_once_and_in_order(
    kinds: list[tuple[str, int]], at_once: int
) -> None:
    chance = random.Random(1)  # noqa: S311 (no secret)
    sent: list[bytes] = []
    expected: list[Published | bytes] = []
    for number, (kind, size) in enumerate(kinds):
        topic, payload = f"t/{number}".encode(), chance.randbytes(size)
        match kind:
            case "data":
                sent.append(publish(topic, payload))
                expected.append(Published(topic, payload, retain=False))
            case "retained":
                sent.append(publish(topic, payload, retain=True))
                expected.append(Published(topic, payload, retain=True))
            case "qos1":
                sent.append(publish(topic, payload, qos=1))
                expected.append(sent[-1])
            case _:
                sent.append(packet(0xD0, b""))
                expected.append(sent[-1])
    assert list(everything(Wire(b"".join(sent), at_once=at_once))) == expected


@pytest.mark.parametrize(
    "nonsense",
    [
        packet(0x30, b"\xff\xff/too-short"),
        packet(0x30, b"x"),
        b"\x30\xff\xff\xff\xff\xff",
        packet(0x36, b"\0\1tqos3"),
    ],
)
def test_nonsense_is_left_to_paho(nonsense: bytes) -> None:
    [got] = list(everything(Wire(nonsense)))
    assert got == nonsense


def test_what_came_before_the_end_is_heard() -> None:
    wire = Wire(publish(b"t", b"last") + packet(0x40, b"\0\1") + publish(b"t", b"words"))
    wire.ended = True
    assert list(everything(wire)) == [
        Published(b"t", b"last", retain=False),
        packet(0x40, b"\0\1"),
        Published(b"t", b"words", retain=False),
    ]


def test_an_error_is_told_where_paho_looks_for_it() -> None:
    wire = Wire(publish(b"t", b"x"))
    ahead = ReadAhead(wire)
    ahead.fill()
    assert len(ahead.take_published()) == 1
    assert not ahead.has_packet()
    wire.error = ConnectionResetError()
    ahead.fill()
    assert ahead.has_packet()
    with pytest.raises(ConnectionResetError):
        ahead.recv(1)


def test_paho_still_asks_where_its_socket_comes_from() -> None:
    """The one word of paho's own that the client builds on."""
    listening = socket.create_server(("127.0.0.1", 0))
    client = ReadAheadClient(CallbackAPIVersion.VERSION2)
    client.on_published = lambda _messages: None
    client.connect("127.0.0.1", listening.getsockname()[1])
    try:
        assert isinstance(client.socket(), ReadAhead)
    finally:
        client.disconnect()
        listening.close()
