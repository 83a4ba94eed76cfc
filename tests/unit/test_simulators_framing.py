"""Frames as a simulated slave cuts them."""

import pytest

from protocols.errors import FrameError
from simulators.framing import MbapStream, Request, RtuStream, crc16, mbap_frame, rtu_frame

# The request of the specification's serial line guide: unit 17 reads 3 registers from 0x6B.
SPEC_REQUEST = bytes.fromhex("1103006B00037687")


@pytest.mark.parametrize(
    ("body", "crc"),
    [
        ("1103006B0003", "7687"),
        ("01030000000A", "C5CD"),
        ("0207", "4112"),
        ("110100130025", "0E84"),
    ],
)
def test_crc_of_published_frames(body: str, crc: str) -> None:
    assert crc16(bytes.fromhex(body)).to_bytes(2, "little").hex().upper() == crc


def test_rtu_frame_is_the_published_one() -> None:
    assert rtu_frame(0x11, bytes.fromhex("03006B0003")) == SPEC_REQUEST


def test_mbap_frame_is_the_published_one() -> None:
    frame = mbap_frame(0x1501, 0xFF, bytes.fromhex("0302000A"))
    assert frame.hex().upper() == "150100000005FF0302000A"


def test_mbap_requests_are_cut_from_any_split() -> None:
    frames = mbap_frame(1, 7, b"\x03\x00\x00\x00\x01") + mbap_frame(2, 8, b"\x01\x00\x00\x00\x09")
    wanted = [
        Request(1, 7, b"\x03\x00\x00\x00\x01"),
        Request(2, 8, b"\x01\x00\x00\x00\x09"),
    ]
    for at in range(len(frames) + 1):
        stream = MbapStream()
        assert stream.feed(frames[:at]) + stream.feed(frames[at:]) == wanted


@pytest.mark.parametrize("header", ["000100010006", "000100000000", "000100000100"])
def test_bytes_that_are_not_modbus_tcp_end_the_connection(header: str) -> None:
    with pytest.raises(FrameError, match="no MBAP header"):
        MbapStream().feed(bytes.fromhex(header) + b"\x01\x03")


def test_rtu_requests_are_cut_from_any_split() -> None:
    write = rtu_frame(3, bytes.fromhex("10000100020 4000A0102".replace(" ", "")))
    frames = SPEC_REQUEST + write
    for at in range(len(frames) + 1):
        stream = RtuStream()
        requests = stream.feed(frames[:at]) + stream.feed(frames[at:])
        assert [(one.unit, one.pdu[0]) for one in requests] == [(17, 3), (3, 16)]


@pytest.mark.parametrize("noise", ["00", "1103", "FFFF01", "0103006B00037687"])
def test_rtu_finds_the_next_request_after_noise(noise: str) -> None:
    requests = RtuStream().feed(bytes.fromhex(noise) + SPEC_REQUEST)
    assert requests[-1:] == [Request(0, 17, bytes.fromhex("03006B0003"))]


def test_rtu_with_a_wrong_crc_is_no_request() -> None:
    stream = RtuStream()
    assert stream.feed(SPEC_REQUEST[:-1] + b"\x00") == []
    assert stream.silence() == []


def test_silence_ends_a_frame_of_an_unknown_function() -> None:
    stream = RtuStream()
    assert stream.feed(rtu_frame(5, b"\x2b\x0e\x01\x00")) == []
    assert stream.silence() == [Request(0, 5, b"\x2b\x0e\x01\x00")]


def test_silence_forgets_half_a_frame() -> None:
    stream = RtuStream()
    assert stream.feed(SPEC_REQUEST[:5]) == []
    assert stream.silence() == []
    assert len(stream.feed(SPEC_REQUEST)) == 1


def test_endless_noise_is_forgotten() -> None:
    stream = RtuStream()
    for _ in range(100):
        assert stream.feed(b"\x55" * 100) == []
    assert len(stream._buffer) == 256
