"""Modbus over TCP for many units: Modbus TCP, and a line's frames as a serial server sends them."""

import asyncio
import random
from collections.abc import Mapping
from types import TracebackType
from typing import Literal, Self, cast

from protocols.errors import FrameError
from simulators.clock import Clock, SystemClock
from simulators.framing import MbapStream, Request, mbap_frame
from simulators.line import LineFraming, LineOfUnits, LineTiming, Responder
from simulators.slave import GATEWAY_NO_RESPONSE, exception_reply

Framing = Literal["mbap", "rtu", "ascii"]


class ModbusServer:
    """Units behind one TCP port.

    Each unit answers under its own address, an address without unit stays silent, and a slow unit
    does not hold up the others. On Modbus TCP the wires are behind a gateway: where a reply is
    damaged the gateway answers with exception 11.

    Attributes:
        host: Address it listens on.
        port: TCP port; the chosen one once it is open.
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
    ) -> None:
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
            self.drop_connections()
            await self._server.wait_closed()
            self._server = None

    def drop_connections(self) -> None:
        """Cut every connection, as a restarted gateway does."""
        for transport in list(self._connections):
            transport.abort()

    def _connection(self) -> asyncio.Protocol:
        if self._framing == "mbap":
            return _MbapConnection(self._units, self._clock, self._connections)
        return _LineConnection(
            self._units,
            self._clock,
            self._connections,
            timing=self._timing,
            rng=self._rng,
            framing=self._framing,
        )


class _Connection(asyncio.Protocol):
    """One connected master."""

    transport: asyncio.Transport

    def __init__(
        self,
        units: Mapping[int, Responder],
        clock: Clock,
        connections: set[asyncio.Transport],
    ) -> None:
        self.units = units
        self.clock = clock
        self._connections = connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._connections.add(self.transport)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._connections.discard(self.transport)


class _MbapConnection(_Connection):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._stream = MbapStream()
        self._loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
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
        frame = mbap_frame(request.transaction, request.unit, pdu)
        if reply.delay_s:
            self._loop.call_later(reply.delay_s, self._send, frame)
        else:
            self.transport.write(frame)

    def _send(self, frame: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(frame)


class _LineConnection(_Connection):
    def __init__(
        self,
        units: Mapping[int, Responder],
        clock: Clock,
        connections: set[asyncio.Transport],
        *,
        timing: LineTiming | None,
        rng: random.Random,
        framing: LineFraming,
    ) -> None:
        super().__init__(units, clock, connections)
        self._framing: LineFraming = framing
        self._timing = timing
        self._rng = rng

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._line = LineOfUnits(
            self.units,
            write=self.transport.write,
            clock=self.clock,
            rng=self._rng,
            timing=self._timing,
            framing=self._framing,
        )

    def data_received(self, data: bytes) -> None:
        self._line.receive(data)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._line.close()
