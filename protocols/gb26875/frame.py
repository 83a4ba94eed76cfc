"""Frames of GB/T 26875.3-2011, 6.6: builder and stream parser (pure).

``40 40``, sequence number 2, version 2, time 6, source 6, destination 6, length 2, command 1,
application data unit, checksum 1, ``23 23``; numbers have their low byte first. The checksum is the
sum, modulo 256, of all bytes from the sequence number to the end of the application data unit.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final, TypeAlias

from protocols.errors import FrameError, ValueRangeError
from protocols.gb26875.times import TIME_BYTES, DeviceTime

START: Final = b"\x40\x40"
END: Final = b"\x23\x23"
MAX_UNIT_BYTES: Final = 1024
MAX_FRAME_BYTES: Final = MAX_UNIT_BYTES + 30
MAJOR_VERSION: Final = 1

_HEAD: Final = 27
_TAIL: Final = 3
_ADDRESS: Final = 6


class Command(IntEnum):
    """Command bytes, table 2; 0 and 7 to 127 are reserved, 128 to 255 the user's."""

    CONTROL = 1
    SEND = 2
    CONFIRM = 3
    REQUEST = 4
    RESPONSE = 5
    DENY = 6


class Fault(StrEnum):
    """Why bytes or a frame are refused."""

    LENGTH = "length"
    """The application data unit would be longer than 1024 bytes."""
    CHECKSUM = "checksum"
    END = "end"
    """The end characters are not where the length says."""
    COMMAND = "command"
    """The command byte is reserved."""
    UNIT = "unit"
    """The application data unit is not as its type says."""
    SOURCE = "source"
    """The sender is none of the known devices."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame.

    Attributes:
        sequence: Sequence number, 0 to 65535, counted by who begins the exchange.
        command: Command byte; a value of ``Command`` where the standard defines one.
        time: When it was sent, by the sender's clock.
        source: Address of the sender, 0 to 2**48 - 1.
        destination: Address of the receiver.
        unit: Application data unit as bytes, at most 1024; empty in confirmations and heartbeats.
        version: Major version, 1, and the user's.
    """

    sequence: int
    command: int
    time: DeviceTime
    source: int = 0
    destination: int = 0
    unit: bytes = b""
    version: tuple[int, int] = (MAJOR_VERSION, 1)

    def encode(self) -> bytes:
        """Return the frame as bytes; ValueRangeError for a number beyond its field."""
        if len(self.unit) > MAX_UNIT_BYTES:
            size = len(self.unit)
            raise ValueRangeError(f"application data of {size} bytes; at most {MAX_UNIT_BYTES}")
        try:
            body = (
                self.sequence.to_bytes(2, "little")
                + bytes(self.version)
                + self.time.encode()
                + self.source.to_bytes(_ADDRESS, "little")
                + self.destination.to_bytes(_ADDRESS, "little")
                + len(self.unit).to_bytes(2, "little")
                + bytes((self.command,))
                + self.unit
            )
        except (OverflowError, ValueError) as error:
            raise ValueRangeError(f"{self} does not fit a frame: {error}") from None
        return START + body + bytes((sum(body) & 0xFF,)) + END


@dataclass(frozen=True, slots=True)
class Rejection:
    """A frame that was refused; what its head says may be as wrong as the rest.

    Attributes:
        head: The frame without its application data.
        detail: What is wrong, for people.
    """

    fault: Fault
    head: Frame
    detail: str


Parsed: TypeAlias = Frame | Rejection


def decode_frame(data: bytes) -> Frame:
    """Return the frame that is exactly these bytes.

    Raises:
        FrameError: They are none, more or less than one; says what is wrong.
    """
    if len(data) < _HEAD + _TAIL or not data.startswith(START):
        raise FrameError(f"{data[:8].hex(' ')}: no frame of GB/T 26875.3")
    size = _size(data, 0)
    if size != len(data):
        raise FrameError(f"{len(data)} bytes, but the length says {size}")
    fault = _fault(data, 0, size)
    if fault is not None:
        raise FrameError(_detail(data, fault, size))
    return _frame(data, size)


class FrameParser:
    """Bytes of a stream in, frames and refused frames out.

    When a frame does not come to its end, the next whole one behind its beginning counts. It keeps
    at most ``MAX_FRAME_BYTES`` bytes.

    Attributes:
        rejected: Refused frames by fault.
        skipped_bytes: Bytes that belonged to no frame.
    """

    def __init__(self) -> None:
        self.rejected: Counter[Fault] = Counter()
        self.skipped_bytes = 0
        self._buffer = bytearray()

    @property
    def pending_bytes(self) -> int:
        """Bytes that wait for the rest of their frame."""
        return len(self._buffer)

    def feed(self, data: bytes) -> Iterator[Parsed]:
        """Take bytes and yield what is whole; nothing means that more is needed."""
        for at in range(0, len(data), MAX_UNIT_BYTES):
            self._buffer += data[at : at + MAX_UNIT_BYTES]
            while (found := self._next()) is not None:
                yield found

    def _next(self) -> Parsed | None:
        """Remove and return the first frame or refused frame, and what is before it."""
        buffer = self._buffer
        while (start := buffer.find(START)) >= 0:
            self._skip(start)
            if len(buffer) < _HEAD + _TAIL:
                return None
            size = _size(buffer, 0)
            if len(buffer) < size <= MAX_FRAME_BYTES:
                return self._whole_behind()
            fault = _fault(buffer, 0, size)
            if fault is None:
                return self._taken(size)
            rejection = self._reject(fault, size)
            if rejection is not None:
                return rejection
        self._skip(len(buffer) - buffer.endswith(START[:1]))
        return None

    def _whole_behind(self) -> Frame | None:
        """Return a whole frame behind the beginning of one that has not come to its end."""
        buffer = self._buffer
        start = buffer.find(START, 1)
        while 0 <= start <= len(buffer) - _HEAD - _TAIL:
            size = _size(buffer, start)
            if start + size <= len(buffer) and _fault(buffer, start, size) is None:
                self._skip(start)
                return self._taken(size)
            start = buffer.find(START, start + 1)
        return None

    def _taken(self, size: int) -> Frame:
        frame = _frame(self._buffer, size)
        del self._buffer[:size]
        return frame

    def _reject(self, fault: Fault, size: int) -> Rejection | None:
        """Pass over a beginning; None when nothing but the start characters looks like a frame."""
        if self._buffer[4] != MAJOR_VERSION:
            self._skip(1)
            return None
        head = _frame(self._buffer, _HEAD + _TAIL)
        detail = _detail(self._buffer, fault, size)
        self._skip(1)
        self.rejected[fault] += 1
        return Rejection(fault, head, detail)

    def _skip(self, count: int) -> None:
        if count:
            self.skipped_bytes += count
            del self._buffer[:count]


def _size(data: bytes | bytearray, start: int) -> int:
    return _HEAD + _TAIL + int.from_bytes(data[start + 24 : start + 26], "little")


def _fault(data: bytes | bytearray, start: int, size: int) -> Fault | None:
    if size > MAX_FRAME_BYTES:
        return Fault.LENGTH
    end = start + size
    if data[end - 2 : end] != END:
        return Fault.END
    if sum(data[start + 2 : end - _TAIL]) & 0xFF != data[end - _TAIL]:
        return Fault.CHECKSUM
    return None


def _detail(data: bytes | bytearray, fault: Fault, size: int) -> str:
    match fault:
        case Fault.LENGTH:
            return f"application data of {size - _HEAD - _TAIL} bytes; at most {MAX_UNIT_BYTES}"
        case Fault.END:
            return f"ends with {data[size - 2 : size].hex(' ')}, not 23 23"
        case _:
            right = sum(data[2 : size - _TAIL]) & 0xFF
            return f"checksum {data[size - _TAIL]:02X}, not {right:02X}"


def _frame(data: bytes | bytearray, size: int) -> Frame:
    return Frame(
        sequence=int.from_bytes(data[2:4], "little"),
        version=(data[4], data[5]),
        time=DeviceTime.decode(data[6 : 6 + TIME_BYTES]),
        source=int.from_bytes(data[12:18], "little"),
        destination=int.from_bytes(data[18:24], "little"),
        command=data[26],
        unit=bytes(data[_HEAD : size - _TAIL]),
    )
