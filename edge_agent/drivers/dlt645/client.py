"""One line of meters: a request and its answer, in time or not.

Independent of what is asked when: a planner turns points into requests.
"""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final, Self

from edge_agent.clock import Clock
from edge_agent.drivers.base import Reply
from edge_agent.drivers.connection import Connection
from edge_agent.drivers.dlt645.line import MeterLine
from edge_agent.drivers.dlt645.outstanding import OutstandingRequests
from edge_agent.drivers.link import Link
from edge_agent.errors import (
    DeviceGarbageError,
    DeviceRefusedError,
    DeviceTimeoutError,
    DriverError,
    PortDownError,
)
from protocols.dlt645.codes import NO_SUCH_DATA, Edition
from protocols.dlt645.frames import Frame, FrameStream, frame_bytes
from protocols.dlt645.requests import Request, address_in, read, read_address, read_next
from protocols.errors import FrameError

# Times the line's timeout: so long a request waits for late answers that it could be taken for.
_LONGEST_WAIT: Final = 3.0
# A serial server or USB adapter passes a frame on in pieces this far apart; a meter may pause in a
# frame for up to 0.5 s by the standard, and none is known that does.
_PIECES_S: Final = 0.1
_JABBER_S: Final = 1.0
_LOOK_AGAIN_S: Final = 0.05
_MOST_PARTS: Final = 32
"""Follow-on frames of one answer; a meter that never ends is not followed further."""
_SHORTEST_FRAME: Final = frame_bytes(0)
_NOT_AVAILABLE: Final = 2
_TRANSIENT: Final = 4
_NOT_DONE: Final = 7
"""Refusals carry Modbus' exception numbers (ADR-35): what it does not have, what may pass, and what
it was told and did not do."""


def ignore_late_answer(address: str, after_s: float) -> None:
    """Do nothing: where late answers do not matter."""
    del address, after_s


class MeterClient:
    """A line of meters. One request runs at a time; entered again after it was left.

    ``async with`` opens it and raises PortDownError when that fails; so does every request once the
    line is gone. Requests also raise DeviceTimeoutError, DeviceRefusedError and DeviceGarbageError,
    and nothing else but ValueRangeError for arguments that cannot be sent.

    Attributes:
        on_late_response: Called with the address of a meter that answers after its timeout, and how
            long after its request, seconds. It must be quick and send no request itself.
        stream: Finds the frames; its counters say how noisy the line is.
    """

    def __init__(
        self,
        *,
        open_link: Callable[[], Awaitable[Link]],
        line: MeterLine,
        clock: Clock,
        outstanding: OutstandingRequests | None = None,
    ) -> None:
        self.on_late_response: Callable[[str, float], object] = ignore_late_answer
        self.stream = FrameStream()
        self._line = line
        self._clock = clock
        self._outstanding = (
            OutstandingRequests(line.timeout_s) if outstanding is None else outstanding
        )
        self._connection = Connection(
            open_link,
            delay_s=line.connect_delay_s,
            renewable=line.renewable,
            clock=clock,
            on_change=self._changed,
        )
        self._request: Request | None = None
        self._answer: asyncio.Future[tuple[Frame, int]] | None = None
        self._quiet_since = 0.0
        self._may_be_older = False
        self._odd = ""
        self._rejected = self._dropped = 0

    async def __aenter__(self) -> Self:
        self.stream.clear()
        await self._connection.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._connection.close()

    def clear_at(self, request: Request) -> float:
        """When this may be asked without a late answer being taken for its own.

        Monotonic seconds, in the past when it may be asked now. Asking sooner waits, for three
        timeouts at most.
        """
        return self._outstanding.clear_at(request, self._clock.monotonic_s())

    def fresh_at(self, request: Request) -> float:
        """As ``clear_at``, but an older answer to the same request counts as another's."""
        return self._outstanding.clear_at(request, self._clock.monotonic_s(), afresh=True)

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
        frame, at_ms = await self._transact(request, timeout_s)
        if frame.more and self._may_be_older:
            raise DeviceGarbageError(f"{request}: its first part may be older than the rest")
        data = request.payload(frame)
        sequence = 0
        while frame.more:
            sequence += 1
            if sequence > _MOST_PARTS:
                raise DeviceGarbageError(f"{request}: more than {_MOST_PARTS} follow-on frames")
            request = read_next(frame.address, identifier, sequence, edition=edition)
            frame, at_ms = await self._transact(request, timeout_s)
            data += request.payload(frame)
        return Reply(data, at_ms, self._clock.monotonic_s() - began)

    async def read_address(self, *, timeout_s: float, edition: Edition = Edition.E2007) -> str:
        """Return the address of the one meter on the line; with several, their answers collide."""
        request = read_address(edition=edition)
        frame, _ = await self._transact(request, timeout_s)
        try:
            return address_in(request, frame)
        except FrameError as error:
            raise DeviceGarbageError(f"{request}: {error}") from error

    async def command(self, request: Request, *, timeout_s: float) -> Reply:
        """Send a write or a relay command and wait until the meter has taken it.

        It is never sent twice. A meter acknowledges that it was told, not that it is done: read
        back what it says of itself.
        """
        began = self._clock.monotonic_s()
        frame, at_ms = await self._transact(request, timeout_s)
        return Reply(request.payload(frame), at_ms, self._clock.monotonic_s() - began)

    async def broadcast(self, request: Request) -> None:
        """Send what no meter answers, and wait until it has gone over the line."""
        link = await self._ready(request)
        await self._clock.sleep(self._send(link, request))

    async def _transact(self, request: Request, timeout_s: float) -> tuple[Frame, int]:
        connection = self._connection
        link = await self._ready(request)
        try:
            return await self._transact_once(link, request, timeout_s)
        except PortDownError:
            if request.writes or not connection.replaceable:
                raise
        # Closed after the answer before, just when this was asked: a read may be asked again.
        link = await connection.renewed()
        return await self._transact_once(link, request, timeout_s)

    async def _transact_once(
        self, link: Link, request: Request, timeout_s: float
    ) -> tuple[Frame, int]:
        sent = self._clock.monotonic_s()
        unit = int(request.address, 16)
        try:
            self._odd, self._rejected = "", self.stream.rejected.total()
            self._dropped = self.stream.dropped
            self._send(link, request)
            frame, at_ms = await self._heard(request, timeout_s)
        except (DriverError, asyncio.CancelledError) as error:
            # Whoever uses this line next: the answer may still come.
            self._outstanding.add(request, sent)
            if isinstance(error, (DeviceTimeoutError, DeviceGarbageError)):
                self._connection.unanswered(unit, sent_s=sent)
            raise
        self._connection.answered(unit)
        self._may_be_older = self._outstanding.answered(request, sent)
        if words := request.refusal(frame):
            message = f"{request}: refused, {', '.join(words)}"
            raise DeviceRefusedError(message, code=_refusal_code(request, words))
        return frame, at_ms

    def _send(self, link: Link, request: Request) -> float:
        """Hand a request to the line; return how long its bytes take."""
        raw = request.frame().encoded(wake_up=self._line.wake_up)
        link.send(raw)
        gone_s = len(raw) * self._line.char_s
        self._quiet_since = self._clock.monotonic_s() + gone_s
        return gone_s

    async def _heard(self, request: Request, timeout_s: float) -> tuple[Frame, int]:
        loop = asyncio.get_running_loop()
        self._request = request
        self._answer = future = loop.create_future()
        self._timer = loop.call_later(timeout_s, self._expire, loop, loop.time() + timeout_s)
        try:
            return await future
        finally:
            self._timer.cancel()
            self._request = self._answer = None

    async def _ready(self, request: Request) -> Link:
        """Return a link that this may be sent on now; an error says that nothing was sent."""
        try:
            return await self._silent(request)
        except DriverError as error:
            error.went_out = False
            raise

    async def _silent(self, request: Request) -> Link:
        """Wait until the line is silent and no late answer can be mistaken."""
        link = await self._connection.ready(write=request.writes)
        began = self._clock.monotonic_s()
        patient_until = began + _JABBER_S + self._line.turnaround_s
        while True:
            # One turn of the loop brings in what is still waiting in the kernel.
            await self._clock.sleep(0)
            now = self._clock.monotonic_s()
            clear_at = self.clear_at(request)
            quiet_at = self._quiet_since + self._line.turnaround_s
            if clear_at > now:
                if now - began >= _LONGEST_WAIT * self._line.timeout_s:
                    message = f"{request}: not asked, a late answer could be taken for its own"
                    raise DeviceTimeoutError(message)
                patient_until = clear_at + _JABBER_S + self._line.turnaround_s
            elif quiet_at <= now or link.lost:
                self.stream.clear()
                return await self._connection.ready(write=request.writes)
            elif now > patient_until:
                raise DeviceGarbageError(f"{request}: not asked, the line is never silent")
            await self._clock.sleep(min(max(clear_at, quiet_at) - now, _LOOK_AGAIN_S))

    def _changed(self) -> None:
        """Look at the bytes that have just arrived, or at the wire that was lost."""
        link, waiting = self._connection.link, self._answer
        self._quiet_since = max(self._quiet_since, self._clock.monotonic_s())
        if link is None:
            return
        if link.received:
            self._connection.arrived()
        for frame in self.stream.feed(bytes(link.received)):
            self._take(frame, waiting)
        link.received.clear()
        if waiting is not None and not waiting.done() and link.lost:
            waiting.set_exception(PortDownError(link.lost))

    def _take(self, frame: Frame, waiting: "asyncio.Future[tuple[Frame, int]] | None") -> None:
        asked = self._request if waiting is not None and not waiting.done() else None
        late = self._outstanding.came(frame, asked, self._clock.monotonic_s())
        if late is not None:
            self.on_late_response(late.address, late.after_s)
        elif waiting is None or asked is None:
            return
        elif asked.concerns(frame):
            waiting.set_result((frame, self._clock.now_ms()))
        elif frame.from_meter:
            told = f"function {frame.function:02X}H, {frame.data[:4][::-1].hex().upper()}"
            self._odd = f"meter {frame.address} answered instead, or something else: {told}"

    def _expire(self, loop: asyncio.AbstractEventLoop, deadline: float) -> None:
        """The time is up, unless the answer is just coming in."""
        waiting, request = self._answer, self._request
        if waiting is None or waiting.done() or request is None:
            return
        arriving = len(self.stream) and self._clock.monotonic_s() - self._quiet_since < _PIECES_S
        longest_s = FrameStream.CAPACITY * self._line.char_s + 5 * _PIECES_S
        if arriving and loop.time() < deadline + longest_s:
            self._timer = loop.call_later(_PIECES_S, self._expire, loop, deadline)
        elif remark := self._remark():
            waiting.set_exception(DeviceGarbageError(f"{request}: {remark}"))
        else:
            waiting.set_exception(DeviceTimeoutError(f"{request}: no answer in time"))

    def _remark(self) -> str:
        """Say what came instead of an answer; nothing if nothing did."""
        if self._odd:
            return self._odd
        if self.stream.rejected.total() > self._rejected:
            return "a damaged frame"
        dropped = self.stream.dropped - self._dropped
        if dropped >= _SHORTEST_FRAME:
            # An answer whose head is damaged: the meter is there.
            return f"{dropped} bytes, no answer"
        return "part of a frame" if len(self.stream) else ""


def _refusal_code(request: Request, words: tuple[str, ...]) -> int:
    if request.writes:
        return _NOT_DONE
    return _NOT_AVAILABLE if NO_SUCH_DATA in words else _TRANSIENT
