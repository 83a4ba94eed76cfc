"""Several units on one line: who answers, when, and what becomes of bytes that collide."""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from simulators.clock import Clock
from simulators.framing import Request
from simulators.line_protocols import LINE_PROTOCOLS, LineFraming

# An operating system hands a request over in pieces; this is long enough to be no such gap.
_SILENCE_S = 0.05
# What a USB adapter typically delivers at once.
_CHUNK_BYTES = 16


class Reply(NamedTuple):
    """What a unit answers.

    Attributes:
        pdu: Reply PDU; None: the unit stays silent.
        delay_s: Time that the unit takes, seconds.
        noisy: The frame is damaged on its way.
    """

    pdu: bytes | None
    delay_s: float = 0.0
    noisy: bool = False


SILENT = Reply(None)


class Responder(Protocol):
    """One unit."""

    def respond(self, pdu: bytes, now_s: float) -> Reply:
        """Answer one request PDU."""
        ...


@dataclass(frozen=True, slots=True)
class LineTiming:
    """How long bytes and answers take.

    Attributes:
        baud: Bits per second; 0: bytes take no time.
        bits_per_character: 11 for 8E1, 8O1 and 8N2, 10 for 8N1.
        turnaround_s: Time from the end of a request to the first byte of the reply, seconds.
    """

    baud: int = 0
    bits_per_character: int = 11
    turnaround_s: float = 0.0

    def duration_s(self, characters: int) -> float:
        """Return how long so many characters are on the wire, seconds."""
        return characters * self.bits_per_character / self.baud if self.baud else 0.0


@dataclass(slots=True)
class _Sent:
    """Bytes of the master that are on their way."""

    data: bytes
    garbled: bool = False


class LineOfUnits:
    """The slaves of one line; ``receive`` takes what the master sends, ``write`` gets the replies.

    The line is one for both directions, and the master's bytes occupy it as well. Who talks at once
    garbles each other: a late answer disturbs the units polled meanwhile, and the question to them.
    """

    def __init__(
        self,
        units: Mapping[int, Responder],
        *,
        write: Callable[[bytes], None],
        clock: Clock,
        rng: random.Random,
        timing: LineTiming | None = None,
        framing: LineFraming = "rtu",
    ) -> None:
        self._units = units
        self._write = write
        self._clock = clock
        self._rng = rng
        self._timing = timing or LineTiming()
        self._protocol = LINE_PROTOCOLS[framing]()
        self._loop = asyncio.get_running_loop()
        self._silence: asyncio.TimerHandle | None = None
        self._sending: deque[_Sent] = deque()
        self._sent_s = 0.0
        self._talking = 0
        self._garbled = False
        self._closed = False

    def receive(self, data: bytes) -> None:
        """Take bytes from the master; they arrive when the last one has gone over the line."""
        if not self._timing.baud:
            self._hear(data)
            return
        self._sending.append(_Sent(data))
        if self._talking:
            self._collide()
        self._sent_s = max(self._sent_s, self._loop.time()) + self._timing.duration_s(len(data))
        self._loop.call_at(self._sent_s, self._arrive)

    def _arrive(self) -> None:
        sent = self._sending.popleft()
        if not sent.garbled:
            self._hear(sent.data)

    def _collide(self) -> None:
        self._garbled = True
        for sent in self._sending:
            sent.garbled = True

    def _hear(self, data: bytes) -> None:
        if self._closed:
            return
        if self._silence is not None:
            self._silence.cancel()
        for request in self._protocol.feed(data):
            self._take(request)
        self._silence = self._loop.call_later(_SILENCE_S, self._silent)

    def close(self) -> None:
        """Let nothing more be written."""
        self._closed = True
        if self._silence is not None:
            self._silence.cancel()

    def _silent(self) -> None:
        for request in self._protocol.silence():
            self._take(request)

    def _take(self, request: Request) -> None:
        now_s = self._clock.now_s()
        for unit in self._protocol.listeners(request.unit, self._units):
            reply = self._units[unit].respond(request.pdu, now_s)
            if self._protocol.is_answered(request.unit) and reply.pdu is not None:
                self._answer(unit, reply.pdu, reply)

    def _answer(self, unit: int, pdu: bytes, reply: Reply) -> None:
        frame = self._protocol.frame(unit, pdu)
        if reply.noisy:
            frame = damage(frame, self._rng)
        wait_s = self._timing.turnaround_s + reply.delay_s
        self._loop.call_at(self._loop.time() + wait_s, self._speak, frame)

    def _speak(self, frame: bytes) -> None:
        if self._talking or self._sending:
            self._collide()
            frame = damage(frame, self._rng)
        else:
            self._garbled = False
        if not self._timing.baud:
            self._deliver(frame)
            return
        # Absolute times, so that the event loop's lateness does not add up over the chunks.
        start_s = self._loop.time()
        for at in range(0, len(frame), _CHUNK_BYTES):
            chunk = frame[at : at + _CHUNK_BYTES]
            self._talking += 1
            arrives_s = start_s + self._timing.duration_s(at + len(chunk))
            self._loop.call_at(arrives_s, self._deliver_chunk, chunk)

    def _deliver_chunk(self, chunk: bytes) -> None:
        self._talking -= 1
        self._deliver(damage(chunk, self._rng) if self._garbled else chunk)

    def _deliver(self, data: bytes) -> None:
        if data and not self._closed:
            self._write(data)


def damage(frame: bytes, rng: random.Random) -> bytes:
    """Return the frame with one byte corrupted, inserted or lost, as a disturbed line does it.

    Of a frame of one byte something is always left.
    """
    at = rng.randrange(len(frame))
    match rng.randrange(3 if len(frame) > 1 else 2):
        case 0:
            return frame[:at] + bytes((frame[at] ^ rng.randrange(1, 256),)) + frame[at + 1 :]
        case 1:
            return frame[:at] + bytes((rng.randrange(256),)) + frame[at:]
        case _:
            return frame[:at] + frame[at + 1 :]
