"""Frames of CJ/T 188: ``68 T A0..A6 C L DATA CS 16``, after up to four FEH."""

from dataclasses import dataclass
from typing import Final

from protocols.cjt188.addresses import ADDRESS_BYTES, address_bytes, address_text
from protocols.errors import FrameError, ValueRangeError
from protocols.frame_stream import Found, FrameStream, only_frame

START: Final = 0x68
END: Final = 0x16
WAKE_UP: Final = 0xFE
MOST_WAKE_UP: Final = 4
HEADER_BYTES: Final = 11
OVERHEAD_BYTES: Final = HEADER_BYTES + 2
MOST_DATA: Final = 255
"""What the length byte can say; the standard uses 100 (reading) and 50 (writing) at most."""
LONGEST_FRAME: Final = OVERHEAD_BYTES + MOST_DATA
"""Bytes that a stream keeps at most while it waits for more."""

ANSWER: Final = 0x80
ERROR: Final = 0x40
_BYTE: Final = 0xFF


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame.

    Attributes:
        meter_type: T, 10H..49H; AAH in a request to any type.
        address: 14 digits as printed: maker's code, then meter number.
        control: C; bit 7: from the meter, bit 6: an error reply.
        data: DATA, 0..255 bytes.
    """

    meter_type: int
    address: str
    control: int
    data: bytes = b""

    @property
    def is_answer(self) -> bool:
        """Whether a meter sent it."""
        return bool(self.control & ANSWER)

    @property
    def is_error(self) -> bool:
        """Whether it refuses a request."""
        return self.is_answer and bool(self.control & ERROR)

    def encode(self, *, wake_up: int = 0) -> bytes:
        """Return its bytes after so many FEH (0..4).

        Raises:
            ValueRangeError: A part does not fit its place.
        """
        if len(self.data) > MOST_DATA:
            raise ValueRangeError(f"{len(self.data)} bytes of data; at most {MOST_DATA}")
        if not (0 <= self.meter_type <= _BYTE and 0 <= self.control <= _BYTE):
            raise ValueRangeError("meter type and control code are one byte each")
        if not 0 <= wake_up <= MOST_WAKE_UP:
            raise ValueRangeError(f"{wake_up} wake-up bytes; 0..{MOST_WAKE_UP} are allowed")
        head = bytes((START, self.meter_type))
        tail = bytes((self.control, len(self.data)))
        body = head + address_bytes(self.address) + tail + self.data
        return bytes((WAKE_UP,)) * wake_up + body + bytes((sum(body) & _BYTE, END))


def examine(buffer: bytes, at: int = 0) -> Found[Frame] | None:
    """Return the frame that begins at ``at``; None: more bytes are needed.

    Raises:
        FrameError: No frame begins there.
    """
    if len(buffer) > at and buffer[at] != START:
        raise FrameError(f"a frame begins with 68H, not {buffer[at]:02X}H")
    if len(buffer) < at + HEADER_BYTES:
        return None
    size = buffer[at + HEADER_BYTES - 1]
    end = at + OVERHEAD_BYTES + size
    if len(buffer) < end:
        return None
    if buffer[end - 1] != END:
        raise FrameError(f"a frame ends with 16H, not {buffer[end - 1]:02X}H")
    total = sum(buffer[at : end - 2]) & _BYTE
    if buffer[end - 2] != total:
        raise FrameError(f"sum {buffer[end - 2]:02X}H; the bytes give {total:02X}H")
    data_at = at + HEADER_BYTES
    frame = Frame(
        meter_type=buffer[at + 1],
        address=address_text(buffer[at + 2 : at + 2 + ADDRESS_BYTES]),
        control=buffer[data_at - 2],
        data=buffer[data_at : data_at + size],
    )
    return Found(frame, end)


def decode_frame(data: bytes) -> Frame:
    """Return the frame that is all of ``data``, wake-up bytes before it left out.

    Raises:
        FrameError: It is none, it is cut, or something follows it.
    """
    return only_frame(data, examine, filler=bytes((WAKE_UP,)))


def frame_stream() -> FrameStream[Frame]:
    """Return what cuts the bytes of a line into frames."""
    return FrameStream(
        starts=bytes((START,)),
        shortest=OVERHEAD_BYTES,
        longest=LONGEST_FRAME,
        examine=examine,
        filler=bytes((WAKE_UP,)),
    )
