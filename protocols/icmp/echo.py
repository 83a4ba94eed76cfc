"""Echo requests and their replies, as a kernel's socket for pings carries them (no I/O).

Checksum and identifier are the kernel's: it fills them in, and hands over the replies to its own
requests only, without the header of the IP packet.
"""

import struct
from typing import Final, NamedTuple

from protocols.errors import FrameError, ValueRangeError

_HEADER: Final = struct.Struct(">BBHHH")  # type, code, checksum, identifier, sequence
_REQUEST: Final = {4: 8, 6: 128}
_REPLY: Final = {4: 0, 6: 129}
_MOST_SEQUENCE: Final = 0xFFFF
LARGEST: Final = 1024
"""Bytes of a packet that are looked at."""


class Echo(NamedTuple):
    """One request or reply.

    Attributes:
        sequence: 0..65535; a reply repeats its request's.
        data: A reply repeats it.
    """

    sequence: int
    data: bytes = b""


def echo_request(echo: Echo, *, version: int) -> bytes:
    """Return the bytes of a request.

    Args:
        echo: What the host is to repeat.
        version: Of IP, 4 or 6.

    Raises:
        ValueRangeError: The sequence has more than 16 bits, or the packet would be too long.
    """
    if not 0 <= echo.sequence <= _MOST_SEQUENCE:
        raise ValueRangeError(f"sequence {echo.sequence} of an echo: expected 0..65535")
    if len(echo.data) > LARGEST - _HEADER.size:
        raise ValueRangeError(f"{len(echo.data)} bytes in an echo, more than fit in {LARGEST}")
    return _HEADER.pack(_REQUEST[version], 0, 0, 0, echo.sequence) + echo.data


def echo_reply(packet: bytes, *, version: int) -> Echo:
    """Return what a reply repeats.

    Raises:
        FrameError: It is no echo reply.
    """
    if len(packet) < _HEADER.size:
        raise FrameError(f"{len(packet)} bytes are no ICMP packet")
    kind, code, _, _, sequence = _HEADER.unpack_from(packet)
    if (kind, code) != (_REPLY[version], 0):
        raise FrameError(f"ICMP type {kind}, code {code}: no echo reply")
    return Echo(sequence, packet[_HEADER.size :])
