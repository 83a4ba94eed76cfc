"""Modbus TCP frames, as they should be and as some servers send them, and what they answer.

The number of a frame says which request it belongs to, unless a gateway answers under that of the
newest request; then Outstanding knows by shape what may still come.
"""

import struct
from collections import deque
from collections.abc import Sequence
from typing import Final

from edge_agent.clock import Clock
from edge_agent.drivers.modbus import Frame, Request, readable
from edge_agent.drivers.outstanding import OnLate, Outstanding
from edge_agent.errors import DeviceGarbageError

_HEADER: Final = struct.Struct(">HHHB")
_LONGEST: Final = 254  # unit and PDU
_KEPT_STRAYS: Final = 16
_KEPT_NOISE: Final = 64
_LENGTH_OFF: Final = 1  # some servers count the unit twice or not at all


class MbapWire:
    """Modbus TCP: the transaction number ties a response to its request, however late it is.

    An answer is found by its header wherever it begins, so that a banner, or a frame shorter
    than its header says, costs only itself.

    Args:
        any_unit: Do not compare the unit that an answer names.

    Attributes:
        transaction: Of the last request.
        strays: Responses to earlier requests that came since this was last emptied.
    """

    can_mistake_late = False
    on_a_line = False

    def __init__(self, *, any_unit: bool = False) -> None:
        self.transaction = 0
        self.strays: deque[Frame] = deque(maxlen=_KEPT_STRAYS)
        self._any_unit = any_unit
        self._noise = bytearray()

    def frame(self, request: Request) -> bytes:
        """Return the bytes to send."""
        self.transaction = self.transaction % 0xFFFF + 1
        self._noise.clear()
        return _framed(self.transaction, request)

    def take(self, received: bytearray, request: Request | None) -> bytes | None:
        """Remove whole frames; return the PDU of the one that answers, None if it is not there.

        Raises:
            DeviceGarbageError: The answer names another unit.
        """
        while len(received) >= _HEADER.size:
            transaction, protocol, length, unit = _HEADER.unpack_from(received)
            end = length + 6 if not protocol and 1 < length <= _LONGEST else 0
            mine = request is not None and transaction == self.transaction
            if request is not None and not (mine and end and len(received) >= end):
                start = self._start(received, request, end)
                if start:
                    self._pass_over(received, start)
                    continue
            if not end:
                self._pass_over(received, _next_start(received))
                continue
            if len(received) < end:
                return None
            pdu = bytes(received[7:end])
            del received[:end]
            if request is None or not mine:
                self.strays.append(Frame(unit, pdu, transaction))
            elif unit == request.unit or self._any_unit:
                return pdu
            else:
                hint = "if it is the only device there: accept_answers: any_unit"
                raise DeviceGarbageError(f"{request}: answered as unit {unit}; {hint}")
        return None

    def remark(self, received: bytearray, request: Request) -> str:
        """Say what came instead of an answer; nothing if nothing did."""
        del request
        if len(received) >= _HEADER.size:
            transaction, _, length, _ = _HEADER.unpack_from(received)
            if transaction == self.transaction:
                return f"its header announces {length} bytes, {len(received) - 6} came"
        if len(self._noise) >= _HEADER.size:
            transaction, protocol, length, _ = _HEADER.unpack_from(self._noise)
            if transaction == self.transaction and 1 < length <= _LONGEST:
                hint = "if it is the only device there: accept_answers: any_number"
                return f"answered with protocol number {protocol}; {hint}"
        return f"no Modbus TCP: {readable(self._noise)}" if self._noise else ""

    def _pass_over(self, received: bytearray, size: int) -> None:
        self._noise += received[: min(size, _KEPT_NOISE - len(self._noise))]
        del received[:size]

    def _start(self, received: bytearray, request: Request, end: int) -> int:
        """Where the answer begins if what is before it is no whole frame; else 0.

        Registers may hold what looks like a header: it must not lie within another frame.

        Args:
            received: What came.
            request: What was asked.
            end: Of the frame at the beginning; 0 if there is none.
        """
        head = self.transaction.to_bytes(2, "big") + b"\0\0"
        at = received.find(head, 1)
        while 0 < at <= len(received) - _HEADER.size - 1:
            length = int.from_bytes(received[at + 4 : at + 6], "big")
            until = at + 6 + length
            fits = received[at + 7] in {request.head[0], request.refusal[0]}
            apart = not end or at < end < until or (len(received) < end and until == len(received))
            if fits and apart and 1 < length <= _LONGEST and until <= len(received):
                return at
            at = received.find(head, at + 1)
        return 0


class NumberAttribution:
    """Matches the frames of Modbus TCP with their requests, by number.

    Args:
        wire: Finds the frames.
        outstanding: Requests to which an answer may still come.
        clock: Time.
        late: Takes each late response.
    """

    def __init__(
        self, wire: MbapWire, outstanding: Outstanding, clock: Clock, *, late: OnLate
    ) -> None:
        self._late = late
        self._outstanding = outstanding
        self._wire = wire
        self._clock = clock
        self._odd = ""
        self._renumbers = False

    def request_sent(self, frame: bytes, request: Request) -> None:
        """Forget what was odd about the request before; a new one goes out."""
        del frame, request
        self._odd = ""

    def take(self, received: bytearray, request: Request | None) -> bytes | None:
        """Take frames off the wire up to the answer; None if it is not there (yet).

        Raises:
            DeviceGarbageError: It is there, and names another unit than was asked.
        """
        try:
            return self._answer(received, request)
        finally:
            self._match_strays(request)

    def remark(self, received: bytearray, request: Request) -> str:
        """Say what came instead of an answer; nothing if nothing did."""
        return self._odd or self._wire.remark(received, request)

    def given_up(self, received: bytearray, request: Request, sent_s: float) -> None:
        """Keep a request whose response is no longer waited for as outstanding."""
        del received
        self._outstanding.add(request, sent_s, self._wire.transaction)

    def _answer(self, received: bytearray, request: Request | None) -> bytes | None:
        while (pdu := self._wire.take(received, request)) is not None and request is not None:
            # An exception with the right number is the answer, until a gateway has shown that its
            # numbers mean nothing.
            if request.concerns(pdu) and not (self._renumbers and request.refused_by(pdu)):
                break
            late = self._outstanding.came(request.unit, pdu, request, self._clock.monotonic_s())
            if late is None:
                break
            self._renumbers = True
            self._late(late, pdu)
        return pdu

    def _match_strays(self, request: Request | None) -> None:
        """Find the requests of frames with another transaction number."""
        wire = self._wire
        while wire.strays:
            stray = wire.strays.popleft()
            now = self._clock.monotonic_s()
            late = self._outstanding.came_numbered(
                stray.transaction, stray.unit, stray.pdu, request, now
            )
            if late is not None:
                self._late(late, stray.pdu)
            elif request is not None and request.concerns(stray.pdu):
                self._odd = _numbered_oddly(stray, wire.transaction, request)


def _numbered_oddly(stray: Frame, transaction: int, request: Request) -> str:
    unit = "" if stray.unit == request.unit else f" and as unit {stray.unit}"
    message = f"answered with transaction {stray.transaction} instead of {transaction}{unit}"
    return f"{message}; if it is the only device there: accept_answers: any_number"


class LooseMbapWire:
    """Modbus TCP of a server that numbers its answers as it likes: found by function and length.

    Nothing in such a frame tells a late answer from another: it is a line to its master.
    """

    can_mistake_late = True
    on_a_line = False

    def __init__(self) -> None:
        self._transaction = 0

    def frame(self, request: Request) -> bytes:
        """Return the bytes to send."""
        self._transaction = self._transaction % 0xFFFF + 1
        return _framed(self._transaction, request)

    def take(self, received: bytearray, request: Request | None) -> bytes | None:
        """Remove and return the PDU that answers, None if it is not there (yet)."""
        frame = self.first(received, (request,)) if request is not None else None
        return frame.pdu if frame is not None else None

    def first(self, received: bytearray, requests: Sequence[Request]) -> Frame | None:
        """Remove the first frame that answers one of the requests, and what is before it."""
        found: list[tuple[int, int, int]] = []
        for request in requests:
            for head, size in request.shapes:
                at = _placed(received, head, size)
                if at:
                    found.append((at, at + size, request.unit))
        if not found:
            return None
        start, end, unit = min(found)
        pdu = bytes(received[start:end])
        del received[:end]
        return Frame(unit, pdu)

    def damaged(self, received: bytearray, request: Request) -> bool:
        """Whether the answer is there and damaged, which is not known here."""
        del received, request
        return False

    def remark(self, received: bytearray, request: Request) -> str:
        """Say what came instead of an answer; nothing if nothing did."""
        del request
        return f"no answer in {readable(received)}" if received else ""


def _framed(transaction: int, request: Request) -> bytes:
    pdu = request.pdu
    return _HEADER.pack(transaction, 0, len(pdu) + 1, request.unit) + pdu


def _next_start(received: bytearray) -> int:
    """How many bytes to pass over until a header may begin: one has two zeros in the middle."""
    at = received.find(b"\0\0", 3)
    return at - 2 if at >= 0 else max(1, len(received) - _HEADER.size + 1)


def _placed(received: bytearray, head: bytes, size: int) -> int:
    """Where a whole PDU stands behind a header that announces it, roughly; 0: nowhere."""
    at = received.find(head, _HEADER.size)
    while 0 < at <= len(received) - size:
        length = int.from_bytes(received[at - 3 : at - 1], "big")
        if abs(length - size - 1) <= _LENGTH_OFF:
            return at
        at = received.find(head, at + 1)
    return 0
