"""Echoes: what is sent, what a host sends back, and what is neither."""

from random import Random

import pytest

from protocols.errors import FrameError, ValueRangeError
from protocols.icmp.echo import LARGEST, Echo, echo_reply, echo_request

REPLIES = [
    # Recorded on the loopback: identifier 0x0007, sequence 1.
    (4, "0000 46e2 0007 0001 706c616e74726f6f6d", Echo(1, b"plantroom")),
    (6, "8100 c5d1 0007 ffff", Echo(0xFFFF)),
]


@pytest.mark.parametrize(("version", "packet", "repeats"), REPLIES)
def test_a_reply_repeats_its_request(version: int, packet: str, repeats: Echo) -> None:
    assert echo_reply(bytes.fromhex(packet), version=version) == repeats


@pytest.mark.parametrize(("version", "kind"), [(4, 8), (6, 128)])
def test_a_request_leaves_to_the_kernel_what_is_the_kernels(version: int, kind: int) -> None:
    packet = echo_request(Echo(0x1234, b"ab"), version=version)
    assert packet == bytes((kind, 0, 0, 0, 0, 0, 0x12, 0x34)) + b"ab"


@pytest.mark.parametrize(
    ("version", "packet"),
    [
        (4, ""),
        (4, "00000000000000"),  # a byte is missing
        (4, "0800000000070001"),  # a request
        (4, "0301000000000000"),  # the host cannot be reached
        (4, "8100000000070001"),  # of the other version
        (6, "0000000000070001"),
        (6, "8101000000070001"),  # no code is known
    ],
)
def test_what_is_no_reply_is_refused(version: int, packet: str) -> None:
    with pytest.raises(FrameError):
        echo_reply(bytes.fromhex(packet), version=version)


@pytest.mark.parametrize("echo", [Echo(-1), Echo(0x10000), Echo(1, bytes(LARGEST))])
def test_what_does_not_fit_is_not_sent(echo: Echo) -> None:
    with pytest.raises(ValueRangeError):
        echo_request(echo, version=4)


@pytest.mark.seeds(2, 50)
def test_garbage_is_a_reply_or_an_error(seed: int) -> None:
    rng = Random(seed)  # noqa: S311 (a search)
    for _ in range(2000):
        packet = rng.randbytes(rng.randrange(40))
        if rng.random() < 0.5:
            packet = bytes((rng.choice((0, 129)), 0)) + packet
        try:
            found = echo_reply(packet, version=rng.choice((4, 6)))
        except FrameError:
            continue
        assert packet.endswith(found.data)
