r"""A user information transmission device with a panel behind it, by TCP or on a pseudo terminal.

Its control takes one JSON object a line, over loopback TCP, and answers one line:

``{"do": "fire", "at": [[10, 2, "1层走廊"], [10, 3, "大堂"]]}`` (zone, point, text: in one frame) ·
``{"do": "fault", "at": [[10, 2, "1层走廊"]]}`` · ``{"do": "well", "at": [[10, 2, ""]]}`` ·
``{"do": "reset"}`` · ``{"do": "repeat", "times": 5}`` (the last message under new numbers) ·
``{"do": "resend"}`` (the last message under its number) · ``{"do": "heartbeat"}`` ·
``{"do": "garbage", "hex": "404000"}`` · ``{"do": "cut"}`` (drop the connection; by TCP only) ·
``{"do": "get"}`` (what was confirmed, denied, asked, and is still to be confirmed)
"""

import asyncio
import json
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, TypeAlias, cast

from simulators.clock import Clock, SystemClock
from simulators.fire_wire import (
    CONFIRM,
    CONTROL,
    DENY,
    REQUEST,
    RESPONSE,
    SEND,
    Message,
    SimulatedComponent,
    component_status,
    frame,
    messages,
    stamp,
)
from simulators.terminal import Terminal

_FIRE: Final = 0b011
_FAULT: Final = 0b101
_WELL: Final = 0b001
_SYSTEM: Final = 1
_SMOKE: Final = 40
_OPERATIONS: Final = 4
_TRANSMITTER_OPERATIONS: Final = 24
_RESET: Final = 1
_SENTRY_ANSWER: Final = 32
_INSPECT_SENTRY: Final = 91
_PAUSE_S: Final = 0.2
_TICK_S: Final = 0.05

_Send: TypeAlias = Callable[[bytes], None]
_Abort: TypeAlias = Callable[[], None]


@dataclass(frozen=True)
class DeviceSettings:
    """How the device behaves.

    Attributes:
        host: Where the centre listens.
        port: TCP port of the centre; 0 when ``line`` is set.
        line: Instead of TCP, a symbolic link to the pseudo terminal that it makes.
        address: Its own address.
        centre: Address of the centre.
        heartbeat_s: Time between heartbeats.
        reply_s: Wait for a confirmation; then it sends again, three times.
        answers_sentry: Whether somebody answers an inspection of the sentry.
    """

    host: str
    port: int
    address: int = 889
    centre: int = 88888
    heartbeat_s: float = 20.0
    reply_s: float = 5.0
    answers_sentry: bool = True
    line: Path | None = None


class TransmissionDevice:
    """Runs until ``run`` is cancelled; keeps what is not confirmed over lost connections.

    Attributes:
        counts: Messages by what became of them, and requests by type.
        sent: Messages that left, in their order.
    """

    def __init__(self, settings: DeviceSettings, *, clock: Clock | None = None) -> None:
        self.counts: Counter[str] = Counter()
        self.sent: list[bytes] = []
        self._settings = settings
        self._clock = clock or SystemClock()
        self._components: dict[tuple[int, int], SimulatedComponent] = {}
        self._queue: deque[tuple[int, bytes]] = deque()
        self._sequence = 0
        self._asked_s = self._beat_s = 0.0
        self._send: _Send | None = None
        self._abort: _Abort | None = None

    async def run(self) -> None:
        """Connect, and connect again."""
        while True:
            with suppress(OSError):
                if self._settings.line is None:
                    await self._connect()
                else:
                    await self._speak_on(self._settings.line)
            await self._clock.sleep(_PAUSE_S)

    def obey(self, line: bytes) -> dict[str, object]:
        """Do what a line of the control says."""
        try:
            order = cast("dict[str, object]", json.loads(line))
            return {"ok": True, **self._done(order)}
        except (ValueError, KeyError, TypeError) as error:
            return {"ok": False, "error": f"{type(error).__name__}: {error}"}

    def show(self, status: int, *places: tuple[int, int, str]) -> None:
        """Change components and report them in one frame."""
        changed = [
            SimulatedComponent(_SYSTEM, 1, _SMOKE, zone, point, status, text)
            for zone, point, text in places
        ]
        self._components.update({(one.zone, one.point): one for one in changed})
        self._report(component_status(changed, self._local()))

    def show_fire(self, *places: tuple[int, int, str]) -> None:
        """Report a fire at components: zone, point, text."""
        self.show(_FIRE, *places)

    def show_fault(self, *places: tuple[int, int, str]) -> None:
        """Report a fault of components: zone, point, text."""
        self.show(_FAULT, *places)

    def reset(self) -> None:
        """Reset the panel: all is well, and the operation is reported."""
        well = {at: one._replace(status=_WELL) for at, one in self._components.items()}
        self._components.update(well)
        operation = bytes((_OPERATIONS, 1, _SYSTEM, 1, _RESET, 1))
        self._report(operation + stamp(self._local()))

    async def _connect(self) -> None:
        reader, writer = await asyncio.open_connection(self._settings.host, self._settings.port)
        self._send, self._abort = writer.write, writer.transport.abort
        try:
            await self._serve(reader)
        finally:
            self._send = self._abort = None
            writer.transport.abort()

    async def _speak_on(self, line: Path) -> None:
        reader = asyncio.StreamReader()
        async with Terminal(line, reader.feed_data) as terminal:
            self._send = terminal.write
            try:
                await self._serve(reader)
            finally:
                self._send = None

    def _done(self, order: dict[str, object]) -> dict[str, object]:
        states = {"fire": _FIRE, "fault": _FAULT, "well": _WELL}
        what = str(order["do"])
        if what in states:
            places = cast("list[tuple[int, int, str]]", order["at"])
            self.show(states[what], *((zone, point, text) for zone, point, text in places))
            return {}
        actions = {
            "reset": self.reset,
            "repeat": lambda: self._repeat(int(str(order.get("times", 1)))),
            "resend": lambda: self._write(self.sent[-1]),
            "heartbeat": self._beat,
            "garbage": lambda: self._write(bytes.fromhex(str(order["hex"]))),
            "cut": self._cut,
        }
        if what == "get":
            return {"counts": dict(self.counts), "waiting": len(self._queue)}
        if what not in actions:
            raise ValueError(
                f"{what!r}; allowed: {', '.join([*states, *map(str, actions), 'get'])}"
            )
        actions[what]()
        return {}

    def _repeat(self, times: int) -> None:
        data = self.sent[-1][27:-3]
        for _ in range(times):
            self._report(data)

    def _cut(self) -> None:
        if self._settings.line is not None:
            raise ValueError("a line has no connection to cut")
        if self._abort is not None:
            self._abort()

    def _report(self, data: bytes) -> None:
        self._sequence = (self._sequence + 1) % 65536
        self._queue.append((self._sequence, data))
        self._send_first()

    def _beat(self) -> None:
        self._beat_s = self._clock.now_s()
        self._sequence = (self._sequence + 1) % 65536
        self._write(self._frame(self._sequence, SEND, b""))

    def _send_first(self) -> None:
        """Send the oldest message when none waits for its confirmation, or for too long."""
        now_s = self._clock.now_s()
        if self._queue and self._send and now_s - self._asked_s >= self._settings.reply_s:
            sequence, data = self._queue[0]
            self._asked_s = now_s
            self.counts["sent"] += 1
            self.sent.append(self._frame(sequence, SEND, data))
            self._write(self.sent[-1])

    async def _serve(self, reader: asyncio.StreamReader) -> None:
        self._asked_s = self._beat_s = 0.0
        received = bytearray()
        while True:
            self._send_first()
            if self._clock.now_s() - self._beat_s >= self._settings.heartbeat_s:
                self._beat()
            with suppress(TimeoutError):
                async with asyncio.timeout(_TICK_S):
                    data = await reader.read(4096)
                    if not data:
                        return
                    received += data
            for message in messages(received):
                self._take(message)

    def _take(self, message: Message) -> None:
        match message.command:
            case command if command in {CONFIRM, DENY}:
                self._settle(message)
            case command if command == REQUEST:
                self.counts[f"asked_{message.data[0]}"] += 1
                self._write(self._frame(message.sequence, RESPONSE, self._response(message.data)))
            case command if command == CONTROL:
                self.counts[f"asked_{message.data[0]}"] += 1
                self._write(self._frame(message.sequence, CONFIRM, b""))
                if message.data[0] == _INSPECT_SENTRY and self._settings.answers_sentry:
                    head = bytes((_TRANSMITTER_OPERATIONS, 1, _SENTRY_ANSWER, 1))
                    self._report(head + stamp(self._local()))
            case _:
                self.counts["unknown"] += 1

    def _settle(self, message: Message) -> None:
        is_confirmed = message.command == CONFIRM
        self.counts["confirmed" if is_confirmed else "denied"] += 1
        if is_confirmed and self._queue and self._queue[0][0] == message.sequence:
            self._queue.popleft()
            self._asked_s = 0.0
            self._send_first()

    def _response(self, data: bytes) -> bytes:
        now = stamp(self._local())
        match data[0]:
            case 61:
                return bytes((1, 1, _SYSTEM, 1, *self._system_status())) + now
            case 62:
                places = [data[at : at + 6] for at in range(2, len(data), 6)]
                return component_status([self._component(one) for one in places], self._local())
            case 85:
                return bytes((25, 1, 1, 1))
            case 88:
                return bytes((28, 1)) + now
            case _:
                return bytes((21, 1, self._system_status()[0] & 0x7F)) + now

    def _system_status(self) -> bytes:
        status = _WELL
        for one in self._components.values():
            status |= one.status
        return status.to_bytes(2, "little")

    def _component(self, place: bytes) -> SimulatedComponent:
        zone, point = (int.from_bytes(place[at : at + 2], "little") for at in (2, 4))
        known = self._components.get((zone, point))
        return known or SimulatedComponent(place[0], place[1], 0, zone, point, _WELL, "")

    def _frame(self, sequence: int, command: int, data: bytes) -> bytes:
        return frame(
            sequence,
            command,
            data,
            source=self._settings.address,
            destination=self._settings.centre,
            local=self._local(),
        )

    def _write(self, data: bytes) -> None:
        if self._send is not None:
            self._send(data)

    def _local(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now_s())  # noqa: DTZ006 (the device's own clock)
