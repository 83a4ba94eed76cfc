"""Which request a response on the wire belongs to: the present one, an outstanding one, or none.

On Modbus TCP the number says so, unless a gateway answers under that of the newest request; by
shape Outstanding knows what may still come.
"""

from typing import Final

from edge_agent.clock import Clock
from edge_agent.drivers.base import OnLateResponse
from edge_agent.drivers.mbap import MbapWire
from edge_agent.drivers.modbus import Frame, Request, speaks_of_unit
from edge_agent.drivers.outstanding import LateResponse, Outstanding
from edge_agent.drivers.wires import LineWire, Wire

_KEPT_BYTES: Final = 2 * 513  # the longest frame is one of ASCII; what is older is noise


class Attribution:
    """Matches the frames of one wire with its requests.

    Args:
        wire: How frames are marked.
        outstanding: Requests to which an answer may still come.
        clock: Time.
        late: Called with every late response of a unit.
    """

    def __init__(
        self, wire: Wire, outstanding: Outstanding, clock: Clock, *, late: OnLateResponse
    ) -> None:
        self._late = late
        self._outstanding = outstanding
        self._wire = wire
        self._clock = clock
        self._odd = ""
        self._renumbers = False

    def take(self, received: bytearray, request: Request | None) -> bytes | None:
        """Take frames off the wire up to the answer; None if it is not there (yet).

        Raises:
            DeviceGarbageError: It is there, and names another unit than was asked.
        """
        if isinstance(self._wire, MbapWire):
            try:
                return self._by_number(self._wire, received, request)
            finally:
                self._match_strays(self._wire, request)
        return self._by_shape(self._wire, received, request)

    def request_sent(self) -> None:
        """Forget what was odd about the request before; a new one goes out."""
        self._odd = ""

    def remark(self, received: bytearray, request: Request) -> str:
        """Say what came instead of an answer; nothing if nothing did."""
        return self._odd or self._wire.remark(received, request)

    def clear_at(self, request: Request) -> float:
        """When this may be asked, monotonic seconds; in the past if that is now."""
        return self._outstanding.clear_at(request, self._clock.monotonic_s())

    def fresh_at(self, request: Request) -> float:
        """As ``clear_at``, but an older answer to the same request counts as another's."""
        return self._outstanding.clear_at(request, self._clock.monotonic_s(), afresh=True)

    def given_up(self, received: bytearray, request: Request, sent_s: float) -> None:
        """Keep a request whose response is no longer waited for as outstanding."""
        if isinstance(self._wire, MbapWire):
            self._outstanding.add(request, sent_s, self._wire.transaction)
        # The answer itself with a wrong checksum is not followed by another; all else may be.
        elif not self._wire.damaged(received, request):
            self._outstanding.add(request, sent_s)

    def _by_number(
        self, wire: MbapWire, received: bytearray, request: Request | None
    ) -> bytes | None:
        while (pdu := wire.take(received, request)) is not None and request is not None:
            # An exception with the right number is the answer, until a gateway has shown that its
            # numbers mean nothing.
            if request.concerns(pdu) and not (self._renumbers and request.refused_by(pdu)):
                break
            late = self._outstanding.came(request.unit, pdu, request, self._clock.monotonic_s())
            if late is None:
                break
            self._renumbers = True
            self._report(late, pdu)
        return pdu

    def _match_strays(self, wire: MbapWire, request: Request | None) -> None:
        """Find the requests of frames with another transaction number."""
        while wire.strays:
            stray = wire.strays.popleft()
            now = self._clock.monotonic_s()
            late = self._outstanding.came_numbered(
                stray.transaction, stray.unit, stray.pdu, request, now
            )
            self._report(late, stray.pdu)
            if late is None and request is not None and request.concerns(stray.pdu):
                self._odd = _numbered_oddly(stray, wire.transaction, request)

    def _by_shape(
        self, wire: LineWire, received: bytearray, request: Request | None
    ) -> bytes | None:
        del received[:-_KEPT_BYTES]
        asked = () if request is None else (request,)
        while frame := wire.first(received, (*asked, *self._outstanding.others(request))):
            now = self._clock.monotonic_s()
            late = self._outstanding.came(frame.unit, frame.pdu, request, now)
            if late is None and request is not None and _answers(request, frame):
                return frame.pdu
            self._report(late, frame.pdu)
        return None

    def _report(self, late: LateResponse | None, pdu: bytes) -> None:
        if late is not None and speaks_of_unit(pdu):
            self._late(late.unit, late.after_s)


def _numbered_oddly(stray: Frame, transaction: int, request: Request) -> str:
    unit = "" if stray.unit == request.unit else f" and as unit {stray.unit}"
    message = f"answered with transaction {stray.transaction} instead of {transaction}{unit}"
    return f"{message}; if it is the only device there: accept_answers: any_number"


def _answers(request: Request, frame: Frame) -> bool:
    return frame.unit == request.unit and request.concerns(frame.pdu)
