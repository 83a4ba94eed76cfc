"""Modbus TCP, RTU and ASCII frames as a slave sees them: bytes in, requests out, no I/O.

Own code, apart from the agent's library, so that the two check each other.
"""

import struct
from typing import NamedTuple

from protocols.errors import FrameError

_MBAP = struct.Struct(">HHHB")
_MBAP_LENGTH = range(2, 255)
_CRC_POLYNOMIAL = 0xA001
_SHORTEST_RTU = 4
_LONGEST_RTU = 256
_ASCII_END = b"\r\n"
_SHORTEST_ASCII = 6
_LONGEST_ASCII = 513
_FIXED_REQUEST = 8
_FIXED_FUNCTIONS = frozenset({1, 2, 3, 4, 5, 6})
_COUNTED_FUNCTIONS = frozenset({15, 16})
_COUNTED_HEADER = 7


class Request(NamedTuple):
    """One request as it came off the wire.

    Attributes:
        transaction: MBAP transaction id; 0 on a serial line.
        unit: Unit (slave) address.
        pdu: Function code and data.
    """

    transaction: int
    unit: int
    pdu: bytes


def _crc_table() -> tuple[int, ...]:
    table: list[int] = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ _CRC_POLYNOMIAL if crc & 1 else crc >> 1
        table.append(crc)
    return tuple(table)


_CRC_TABLE = _crc_table()


def crc16(data: bytes) -> int:
    """Return the Modbus CRC-16 of ``data``; it is sent low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc = (crc >> 8) ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc


def mbap_frame(transaction: int, unit: int, pdu: bytes) -> bytes:
    """Return a Modbus TCP frame."""
    return _MBAP.pack(transaction, 0, len(pdu) + 1, unit) + pdu


def rtu_frame(unit: int, pdu: bytes) -> bytes:
    """Return an RTU frame with its CRC."""
    body = bytes((unit,)) + pdu
    return body + crc16(body).to_bytes(2, "little")


class MbapStream:
    """Cuts the bytes of one TCP connection into requests."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Request]:
        """Return the requests completed by ``data``.

        Raises:
            FrameError: the bytes are not Modbus TCP; the connection cannot be continued.
        """
        self._buffer += data
        requests: list[Request] = []
        while len(self._buffer) >= _MBAP.size:
            transaction, protocol, length, unit = _MBAP.unpack_from(self._buffer)
            if protocol != 0 or length not in _MBAP_LENGTH:
                raise FrameError(f"no MBAP header: protocol {protocol}, length {length}")
            size = _MBAP.size - 1 + length
            if len(self._buffer) < size:
                break
            pdu = bytes(self._buffer[_MBAP.size : size])
            requests.append(Request(transaction, unit, pdu))
            del self._buffer[:size]
        return requests


class RtuStream:
    """Cuts the bytes of a serial line into requests.

    The length of a request follows from its function code, and its CRC says where it starts, so a
    noisy line finds its way back. A frame of an unknown function ends with silence: call
    ``silence`` when 3.5 characters passed without a byte.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Request]:
        """Return the requests completed by ``data``."""
        self._buffer += data
        requests: list[Request] = []
        while (found := self._first_whole()) is not None:
            start, size = found
            del self._buffer[:start]
            requests.append(self._take(size))
        del self._buffer[:-_LONGEST_RTU]
        return requests

    def _first_whole(self) -> tuple[int, int] | None:
        """Return start and size of the first whole request in the buffer."""
        for start in range(len(self._buffer) - _FIXED_REQUEST + 1):
            size = _request_size(self._buffer, start)
            end = start + size
            if size and end <= len(self._buffer) and _crc_fits(self._buffer[start:end]):
                return start, size
        return None

    def silence(self) -> list[Request]:
        """Return the frame that the silence ended, if it is one; forget the bytes before it."""
        whole = len(self._buffer) >= _SHORTEST_RTU and _crc_fits(self._buffer)
        requests = [self._take(len(self._buffer))] if whole else []
        self._buffer.clear()
        return requests

    def _take(self, size: int) -> Request:
        frame = bytes(self._buffer[:size])
        del self._buffer[:size]
        return Request(0, frame[0], frame[1:-2])


class AsciiStream:
    """Cuts the letters of an ASCII line into requests; a colon always begins a new one."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Request]:
        """Return the requests completed by ``data``."""
        self._buffer += data
        *lines, rest = bytes(self._buffer).split(_ASCII_END)
        self._buffer = bytearray(rest[-_LONGEST_ASCII:])
        requests: list[Request] = []
        for line in lines:
            _, colon, letters = line.rpartition(b":")
            body = _from_letters(letters) if colon else b""
            if body:
                requests.append(Request(0, body[0], body[1:-1]))
        return requests

    def silence(self) -> list[Request]:
        """Return nothing: no frame of this kind ends with silence, and none is cut off by it."""
        return []


def ascii_frame(unit: int, pdu: bytes) -> bytes:
    """Return an ASCII frame with its sum."""
    body = bytes((unit,)) + pdu
    total = -sum(body) & 0xFF
    return b":" + (body + bytes((total,))).hex().upper().encode() + _ASCII_END


def _from_letters(letters: bytes) -> bytes:
    """Return unit, PDU and sum; nothing if the sum is wrong or these are no letters."""
    if len(letters) < _SHORTEST_ASCII or len(letters) % 2:
        return b""
    try:
        body = bytes(int(letters[at : at + 2], 16) for at in range(0, len(letters), 2))
    except ValueError:
        return b""
    return b"" if sum(body) & 0xFF else body


def _crc_fits(frame: bytes | bytearray) -> bool:
    return crc16(bytes(frame[:-2])) == int.from_bytes(frame[-2:], "little")


def _request_size(buffer: bytearray, start: int) -> int:
    """Return the size of the request that starts there; 0: of an unknown function."""
    function = buffer[start + 1]
    if function in _FIXED_FUNCTIONS:
        return _FIXED_REQUEST
    if function in _COUNTED_FUNCTIONS:
        return _COUNTED_HEADER + buffer[start + 6] + 2
    return 0
