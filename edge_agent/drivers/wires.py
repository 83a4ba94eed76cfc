"""Modbus frames on their way, RTU and ASCII here; bytes in, answers out, no I/O."""

from collections.abc import Sequence

from pymodbus.framer import FramerAscii, FramerRTU

from config.ports import Accept, Framing, ModbusPort, ModbusTcpPort
from edge_agent.drivers.mbap import LooseMbapWire, MbapWire
from edge_agent.drivers.modbus import Frame, Request, readable


class RtuWire:
    """Modbus RTU: found by unit, function, length and checksum; noise before it is passed over."""

    can_mistake_late = True
    on_a_line = True

    def frame(self, request: Request) -> bytes:
        """Return the bytes to send."""
        return FramerRTU(None).encode(request.pdu, request.unit, 0)  # pyright: ignore[reportArgumentType]

    def take(self, received: bytearray, request: Request | None) -> bytes | None:
        """Remove and return the PDU that answers, None if it is not there (yet)."""
        frame = self.first(received, (request,)) if request is not None else None
        return frame.pdu if frame is not None else None

    def first(self, received: bytearray, requests: Sequence[Request]) -> Frame | None:
        """Remove the first frame that answers one of the requests, and the noise before it."""
        found: list[tuple[int, int]] = []
        for request in requests:
            for head, size in _shapes(request):
                start = _find(received, head, size)
                if start is not None:
                    found.append((start, start + size))
        if not found:
            return None
        start, end = min(found)
        frame = bytes(received[start:end])
        del received[:end]
        return Frame(frame[0], frame[1:-2])

    def damaged(self, received: bytearray, request: Request) -> bool:
        """Whether the answer is there, whole and with a wrong checksum."""
        return any(_seems(received, head, size) for head, size in _shapes(request))

    def remark(self, received: bytearray, request: Request) -> str:
        """Say what came instead of an answer; nothing if nothing did."""
        if not received:
            return ""
        for head, size in request.shapes:
            # The same answer of another unit.
            at = received.find(head, 1)
            end = at + size + 2
            if at > 0 and end <= len(received) and _fits(received[at - 1 : end]):
                return f"answered as unit {received[at - 1]}"
        if self.damaged(received, request):
            return f"its checksum is wrong: {readable(received)}"
        return f"{len(received)} bytes, no answer: {readable(received)}"


def _shapes(request: Request) -> Sequence[tuple[bytes, int]]:
    """Return how an answer or an exception begins on a line with checksums, and its size."""
    unit = bytes((request.unit,))
    return [(unit + head, size + 3) for head, size in request.shapes]


def _fits(frame: bytearray) -> bool:
    checksum = int.from_bytes(frame[-2:], "big")
    return FramerRTU.check_CRC(bytes(frame[:-2]), checksum)


def _find(received: bytearray, head: bytes, size: int) -> int | None:
    """Where a frame of this size with a right checksum begins with ``head``."""
    start = received.find(head)
    while start >= 0 and start + size <= len(received):
        if _fits(received[start : start + size]):
            return start
        start = received.find(head, start + 1)
    return None


def _seems(received: bytearray, head: bytes, size: int) -> bool:
    start = received.find(head)
    return 0 <= start <= len(received) - size


class AsciiWire:
    """Modbus ASCII: a colon, two letters for each byte and for their sum, and the line's end."""

    can_mistake_late = True
    on_a_line = True

    def frame(self, request: Request) -> bytes:
        """Return the bytes to send."""
        return FramerAscii(None).encode(request.pdu, request.unit, 0)  # pyright: ignore[reportArgumentType]

    def take(self, received: bytearray, request: Request | None) -> bytes | None:
        """Remove and return the PDU that answers, None if it is not there (yet)."""
        frame = self.first(received, (request,)) if request is not None else None
        return frame.pdu if frame is not None else None

    def first(self, received: bytearray, requests: Sequence[Request]) -> Frame | None:
        """Remove the first frame that answers one of the requests, and the noise before it."""
        start = 0
        while (end := received.find(b"\r\n", start)) >= 0:
            # A frame begins at the last colon: what is before it was cut off by noise.
            colon = received.rfind(b":", start, end)
            start = end + 2
            body = _unhex(received[colon + 1 : end]) if colon >= 0 else b""
            unit, pdu = body[:1], body[1:-1]
            for request in requests:
                if unit == bytes((request.unit,)) and request.concerns(pdu):
                    del received[:start]
                    return Frame(request.unit, pdu)
        return None

    def damaged(self, received: bytearray, request: Request) -> bool:
        """Whether the answer is there, whole and with a wrong sum."""
        return any(
            _seems(received.upper(), b":" + head.hex().upper().encode(), 2 * (size - 1) + 3)
            for head, size in _shapes(request)
        )

    def remark(self, received: bytearray, request: Request) -> str:
        """Say what came instead of an answer; nothing if nothing did."""
        for line in received.split(b"\r\n")[:-1]:
            body = _unhex(line[line.rfind(b":") + 1 :])
            if body and request.concerns(bytes(body[1:-1])):
                return f"answered as unit {body[0]}"
        return f"{len(received)} bytes, no answer: {readable(received)}" if received else ""


def _unhex(letters: bytearray) -> bytes:
    """Return unit, PDU and sum of an ASCII frame; nothing if it is none."""
    try:
        body = bytes.fromhex(letters.decode("ascii"))
    except ValueError:
        return b""
    return body if len(body) > 2 and not sum(body) & 0xFF else b""  # noqa: PLR2004


LineWire = RtuWire | AsciiWire | LooseMbapWire
"""What passes on a line: nothing in it tells one answer from another of the same shape."""

Wire = MbapWire | LineWire
"""What a port needs from the thing that speaks on its wire."""


def wire_of(port: ModbusPort) -> Wire:
    """Return how frames are marked on a port."""
    if isinstance(port, ModbusTcpPort):
        if port.accept_answers is Accept.ANY_NUMBER:
            return LooseMbapWire()
        return MbapWire(any_unit=port.accept_answers is Accept.ANY_UNIT)
    return AsciiWire() if port.framing is Framing.ASCII else RtuWire()
