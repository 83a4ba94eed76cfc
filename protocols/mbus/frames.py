"""Frames of M-Bus: E5, ``10 C A CS 16``, ``68 L L 68 C A CI DATA CS 16`` (EN 13757-2)."""

from dataclasses import dataclass
from typing import Final, TypeAlias

from protocols.errors import FrameError, ValueRangeError
from protocols.frame_stream import Found, FrameStream, only_frame

ACK: Final = 0xE5
SHORT_START: Final = 0x10
LONG_START: Final = 0x68
END: Final = 0x16
SHORT_BYTES: Final = 5
LONG_OVERHEAD: Final = 6
HEAD_BYTES: Final = 3
"""C, A and CI, which L counts."""
MOST_DATA: Final = 252
LONGEST_FRAME: Final = LONG_OVERHEAD + HEAD_BYTES + MOST_DATA
"""Bytes that a stream keeps at most while it waits for more."""
_BODY_AT: Final = 4
_BYTE: Final = 0xFF


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """E5: taken."""

    def encode(self) -> bytes:
        """Return its byte."""
        return bytes((ACK,))


@dataclass(frozen=True, slots=True)
class ShortFrame:
    """A request without data.

    Attributes:
        control: C.
        address: Primary address, 0..255.
    """

    control: int
    address: int

    def encode(self) -> bytes:
        """Return its bytes."""
        body = _bytes(self.control, self.address)
        return bytes((SHORT_START, *body, sum(body) & _BYTE, END))


@dataclass(frozen=True, slots=True)
class LongFrame:
    """A frame with data; one without is a control frame.

    Attributes:
        control: C.
        address: Primary address, 0..255.
        information: CI: what the data are.
        data: 0..252 bytes.
    """

    control: int
    address: int
    information: int
    data: bytes = b""

    def encode(self) -> bytes:
        """Return its bytes.

        Raises:
            ValueRangeError: More data than a frame takes.
        """
        if len(self.data) > MOST_DATA:
            raise ValueRangeError(f"{len(self.data)} bytes of data; at most {MOST_DATA}")
        body = _bytes(self.control, self.address, self.information) + self.data
        head = bytes((LONG_START, len(body), len(body), LONG_START))
        return head + body + bytes((sum(body) & _BYTE, END))


Frame: TypeAlias = Acknowledgement | ShortFrame | LongFrame


def _bytes(*values: int) -> bytes:
    if not all(0 <= value <= _BYTE for value in values):
        raise ValueRangeError(f"C, A and CI are one byte each, not {values}")
    return bytes(values)


def examine(buffer: bytes, at: int = 0) -> Found[Frame] | None:
    """Return the frame that begins at ``at``; None: more bytes are needed.

    Raises:
        FrameError: No frame begins there.
    """
    if len(buffer) <= at:
        return None
    match buffer[at]:
        case 0xE5:
            return Found(Acknowledgement(), at + 1, certain=False)
        case 0x10:
            return _short(buffer, at)
        case 0x68:
            return _long(buffer, at)
        case other:
            raise FrameError(f"a frame begins with E5H, 10H or 68H, not {other:02X}H")


def _short(buffer: bytes, at: int) -> Found[Frame] | None:
    end = at + SHORT_BYTES
    if len(buffer) < end:
        return None
    _check(buffer, at + 1, end)
    return Found(ShortFrame(buffer[at + 1], buffer[at + 2]), end, certain=False)


def _long(buffer: bytes, at: int) -> Found[Frame] | None:
    head = buffer[at : at + _BODY_AT]
    size = head[1] if len(head) > 1 else HEAD_BYTES
    if size < HEAD_BYTES:
        raise FrameError(f"length {size}; a frame has {HEAD_BYTES} at least")
    if head != bytes((LONG_START, size, size, LONG_START))[: len(head)]:
        raise FrameError(f"a frame with data begins with 68 L L 68, not {head.hex(' ').upper()}")
    end = at + LONG_OVERHEAD + size
    if len(buffer) < end:
        return None
    body_at = at + _BODY_AT
    _check(buffer, body_at, end)
    control, address, information = buffer[body_at : body_at + HEAD_BYTES]
    data = buffer[body_at + HEAD_BYTES : end - 2]
    return Found(LongFrame(control, address, information, data), end)


def _check(buffer: bytes, first: int, end: int) -> None:
    if buffer[end - 1] != END:
        raise FrameError(f"a frame ends with 16H, not {buffer[end - 1]:02X}H")
    total = sum(buffer[first : end - 2]) & _BYTE
    if buffer[end - 2] != total:
        raise FrameError(f"sum {buffer[end - 2]:02X}H; the bytes give {total:02X}H")


def decode_frame(data: bytes) -> Frame:
    """Return the frame that is all of ``data``.

    Raises:
        FrameError: It is none, it is cut, or something follows it.
    """
    return only_frame(data, examine)


def frame_stream() -> FrameStream[Frame]:
    """Return what cuts the bytes of a line into frames."""
    return FrameStream(
        starts=bytes((ACK, SHORT_START, LONG_START)),
        shortest=1,
        longest=LONGEST_FRAME,
        examine=examine,
    )
