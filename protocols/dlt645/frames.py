"""Frames: ``[FE ...] 68 A0..A5 68 C L DATA CS 16``, low byte of the address first (pure).

DATA are sent with 33H added to each byte; CS is the sum of all from the first 68H to the last of
DATA. A frame that was cut hides none: the first whole frame wherever it starts is taken, so the
next is found at once and not only when the length that the cut one promised has gone by.
"""

import re
from collections import Counter
from typing import Final, NamedTuple

from protocols.dlt645 import codes
from protocols.errors import FrameError, ValueRangeError

WAKE_UP: Final = 0xFE
BROADCAST: Final = "999999999999"
"""Every meter hears it and none answers."""
ANY: Final = "AAAAAAAAAAAA"
"""Every meter hears it and answers: for a line with one meter."""
MOST_DATA: Final = 200
"""Most bytes of DATA in a frame, in both editions; a length beyond is no frame."""

_START: Final = 0x68
_END: Final = 0x16
_OFFSET: Final = 0x33
_WILDCARD: Final = 0xAA
_HEADER: Final = 10  # start, address, start, control, length
_SECOND_START: Final = 7
_LENGTH: Final = 9
_AROUND: Final = 12  # bytes of a frame beside DATA
_MOST_WAKE_UP: Final = 16
_PIECE: Final = 256
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

    def encoded(self, *, wake_up: int = 0) -> bytes:
        """Return its bytes, with 0..16 wake-up bytes FE before it.

        Raises:
            ValueRangeError: The address, the control code or the data cannot be sent.
        """
        checked_address(self.address)
        if not 0 <= self.control <= 0xFF:  # noqa: PLR2004 (one byte)
            raise ValueRangeError(f"control code {self.control}: allowed are 0..255")
        if len(self.data) > MOST_DATA:
            raise ValueRangeError(f"{len(self.data)} bytes of data: allowed are 0..{MOST_DATA}")
        if not 0 <= wake_up <= _MOST_WAKE_UP:
            raise ValueRangeError(f"{wake_up} wake-up bytes: allowed are 0..{_MOST_WAKE_UP}")
        address = bytes.fromhex(self.address)[::-1]
        head = bytes((_START, *address, _START, self.control, len(self.data)))
        body = head + self.data.translate(_ADD)
        return bytes((WAKE_UP,)) * wake_up + body + bytes((sum(body) & 0xFF, _END))


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


def parse_frame(raw: bytes) -> Frame:
    """Return the one frame that these bytes are, wake-up bytes before it left out.

    Raises:
        FrameError: They are not exactly one frame; says why.
    """
    body = raw.lstrip(bytes((WAKE_UP,)))
    size, problem = _judge(body, 0)
    if not size:
        raise FrameError(f"no frame: {problem or 'cut'}")
    if len(body) != size:
        raise FrameError(f"no frame: {len(body) - size} bytes follow it")
    return _frame(body, 0)


class FrameStream:
    """Finds the frames in the bytes of a line.

    It keeps less than one frame: at most ``CAPACITY`` bytes between two calls.

    Attributes:
        rejected: How many frames were not taken, by reason: checksum, end, length, address, cut.
        dropped: Bytes that belong to no frame, wake-up bytes not counted.
    """

    CAPACITY: Final = _AROUND + MOST_DATA

    def __init__(self) -> None:
        self.rejected: Counter[str] = Counter()
        self.dropped = 0
        self._kept = bytearray()

    def __len__(self) -> int:
        """Return the bytes that are kept because more may make a frame of them."""
        return len(self._kept)

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes and return the frames that they complete; none: more bytes are needed."""
        frames: list[Frame] = []
        for at in range(0, len(data), _PIECE):
            self._kept += data[at : at + _PIECE]
            self._take(frames)
        return frames

    def clear(self) -> None:
        """Forget the start of a frame: the line was silent, or something new is asked on it."""
        self._discard(len(self._kept))

    def _take(self, frames: list[Frame]) -> None:
        kept, at, pending = self._kept, 0, -1
        while (at := kept.find(_START, at)) >= 0:
            size, problem = _judge(kept, at)
            if size:
                frame = _frame(kept, at)
                self._discard(at)
                del kept[:size]
                frames.append(frame)
                at, pending = 0, -1
                continue
            if not problem and pending < 0:
                pending = at
            at += 1
        self._discard(len(kept) if pending < 0 else pending)

    def _discard(self, count: int) -> None:
        """Drop bytes in front and count what they were."""
        kept, at = self._kept, 0
        while (at := kept.find(_START, at, count)) >= 0:
            size, problem = _judge(kept, at)
            # Fewer bytes than up to the second 68H are no sign of a frame.
            is_start = len(kept) > at + _SECOND_START and problem != _NOISE
            if is_start and not size:
                self.rejected[problem or "cut"] += 1
            at += 1
        self.dropped += count - kept.count(WAKE_UP, 0, count)
        del kept[:count]


_NOISE: Final = "not two 68H"


def _judge(kept: bytes | bytearray, at: int) -> tuple[int, str]:
    """Return the size of the whole frame there, or 0 and why there is none; "": more is needed."""
    starts = kept[at : at + _SECOND_START + 1 : _SECOND_START]
    if starts.strip(bytes((_START,))):
        return 0, _NOISE
    if len(kept) <= at + _LENGTH:
        return 0, ""
    size = frame_bytes(kept[at + _LENGTH])
    if size > FrameStream.CAPACITY:
        return 0, "length"
    if len(kept) < at + size:
        return 0, ""
    problem = _problem(kept[at : at + size])
    return 0 if problem else size, problem


def _problem(whole: bytes | bytearray) -> str:
    """Return why bytes of the right length are no frame; empty when they are one."""
    if whole[-1] != _END:
        return "end"
    if sum(whole[:-2]) & 0xFF != whole[-2]:
        return "checksum"
    return "" if _is_address(whole[1:_SECOND_START]) else "address"


def _is_address(raw: bytes | bytearray) -> bool:
    digits = bytes(raw[::-1]).lstrip(bytes((_WILDCARD,)))
    return all(byte in _IS_BCD for byte in digits)


def _frame(kept: bytes | bytearray, at: int) -> Frame:
    length = kept[at + _LENGTH]
    first = at + _HEADER
    data = bytes(kept[first : first + length]).translate(_TAKE)
    address = bytes(kept[at + 1 : at + _SECOND_START])[::-1].hex().upper()
    return Frame(address, kept[at + _SECOND_START + 1], data)
