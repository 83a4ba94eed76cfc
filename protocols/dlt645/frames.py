"""Frames: ``[FE ...] 68 A0..A5 68 C L DATA CS 16``, low byte of the address first (pure).

DATA are sent with 33H added to each byte; CS is the sum of all from the first 68H to the last of
DATA.
"""

import re
from typing import Final, NamedTuple

from protocols.dlt645 import codes
from protocols.errors import FrameError, ValueRangeError
from protocols.frame_stream import Found, FrameStream, only_frame

WAKE_UP: Final = 0xFE
BROADCAST: Final = "999999999999"
"""Every meter hears it and none answers."""
ANY: Final = "AAAAAAAAAAAA"
"""Every meter hears it and answers: for a line with one meter."""
MOST_DATA: Final = 200
"""Most bytes of DATA in a frame, in both editions; a length beyond is no frame."""

_START: Final = 0x68
_END: Final = 0x16
_BYTE: Final = 0xFF
_OFFSET: Final = 0x33
_WILDCARD: Final = 0xAA
_HEADER: Final = 10  # start, address, start, control, length
_SECOND_START: Final = 7
_LENGTH: Final = 9
_AROUND: Final = 12  # bytes of a frame beside DATA
_MOST_WAKE_UP: Final = 16
LONGEST_FRAME: Final = _AROUND + MOST_DATA
"""Bytes that a stream keeps at most while it waits for more."""
_ADDRESS: Final = re.compile(r"(?:AA){0,6}(?:[0-9]{2}){0,6}")
_ADDRESS_DIGITS: Final = 12
_ADD: Final = bytes((byte + _OFFSET) & 0xFF for byte in range(256))
_TAKE: Final = bytes((byte - _OFFSET) & 0xFF for byte in range(256))
_IS_BCD: Final = frozenset(16 * high + low for high in range(10) for low in range(10))


class Frame(NamedTuple):
    """One frame.

    Attributes:
        address: 12 digits, as printed on the meter; leading pairs may be the wildcard AA.
        control: Control code C.
        data: DATA without the 33H that is added on the line; 0..200 bytes.
    """

    address: str
    control: int
    data: bytes = b""

    @property
    def from_meter(self) -> bool:
        """Whether a meter sent it."""
        return bool(self.control & codes.FROM_METER)

    @property
    def refused(self) -> bool:
        """Whether the meter refuses; DATA then hold the error byte."""
        return bool(self.control & codes.REFUSED)

    @property
    def more(self) -> bool:
        """Whether follow-on frames are to be asked for."""
        return bool(self.control & codes.MORE)

    @property
    def function(self) -> int:
        """Function code, 0..31."""
        return self.control & codes.FUNCTION

    def encode(self, *, wake_up: int = 0) -> bytes:
        """Return its bytes, with 0..16 wake-up bytes FE before it.

        Raises:
            ValueRangeError: The address, the control code or the data cannot be sent.
        """
        checked_address(self.address)
        if not 0 <= self.control <= _BYTE:
            raise ValueRangeError(f"control code {self.control}: allowed are 0..255")
        if len(self.data) > MOST_DATA:
            raise ValueRangeError(f"{len(self.data)} bytes of data: allowed are 0..{MOST_DATA}")
        if not 0 <= wake_up <= _MOST_WAKE_UP:
            raise ValueRangeError(f"{wake_up} wake-up bytes: allowed are 0..{_MOST_WAKE_UP}")
        address = bytes.fromhex(self.address)[::-1]
        head = bytes((_START, *address, _START, self.control, len(self.data)))
        body = head + self.data.translate(_ADD)
        return bytes((WAKE_UP,)) * wake_up + body + bytes((sum(body) & _BYTE, _END))


def checked_address(address: str, *, wildcard: bool = True) -> str:
    """Return an address that may be sent.

    Args:
        address: 12 digits; leading pairs may be AA.
        wildcard: Whether AA and the broadcast address are allowed.

    Raises:
        ValueRangeError: It is none; says what is allowed.
    """
    if len(address) != _ADDRESS_DIGITS or not _ADDRESS.fullmatch(address):
        allowed = "12 digits, leading pairs of them may be AA" if wildcard else "12 digits"
        raise ValueRangeError(f"{address!r} is no meter address; allowed: {allowed}")
    if not wildcard and (not address.isdecimal() or address == BROADCAST):
        raise ValueRangeError(f"{address!r} is not the address of one meter; allowed: 12 digits")
    return address


def address_fits(asked: str, answering: str) -> bool:
    """Return whether a meter with one address answers a frame to another, a wildcard perhaps."""
    return answering.endswith(asked.lstrip("A")) if asked.startswith("A") else asked == answering


def frame_bytes(data: int) -> int:
    """Return how long a frame with so many bytes of DATA is, without wake-up bytes."""
    return _AROUND + data


def examine(buffer: bytes, at: int = 0) -> Found[Frame] | None:
    """Return the frame that begins at ``at``; None: more bytes are needed.

    Raises:
        FrameError: No frame begins there.
    """
    starts = buffer[at : at + _SECOND_START + 1 : _SECOND_START]
    if starts.strip(bytes((_START,))):
        raise FrameError("not two 68H")
    if len(buffer) <= at + _LENGTH:
        return None
    size = buffer[at + _LENGTH]
    if size > MOST_DATA:
        raise FrameError(f"length {size}; at most {MOST_DATA}")
    end = at + frame_bytes(size)
    if len(buffer) < end:
        return None
    if buffer[end - 1] != _END:
        raise FrameError(f"its end is {buffer[end - 1]:02X}H, not 16H")
    total = sum(buffer[at : end - 2]) & _BYTE
    if buffer[end - 2] != total:
        raise FrameError(f"its checksum is {buffer[end - 2]:02X}H, not {total:02X}H")
    address = buffer[at + 1 : at + _SECOND_START][::-1]
    if not _is_address(address):
        raise FrameError(f"address {address.hex().upper()} is none")
    first = at + _HEADER
    data = buffer[first : first + size].translate(_TAKE)
    return Found(Frame(address.hex().upper(), buffer[first - 2], data), end)


def decode_frame(data: bytes) -> Frame:
    """Return the frame that is all of ``data``, wake-up bytes before it left out.

    Raises:
        FrameError: It is none, it is cut, or something follows it.
    """
    return only_frame(data, examine, filler=bytes((WAKE_UP,)))


def frame_stream() -> FrameStream[Frame]:
    """Return what cuts the bytes of a line into frames."""
    return FrameStream(
        starts=bytes((_START,)),
        shortest=_AROUND,
        longest=LONGEST_FRAME,
        examine=examine,
        filler=bytes((WAKE_UP,)),
    )


def _is_address(high_first: bytes) -> bool:
    digits = high_first.lstrip(bytes((_WILDCARD,)))
    return all(byte in _IS_BCD for byte in digits)
