"""Modbus frames on their way: TCP, RTU and ASCII; bytes in, answers out, no I/O."""

import struct
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from pymodbus.framer import FramerAscii, FramerRTU

from config.ports import Framing, ModbusTcpPort, Port
from edge_agent.drivers.modbus import Question
from edge_agent.errors import DeviceGarbageError

_MBAP = struct.Struct(">HHHB")
_LONGEST_MBAP = 254  # unit and PDU
_EXCEPTION_FRAME = 5
_KEPT_STRAYS = 16


class Frame(NamedTuple):
    """What a unit said.

    Attributes:
        transaction: Number of the question, on Modbus TCP only; 0 on a line.
    """

    unit: int
    pdu: bytes
    transaction: int = 0


class MbapWire:
    """Modbus TCP: the transaction number ties an answer to its question, however late it is.

    Attributes:
        transaction: Of the last question.
        strays: Answers to earlier questions that came since this was last emptied.
    """

    can_mistake_late = False

    def __init__(self) -> None:
        self.transaction = 0
        self.strays: deque[Frame] = deque(maxlen=_KEPT_STRAYS)

    def frame(self, question: Question) -> bytes:
        """Return the bytes to send."""
        self.transaction = self.transaction % 0xFFFF + 1
        pdu = question.pdu
        return _MBAP.pack(self.transaction, 0, len(pdu) + 1, question.unit) + pdu

    def take(self, received: bytearray, question: Question | None) -> bytes | None:
        """Remove whole frames; return the PDU of the one that answers, None if it is not there.

        Raises:
            DeviceGarbageError: This is no Modbus TCP; the connection cannot be continued.
        """
        while len(received) >= _MBAP.size:
            transaction, protocol, length, unit = _MBAP.unpack_from(received)
            if protocol or not 1 < length <= _LONGEST_MBAP:
                raise DeviceGarbageError(f"no Modbus TCP frame: {received[:16].hex()}")
            end = length + 6
            if len(received) < end:
                return None
            pdu = bytes(received[7:end])
            del received[:end]
            if question and transaction == self.transaction and unit == question.unit:
                return pdu
            self.strays.append(Frame(unit, pdu, transaction))
        return None


class RtuWire:
    """Modbus RTU: found by unit, function, length and checksum; noise before it is passed over."""

    can_mistake_late = True

    def frame(self, question: Question) -> bytes:
        """Return the bytes to send."""
        return FramerRTU(None).encode(question.pdu, question.unit, 0)  # pyright: ignore[reportArgumentType]

    def take(self, received: bytearray, question: Question | None) -> bytes | None:
        """Remove and return the PDU that answers, None if it is not there (yet)."""
        frame = self.first(received, (question,)) if question is not None else None
        return frame.pdu if frame is not None else None

    def first(self, received: bytearray, questions: Sequence[Question]) -> Frame | None:
        """Remove the first frame that answers one of the questions, and the noise before it."""
        found: list[tuple[int, int]] = []
        for question in questions:
            for head, size in _shapes(question):
                start = _find(received, head, size)
                if start is not None:
                    found.append((start, start + size))
        if not found:
            return None
        start, end = min(found)
        frame = bytes(received[start:end])
        del received[:end]
        return Frame(frame[0], frame[1:-2])

    def damaged(self, received: bytearray, question: Question) -> bool:
        """Whether the answer is there, whole and with a wrong checksum."""
        return any(_seems(received, head, size) for head, size in _shapes(question))


def _shapes(question: Question) -> tuple[tuple[bytes, int], tuple[bytes, int]]:
    """Return how an answer and an exception begin on the wire, and their sizes."""
    unit = bytes((question.unit,))
    return (unit + question.head, question.size + 3), (unit + question.refusal, _EXCEPTION_FRAME)


def _find(received: bytearray, head: bytes, size: int) -> int | None:
    """Where a frame of this size with a right checksum begins with ``head``."""
    start = received.find(head)
    while start >= 0 and start + size <= len(received):
        end = start + size
        checksum = int.from_bytes(received[end - 2 : end], "big")
        if FramerRTU.check_CRC(bytes(received[start : end - 2]), checksum):
            return start
        start = received.find(head, start + 1)
    return None


def _seems(received: bytearray, head: bytes, size: int) -> bool:
    start = received.find(head)
    return 0 <= start <= len(received) - size


class AsciiWire:
    """Modbus ASCII: a colon, two letters for each byte and for their sum, and the line's end."""

    can_mistake_late = True

    def frame(self, question: Question) -> bytes:
        """Return the bytes to send."""
        return FramerAscii(None).encode(question.pdu, question.unit, 0)  # pyright: ignore[reportArgumentType]

    def take(self, received: bytearray, question: Question | None) -> bytes | None:
        """Remove and return the PDU that answers, None if it is not there (yet)."""
        frame = self.first(received, (question,)) if question is not None else None
        return frame.pdu if frame is not None else None

    def first(self, received: bytearray, questions: Sequence[Question]) -> Frame | None:
        """Remove the first frame that answers one of the questions, and the noise before it."""
        start = 0
        while (end := received.find(b"\r\n", start)) >= 0:
            # A frame begins at the last colon: what is before it was cut off by noise.
            colon = received.rfind(b":", start, end)
            start = end + 2
            body = _unhex(received[colon + 1 : end]) if colon >= 0 else b""
            unit, pdu = body[:1], body[1:-1]
            for question in questions:
                if unit == bytes((question.unit,)) and (
                    question.answered_by(pdu) or question.refused_by(pdu)
                ):
                    del received[:start]
                    return Frame(question.unit, pdu)
        return None

    def damaged(self, received: bytearray, question: Question) -> bool:
        """Whether the answer is there, whole and with a wrong sum."""
        return any(
            _seems(received.upper(), b":" + head.hex().upper().encode(), 2 * (size - 1) + 3)
            for head, size in _shapes(question)
        )


def _unhex(letters: bytearray) -> bytes:
    """Return unit, PDU and sum of an ASCII frame; nothing if it is none."""
    try:
        body = bytes.fromhex(letters.decode("ascii"))
    except ValueError:
        return b""
    return body if len(body) > 2 and not sum(body) & 0xFF else b""  # noqa: PLR2004


LineWire = RtuWire | AsciiWire
"""What passes on a line: nothing in it tells one answer from another of the same shape."""

Wire = MbapWire | LineWire
"""What a port needs from the thing that speaks on its wire."""


def wire_of(port: Port) -> Wire:
    """Return how frames are marked on a port."""
    if isinstance(port, ModbusTcpPort):
        return MbapWire()
    return AsciiWire() if port.framing is Framing.ASCII else RtuWire()
