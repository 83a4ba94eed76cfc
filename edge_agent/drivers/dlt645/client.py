"""One line of meters: a request and its answer, in time or not.

Independent of what is asked when: a planner turns points into requests.
"""

from dataclasses import dataclass, field
from typing import Final

from edge_agent.drivers.base import Reply
from edge_agent.drivers.dlt645.line import MeterLine
from edge_agent.drivers.frame_client import FrameClient
from edge_agent.drivers.frame_line import MAY_PASS, NOT_DONE, Answered, Refusal
from edge_agent.errors import DeviceGarbageError, DeviceRefusedError
from protocols.dlt645.codes import FUNCTIONS, NO_SUCH_DATA, Edition
from protocols.dlt645.frames import Frame, address_fits, frame_stream
from protocols.dlt645.requests import Request, address_in, read, read_address, read_next
from protocols.errors import FrameError
from protocols.frame_stream import FrameStream

_MOST_PARTS: Final = 32
"""Follow-on frames of one answer; a meter that never ends is not followed further."""
_USUAL: Final = {Edition.E2007: (0x04000401, 0x00010000), Edition.E1997: (0xC032, 0x9010)}
"""What every meter has, one or the other: its number, its total energy."""
_NOT_AVAILABLE: Final = 2
"""Modbus' number for what a device does not have (ADR-35)."""


@dataclass(frozen=True, slots=True)
class _Asked:
    request: Request
    wake_up: int = field(compare=False)

    def __str__(self) -> str:
        return str(self.request)

    @property
    def unit(self) -> str:
        return self.request.address

    @property
    def writes(self) -> bool:
        return self.request.writes

    def encode(self) -> bytes:
        return self.request.frame().encode(wake_up=self.wake_up)

    def answered_by(self, frame: Frame, /) -> bool:
        return self.request.answered_by(frame)

    def refusal(self, frame: Frame, /) -> Refusal | None:
        if not self.request.refused_by(frame):
            return None
        words = self.request.refusal(frame)
        why = ", ".join(words)
        if self.writes:
            return Refusal(why, NOT_DONE)
        return Refusal(why, _NOT_AVAILABLE if NO_SUCH_DATA in words else MAY_PASS)

    def instead(self, frame: Frame, /) -> str:
        if not frame.from_meter:
            return ""
        told = f"function {frame.function:02X}H, {frame.data[:4][::-1].hex().upper()}"
        return f"meter {frame.address} answered instead, or something else: {told}"

    def mistakes_for(self, other: "_Asked", /) -> bool:
        """An answer names meter, function and identifier.

        The acknowledgement of a write names no identifier, and the number of a follow-on frame does
        not say of which reading it is.
        """
        mine, its = self.request, other.request
        if mine.function != its.function or not _same_meter(mine.address, its.address):
            return False
        if mine.writes:
            return True
        same = mine.identifier == its.identifier and mine.sequence == its.sequence
        return same and mine.function == FUNCTIONS[mine.edition].read_next


def _same_meter(one: str, other: str) -> bool:
    return address_fits(one, other) or address_fits(other, one)


class MeterClient(FrameClient[Frame, MeterLine]):
    """A line of meters; requests also raise ValueRangeError for arguments that cannot be sent."""

    @staticmethod
    def new_stream() -> FrameStream[Frame]:
        """Return what cuts the bytes of a line into frames."""
        return frame_stream()

    def clear_at(self, request: Request) -> float:
        """When this may be asked without a late answer being taken for its own."""
        return self._exchange.clear_at(self._asked(request))

    def fresh_at(self, request: Request) -> float:
        """As ``clear_at``, but an older answer to the same request counts as another's."""
        return self._exchange.fresh_at(self._asked(request))

    async def read(
        self,
        address: str,
        identifier: int,
        *,
        timeout_s: float,
        edition: Edition = Edition.E2007,
        extra: bytes = b"",
    ) -> Reply:
        """Ask for one identifier, follow-on frames included; the reply's values are its bytes."""
        began = self._clock.monotonic_s()
        request = read(address, identifier, edition=edition, extra=extra)
        answer = await self._ask(request, timeout_s)
        if answer.frame.more and answer.may_be_older:
            raise DeviceGarbageError(f"{request}: its first part may be older than the rest")
        data = request.payload(answer.frame)
        sequence = 0
        while answer.frame.more:
            sequence += 1
            if sequence > _MOST_PARTS:
                raise DeviceGarbageError(f"{request}: more than {_MOST_PARTS} follow-on frames")
            request = read_next(answer.frame.address, identifier, sequence, edition=edition)
            answer = await self._ask(request, timeout_s)
            data += request.payload(answer.frame)
        return Reply(data, answer.at_ms, self._clock.monotonic_s() - began)

    async def read_address(self, *, timeout_s: float, edition: Edition = Edition.E2007) -> str:
        """Return the address of the one meter on the line; with several, their answers collide."""
        request = read_address(edition=edition)
        answer = await self._ask(request, timeout_s)
        try:
            return address_in(request, answer.frame)
        except FrameError as error:
            raise DeviceGarbageError(f"{request}: {error}") from error

    async def who_has(
        self, wildcard: str, *, timeout_s: float, edition: Edition = Edition.E2007
    ) -> str:
        """Return the address of the one meter that a wildcard is for: every answer begins with it.

        Several answers collide: DeviceGarbageError, or silence.
        """
        number, total = _USUAL[edition]
        try:
            answer = await self._ask(read(wildcard, number, edition=edition), timeout_s)
        except DeviceRefusedError:
            answer = await self._ask(read(wildcard, total, edition=edition), timeout_s)
        return answer.frame.address

    async def command(self, request: Request, *, timeout_s: float) -> Reply:
        """Send a write or a relay command and wait until the meter has taken it.

        It is never sent twice. A meter acknowledges that it was told, not that it is done: read
        back what it says of itself.
        """
        began = self._clock.monotonic_s()
        answer = await self._ask(request, timeout_s)
        took_s = self._clock.monotonic_s() - began
        return Reply(request.payload(answer.frame), answer.at_ms, took_s)

    async def broadcast(self, request: Request) -> Reply:
        """Send what no meter answers, and wait until it has gone over the line."""
        began = self._clock.monotonic_s()
        await self._exchange.tell(self._asked(request))
        return Reply((), self._clock.now_ms(), self._clock.monotonic_s() - began)

    async def _ask(self, request: Request, timeout_s: float) -> Answered[Frame]:
        return await self._exchange.ask(self._asked(request), timeout_s=timeout_s)

    def _asked(self, request: Request) -> _Asked:
        return _Asked(request, self._line.wake_up)
