"""Modbus over TCP for many units: Modbus TCP, and a line's frames as a serial server sends them."""

import asyncio
import random
import socket
import struct
from collections.abc import Mapping
from types import TracebackType
from typing import Literal, Self, cast

from protocols.errors import FrameError
from simulators.box import Box, BoxFaultKind
from simulators.clock import Clock, SystemClock
from simulators.framing import MbapStream, Request, mbap_frame
from simulators.line import LineOfUnits, LineTiming, Responder
from simulators.line_protocols import LineFraming
from simulators.slave import GATEWAY_NO_RESPONSE, exception_reply

Framing = Literal["mbap", "rtu", "ascii"]

_LAST_TURNS = 4
_NO_LINGER = struct.pack("ii", 1, 0)


class ModbusServer:
    """Units behind one TCP port.

    Each unit answers under its own address, an address without unit stays silent, and a slow unit
    does not hold up the others. On Modbus TCP the wires are behind a gateway: where a reply is
    damaged the gateway answers with exception 11.

    Attributes:
        host: Address it listens on.
        port: TCP port; the chosen one once it is open.
        box: What it does to its connections.
    """

    def __init__(
        self,
        units: Mapping[int, Responder],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        framing: Framing = "mbap",
        clock: Clock | None = None,
        timing: LineTiming | None = None,
        seed: int = 0,
        box: Box | None = None,
    ) -> None:
        self.box = box or Box()
        self.host = host
        self.port = port
        self._wanted_port = port
        self._units = units
        self._framing: Framing = framing
        self._clock = clock or SystemClock()
        self._timing = timing
        self._rng = random.Random(seed)
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Transport] = set()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connection, self.host, self._wanted_port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()
            # One that was being accepted appears a turn of the loop later.
            for _ in range(_LAST_TURNS):
                self.drop_connections()
                await _one_turn()
            await self._server.wait_closed()
            self._server = None

    def drop_connections(self) -> None:
        """Cut every connection, as a restarted gateway does."""
        for transport in list(self._connections):
            transport.abort()

    def _connection(self) -> asyncio.Protocol:
        if self._framing == "mbap":
            return _MbapConnection(self._units, self._clock, self._connections, self.box)
        return _LineConnection(
            self._units,
            self._clock,
            self._connections,
            self.box,
            timing=self._timing,
            rng=self._rng,
            framing=self._framing,
        )


async def _one_turn() -> None:
    loop = asyncio.get_running_loop()
    turned: asyncio.Future[None] = loop.create_future()
    loop.call_soon(turned.set_result, None)
    await turned


class _Connection(asyncio.Protocol):
    """One connected master, and what the box does to it."""

    transport: asyncio.Transport

    def __init__(
        self,
        units: Mapping[int, Responder],
        clock: Clock,
        connections: set[asyncio.Transport],
        box: Box,
    ) -> None:
        self.units = units
        self.clock = clock
        self.box = box
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._made_s = self._heard_s = self._loop.time()
        self._mute = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        if self._connections and self.box.get(BoxFaultKind.SINGLE):
            self.transport.abort()
            return
        self._connections.add(self.transport)
        if banner := self.box.get(BoxFaultKind.BANNER):
            self._loop.call_later(banner.seconds, self.write, banner.text.encode())
        self._watch_idle()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._connections.discard(self.transport)

    def hears(self, data: bytes) -> bool:
        """Whether the box passes on what comes in."""
        self._watch_idle()
        now_s = self._loop.time()
        age_s, idle_s = now_s - self._made_s, now_s - self._heard_s
        self._heard_s = now_s
        swallowed = not self.box.hears(age_s=age_s, idle_s=0.0)
        self._mute = self._mute or not self.box.hears(age_s=float("inf"), idle_s=idle_s)
        if self._mute or swallowed:
            return False
        if self.box.get(BoxFaultKind.ECHO):
            self.write(data)
        return True

    def answer(self, frame: bytes) -> None:
        """Send an answer as the box does it."""
        pieces = self.box.pieces(frame)
        for after_s, piece in pieces:
            if after_s:
                self._loop.call_later(after_s, self.write, piece)
            else:
                self.write(piece)
        closing = self.box.closing()
        if closing is not None:
            end = self.transport.close if closing.kind is BoxFaultKind.CLOSE else self._reset
            self._loop.call_later(pieces[-1][0] + closing.seconds, end)

    def write(self, data: bytes) -> None:
        """Send bytes, if there is still somebody who takes them."""
        if not self.transport.is_closing():
            self.transport.write(data)

    def _reset(self) -> None:
        if not self.transport.is_closing():
            wire = self.transport.get_extra_info("socket")
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            self.transport.abort()

    def _watch_idle(self) -> None:
        limit = self.box.get(BoxFaultKind.IDLE_CLOSE)
        if limit is not None:
            self._loop.call_later(limit.seconds, self._close_idle, limit.seconds)

    def _close_idle(self, limit_s: float) -> None:
        if self._loop.time() - self._heard_s >= limit_s:
            self.transport.close()


class _MbapConnection(_Connection):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._stream = MbapStream()

    def data_received(self, data: bytes) -> None:
        if not self.hears(data):
            return
        try:
            requests = self._stream.feed(data)
        except FrameError:
            self.transport.abort()
            return
        for request in requests:
            self._take(request)

    def _take(self, request: Request) -> None:
        unit = self.units.get(request.unit)
        if unit is None:
            return
        reply = unit.respond(request.pdu, self.clock.now_s())
        if reply.pdu is None:
            return
        pdu = reply.pdu
        if reply.noisy:
            pdu = exception_reply(pdu[0] & 0x7F, GATEWAY_NO_RESPONSE)
        frame = self.box.headed(mbap_frame(request.transaction, request.unit, pdu))
        if reply.delay_s:
            self._loop.call_later(reply.delay_s, self.answer, frame)
        else:
            self.answer(frame)


class _LineConnection(_Connection):
    def __init__(
        self,
        units: Mapping[int, Responder],
        clock: Clock,
        connections: set[asyncio.Transport],
        box: Box,
        *,
        timing: LineTiming | None,
        rng: random.Random,
        framing: LineFraming,
    ) -> None:
        super().__init__(units, clock, connections, box)
        self._framing: LineFraming = framing
        self._timing = timing
        self._rng = rng

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._line = LineOfUnits(
            self.units,
            write=self.answer,
            clock=self.clock,
            rng=self._rng,
            timing=self._timing,
            framing=self._framing,
        )

    def data_received(self, data: bytes) -> None:
        if self.hears(data):
            self._line.receive(data)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._line.close()
