"""One line of bytes whose answers are told by what they say: a request and its answer, in time.

For protocols whose frames have a start, a length and a sum: DL/T 645, CJ/T 188, M-Bus. What is
asked when is the polling's affair.
"""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final, Generic, Self

from edge_agent.clock import Clock
from edge_agent.drivers.base import OnLateResponse, ignore_late_response
from edge_agent.drivers.connection import Connection
from edge_agent.drivers.frame_line import Answered, Asked, Frame, FrameLine
from edge_agent.drivers.frame_outstanding import OutstandingRequests
from edge_agent.drivers.link import Link
from edge_agent.errors import (
    DeviceGarbageError,
    DeviceRefusedError,
    DeviceTimeoutError,
    DriverError,
    PortDownError,
)
from protocols.frame_stream import FrameStream

_LONGEST_WAIT: Final = 3.0  # timeouts that a request waits for a late answer it could be given
_PIECES_S: Final = 0.1  # so far apart a serial server passes on the pieces of a frame
_JABBER_S: Final = 1.0
_LOOK_AGAIN_S: Final = 0.05
_MOST_PIECES: Final = 5  # of an answer, with a pause before each


class FrameExchange(Generic[Frame]):
    """One line; one request runs at a time. Entered again after it was left.

    ``async with`` opens it and raises PortDownError when that fails; so does every request once the
    line is gone. Requests also raise DeviceTimeoutError, DeviceRefusedError and DeviceGarbageError,
    and nothing else.

    Attributes:
        stream: Finds the frames; its counters say how noisy the line is.
    """

    def __init__(
        self,
        *,
        open_link: Callable[[], Awaitable[Link]],
        stream: FrameStream[Frame],
        line: FrameLine,
        clock: Clock,
        outstanding: OutstandingRequests[Frame] | None = None,
        on_late_response: OnLateResponse = ignore_late_response,
    ) -> None:
        self._on_late_response = on_late_response
        self.stream = stream
        self._line = line
        self._clock = clock
        self._connection = Connection(
            open_link,
            delay_s=line.connect_delay_s,
            renewable=line.renewable,
            clock=clock,
            on_change=self._changed,
        )
        self._outstanding = OutstandingRequests[Frame]() if outstanding is None else outstanding
        self._request: Asked[Frame] | None = None
        self._answer: asyncio.Future[tuple[Frame, int]] | None = None
        self._sent = b""
        self._quiet_since = 0.0
        self._odd = ""
        self._heard_any = False
        self._rejected = self._discarded = 0

    async def __aenter__(self) -> Self:
        self.stream.reset()
        await self._connection.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._connection.close()

    def clear_at(self, request: Asked[Frame]) -> float:
        """When this may be asked without a late answer being taken for its own.

        Monotonic seconds, in the past when it may be asked now. Asking sooner waits, for three
        timeouts at most.
        """
        return self._outstanding.clear_at(request, self._clock.monotonic_s())

    def fresh_at(self, request: Asked[Frame]) -> float:
        """As ``clear_at``, but an older answer to the same request counts as another's."""
        return self._outstanding.clear_at(request, self._clock.monotonic_s(), afresh=True)

    async def tell(self, request: Asked[Frame]) -> None:
        """Send what nobody answers, and wait until it has gone over the line."""
        link = await self._ready(request)
        await self._clock.sleep(self._send(link, request))

    async def ask(self, request: Asked[Frame], *, timeout_s: float) -> Answered[Frame]:
        """Send a request and return its answer."""
        link = await self._ready(request)
        try:
            return await self._ask_once(link, request, timeout_s)
        except PortDownError:
            if request.writes or not self._connection.replaceable:
                raise
        # Closed after the answer before, just when this was asked: a read may be asked again.
        self._outstanding.discard(request)
        link = await self._connection.renewed()
        return await self._ask_once(link, request, timeout_s)

    async def _ask_once(
        self, link: Link, request: Asked[Frame], timeout_s: float
    ) -> Answered[Frame]:
        sent_s = self._clock.monotonic_s()
        self._odd, self._heard_any = "", False
        self._rejected, self._discarded = self.stream.rejected, self.stream.discarded
        try:
            self._send(link, request)
            frame, at_ms = await self._heard(request, timeout_s)
        except (DriverError, asyncio.CancelledError) as error:
            # Whoever uses this line next: the answer may still come.
            self._outstanding.add(request, sent_s=sent_s, until_s=self._late_until_s())
            if isinstance(error, (DeviceTimeoutError, DeviceGarbageError)):
                self._connection.unanswered(request.unit, sent_s=sent_s)
            raise
        self._connection.answered(request.unit)
        older = self._outstanding.answered(request, sent_s=sent_s, until_s=self._late_until_s())
        if refusal := request.refusal(frame):
            raise DeviceRefusedError(f"{request}: refused, {refusal.why}", code=refusal.code)
        return Answered(frame, at_ms, self._clock.monotonic_s() - sent_s, older)

    def _late_until_s(self) -> float:
        return self._clock.monotonic_s() + self._line.late_s

    def _send(self, link: Link, request: Asked[Frame]) -> float:
        """Hand a request to the line; return how long its bytes take."""
        self._sent = request.encode()
        link.send(self._sent)
        gone_s = self._line.wire_s(len(self._sent))
        self._quiet_since = self._clock.monotonic_s() + gone_s
        return gone_s

    async def _heard(self, request: Asked[Frame], timeout_s: float) -> tuple[Frame, int]:
        loop = asyncio.get_running_loop()
        self._request = request
        self._answer = future = loop.create_future()
        self._timer = loop.call_later(timeout_s, self._expire, loop, loop.time() + timeout_s)
        try:
            return await future
        finally:
            self._timer.cancel()
            self._request = self._answer = None

    async def _ready(self, request: Asked[Frame]) -> Link:
        """Return a link that this may be sent on now; an error says that nothing was sent."""
        try:
            link = await self._connection.ready(write=request.writes)
            await self._silence(link, request)
            return await self._connection.ready(write=request.writes)
        except DriverError as error:
            error.went_out = False
            raise

    async def _silence(self, link: Link, request: Asked[Frame]) -> None:
        """Wait until the line is silent and no late answer can be mistaken."""
        began = self._clock.monotonic_s()
        gap_s = self._line.turnaround_s
        patient_until = began + _JABBER_S + gap_s
        while True:
            # One turn of the loop brings in what is still waiting in the kernel.
            await self._clock.sleep(0)
            now = self._clock.monotonic_s()
            clear_at, quiet_at = self.clear_at(request), self._quiet_since + gap_s
            if clear_at > now:
                if now - began >= _LONGEST_WAIT * self._line.timeout_s:
                    message = f"{request}: not asked, a late answer could be taken for its own"
                    raise DeviceTimeoutError(message)
                patient_until = clear_at + _JABBER_S + gap_s
            elif quiet_at <= now or link.lost:
                self._take_all(self.stream.silence())
                return
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
            self._heard_any = True
            data = bytes(link.received)
            link.received.clear()
            self._take_all(self.stream.feed(data))
        if waiting is not None and not waiting.done() and link.lost:
            waiting.set_exception(PortDownError(link.lost))

    def _take_all(self, frames: list[Frame]) -> None:
        for frame in frames:
            self._take(frame)

    def _take(self, frame: Frame) -> None:
        waiting = self._answer
        asked = self._request if waiting is not None and not waiting.done() else None
        late = self._outstanding.came(frame, asked, self._clock.monotonic_s())
        if late is not None:
            self._on_late_response(late.unit, late.after_s)
        elif waiting is None or asked is None:
            return
        elif asked.answered_by(frame) or asked.refusal(frame):
            waiting.set_result((frame, self._clock.now_ms()))
        elif not self._sent.endswith(frame.encode()):
            # What comes back as it was sent is the echo of a converter.
            self._odd = self._odd or asked.instead(frame)

    def _expire(self, loop: asyncio.AbstractEventLoop, deadline: float) -> None:
        """The time is up, unless the answer is just coming in."""
        waiting, request = self._answer, self._request
        if waiting is None or waiting.done() or request is None:
            return
        pieces_s = max(_PIECES_S, 2 * self._line.turnaround_s)
        # Damaged bytes are waited for as well: who speaks into their rest damages what comes next.
        arriving = self._heard_any and self._clock.monotonic_s() - self._quiet_since < pieces_s
        longest_s = self._line.wire_s(self.stream.longest) + _MOST_PIECES * pieces_s
        if arriving and loop.time() < deadline + longest_s:
            self._timer = loop.call_later(pieces_s, self._expire, loop, deadline)
            return
        began = bool(self.stream)
        self._take_all(self.stream.silence())
        if waiting.done():
            return
        if remark := self._odd or self._remark(began=began):
            waiting.set_exception(DeviceGarbageError(f"{request}: {remark}"))
        else:
            waiting.set_exception(DeviceTimeoutError(f"{request}: no answer in time"))

    def _remark(self, *, began: bool) -> str:
        """Say what bytes came instead of a frame; nothing if none did, or a disturbance."""
        if began:
            return "part of a frame"
        discarded = self.stream.discarded - self._discarded
        if discarded < self.stream.shortest:
            return ""
        if self.stream.rejected > self._rejected:
            return "a damaged frame"
        # An answer whose head is damaged: somebody is there.
        return f"{discarded} bytes, no answer"
