"""What the bytes on a wire without numbers are: our own echo, a response in time, or a late one.

A frame on a line does not say which request it answers: by shape Outstanding knows what may still
come. The frames of Modbus TCP have numbers; mbap matches those.
"""

from typing import Final, TypeAlias

from edge_agent.clock import Clock
from edge_agent.drivers.mbap import MbapWire, NumberAttribution
from edge_agent.drivers.modbus import SINGLE_WRITES, Frame, Request
from edge_agent.drivers.outstanding import OnLate, Outstanding
from edge_agent.drivers.wires import LineWire, Wire

_KEPT_BYTES: Final = 2 * 513  # the longest frame is one of ASCII; what is older is noise
_NOISE: Final = 3  # bytes that switching the direction of the line may put before an echo


class ShapeAttribution:
    """Matches the frames of a line with its requests, by unit, function and length.

    Args:
        wire: How frames are marked.
        outstanding: Requests to which an answer may still come.
        clock: Time.
        late: Takes each late response.
    """

    def __init__(
        self, wire: LineWire, outstanding: Outstanding, clock: Clock, *, late: OnLate
    ) -> None:
        self._late = late
        self._outstanding = outstanding
        self._wire = wire
        self._clock = clock
        self._echo = LocalEcho()

    def request_sent(self, frame: bytes, request: Request) -> None:
        """Expect the echo of a request, and its response."""
        if self._wire.on_a_line:
            self._echo.sent(frame, like_its_answer=request.code in SINGLE_WRITES)

    def take(self, received: bytearray, request: Request | None) -> bytes | None:
        """Take frames off the wire up to the answer; None if it is not there (yet)."""
        if request is not None and self._wire.on_a_line:
            self._echo.strip(received)
        del received[:-_KEPT_BYTES]
        asked = () if request is None else (request,)
        while frame := self._wire.first(received, (*asked, *self._outstanding.others(request))):
            now = self._clock.monotonic_s()
            late = self._outstanding.came(frame.unit, frame.pdu, request, now)
            if late is not None:
                self._late(late, frame.pdu)
            elif request is not None and _answers(request, frame):
                return frame.pdu
        return None

    def remark(self, received: bytearray, request: Request) -> str:
        """Say what came instead of an answer; nothing if nothing did."""
        return self._wire.remark(received, request)

    def given_up(self, received: bytearray, request: Request, sent_s: float) -> None:
        """Keep a request whose response is no longer waited for as outstanding."""
        # The answer itself with a wrong checksum is not followed by another; all else may be.
        if not self._wire.damaged(received, request):
            self._outstanding.add(request, sent_s)


def _answers(request: Request, frame: Frame) -> bool:
    return frame.unit == request.unit and request.concerns(frame.pdu)


class LocalEcho:
    """Takes the echo of a request off a line.

    Converters to RS-485 hand back what is sent when their receiver stays switched on.
    The answer to a single write looks like its request. Whether a line has an echo is therefore
    learned from all other requests, and a first copy is no answer on a line that has one.
    """

    def __init__(self) -> None:
        self._frame = b""
        self._known = False
        self._plain = True

    def sent(self, frame: bytes, *, like_its_answer: bool) -> None:
        """Expect the echo of a frame.

        Args:
            frame: What was sent.
            like_its_answer: The answer to it is the same bytes.
        """
        self._frame = b"" if like_its_answer and not self._known else frame
        self._plain = not like_its_answer

    def strip(self, received: bytearray) -> None:
        """Remove the echo of what went out last, if it is there."""
        frame = self._frame
        if not frame or not received:
            return
        at = received.find(frame, 0, len(frame) + _NOISE)
        if at >= 0:
            del received[: at + len(frame)]
            self._known, self._frame = True, b""
        elif len(received) >= len(frame) + _NOISE:
            self._frame = b""
            self._known = self._known and not self._plain


Attribution: TypeAlias = NumberAttribution | ShapeAttribution
"""Which request a response belongs to: the present one, an outstanding one, or none."""


def attribution_of(
    wire: Wire, outstanding: Outstanding, clock: Clock, *, late: OnLate
) -> Attribution:
    """Return what matches the frames of a wire with its requests."""
    if isinstance(wire, MbapWire):
        return NumberAttribution(wire, outstanding, clock, late=late)
    return ShapeAttribution(wire, outstanding, clock, late=late)
