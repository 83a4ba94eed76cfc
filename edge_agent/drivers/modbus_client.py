"""One Modbus connection, over TCP or a serial line: a request and its response, in time or not."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Final, Self

from config.points import Table
from config.ports import ModbusPort, ModbusRtuPort, ModbusTcpPort
from edge_agent.clock import Clock
from edge_agent.drivers.attribution import attribution_of
from edge_agent.drivers.base import OnLateResponse, Reply, ignore_late_response
from edge_agent.drivers.connection import Connection, open_tcp
from edge_agent.drivers.link import Link, OpenLink
from edge_agent.drivers.modbus import Request, answer, read_request, speaks_of_unit, write_request
from edge_agent.drivers.outstanding import LateResponse, Outstanding
from edge_agent.drivers.own_thread import OwnThread
from edge_agent.drivers.registers.driver import RegisterDriver
from edge_agent.drivers.serial_line import open_serial
from edge_agent.drivers.timing import line_timing
from edge_agent.drivers.wires import Wire, wire_of
from edge_agent.errors import (
    DeviceGarbageError,
    DeviceTimeoutError,
    DriverError,
    PortDownError,
)

# Times the port's timeout: so long a request waits for late answers that it could be taken for.
_LONGEST_WAIT: Final = 3.0
_LONGEST_FRAME: Final = 513  # of ASCII; 256 of RTU
# A serial server or USB adapter passes a frame on in pieces this far apart; a small controller
# sends its frames on TCP byte by byte.
_PIECES_S: Final = 0.02
_TCP_PIECES_S: Final = 0.1
# No frames that mean something follow each other for so long.
_JABBER_S: Final = 1.0
_LOOK_AGAIN_S: Final = 0.05


class ModbusClient(RegisterDriver):
    """A Modbus connection; see Driver for what it promises."""

    def __init__(
        self,
        *,
        open_link: Callable[[], Awaitable[Link]],
        wire: Wire,
        port: ModbusPort,
        clock: Clock,
        outstanding: Outstanding | None = None,
        on_late_response: OnLateResponse = ignore_late_response,
    ) -> None:
        timing = line_timing(port)
        self._wire = wire
        self._clock = clock
        self._char_s = timing.char_s
        self._gap_s = max(timing.gap_s, port.turnaround_s)
        self._open_link = open_link
        # A gateway in front of a line goes on answering on the next connection.
        self._direct = isinstance(port, ModbusTcpPort) and port.line_baud is None
        self._longest_wait_s = _LONGEST_WAIT * port.timeout_s
        self._outstanding = (
            Outstanding(port.timeout_s)
            if outstanding is None
            else outstanding.handed_on(port.timeout_s)
        )
        self._on_late_response = on_late_response
        self._attribution = attribution_of(wire, self._outstanding, clock, late=self._came_late)
        self._connection = Connection(
            self._opened,
            delay_s=port.connect_delay_s,
            renewable=not isinstance(port, ModbusRtuPort),
            clock=clock,
            on_change=self._changed,
        )
        self._request: Request | None = None
        self._answer: asyncio.Future[tuple[bytes, int]] | None = None
        self._quiet_since = 0.0

    async def _opened(self) -> Link:
        link = await self._open_link()
        self._outstanding.reconnected(direct=self._direct)
        return link

    async def __aenter__(self) -> Self:
        await self._connection.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._connection.close()

    def clear_at(self, unit: int, table: Table, address: int, count: int) -> float:
        """When this may be asked without a late reply being taken for its answer."""
        if not self._outstanding:
            return 0.0
        request = read_request(unit, table, address, count)
        return self._outstanding.clear_at(request, self._clock.monotonic_s())

    def fresh_at(self, unit: int, table: Table, address: int, count: int) -> float:
        """When this may be asked so that its answer is no older one's."""
        if not self._outstanding:
            return 0.0
        request = read_request(unit, table, address, count)
        return self._outstanding.clear_at(request, self._clock.monotonic_s(), afresh=True)

    def clear_to_write_at(
        self, unit: int, table: Table, address: int, count: int, *, multiple: bool = False
    ) -> float:
        """When this may be written without a late echo being taken for its own."""
        try:
            request = write_request(unit, table, address, [0] * count, multiple=multiple)
        except DeviceGarbageError:
            # It will be refused when it is tried.
            return 0.0
        return self._outstanding.clear_at(request, self._clock.monotonic_s())

    async def read(
        self, unit: int, table: Table, address: int, count: int, *, timeout_s: float
    ) -> Reply:
        """Ask for registers or bits."""
        return await self._transact(read_request(unit, table, address, count), timeout_s)

    async def write(
        self,
        unit: int,
        table: Table,
        address: int,
        values: Sequence[int],
        *,
        timeout_s: float,
        multiple: bool = False,
    ) -> Reply:
        """Write registers (function 6 or 16) or coils (5 or 15)."""
        request = write_request(unit, table, address, values, multiple=multiple)
        reply = await self._transact(request, timeout_s)
        return reply._replace(values=values)

    async def _transact(self, request: Request, timeout_s: float) -> Reply:
        connection, write = self._connection, not request.wanted
        try:
            link = await self._ready(request)
        except DriverError as error:
            error.went_out = False
            raise
        try:
            return await self._transact_once(link, request, timeout_s)
        except PortDownError:
            if write or not connection.replaceable:
                raise
        # Closed after the answer before, just when this was asked: a read may be asked again.
        link = await connection.renewed()
        return await self._transact_once(link, request, timeout_s)

    async def _ready(self, request: Request) -> Link:
        """Return a link that this may be sent on now."""
        write = not request.wanted
        link = await self._connection.ready(write=write)
        if self._wire.can_mistake_late or self._gap_s or self._outstanding:
            await self._wait_for_silence(link, request)
            link = await self._connection.ready(write=write)
        return link

    async def _transact_once(self, link: Link, request: Request, timeout_s: float) -> Reply:
        sent = self._clock.monotonic_s()
        frame = self._wire.frame(request)
        self._attribution.request_sent(frame, request)
        link.send(frame)
        self._quiet_since = sent + len(frame) * self._char_s
        try:
            pdu, at_ms = await self._heard(request, timeout_s)
        except (DriverError, asyncio.CancelledError) as error:
            # Whoever opens this line next, a serial server may still hand the answer on.
            self._attribution.given_up(link.received, request, sent)
            if isinstance(error, (DeviceTimeoutError, DeviceGarbageError)):
                self._connection.unanswered(request.unit, sent_s=sent)
            raise
        self._connection.answered(request.unit)
        self._outstanding.answered(request, sent, refused=request.refused_by(pdu))
        return Reply(answer(request, pdu), at_ms, self._clock.monotonic_s() - sent)

    async def _heard(self, request: Request, timeout_s: float) -> tuple[bytes, int]:
        loop = asyncio.get_running_loop()
        self._request = request
        self._answer = future = loop.create_future()
        deadline = loop.time() + timeout_s
        self._timer = loop.call_at(deadline, self._expire, loop, deadline)
        try:
            return await future
        finally:
            self._timer.cancel()
            self._request = self._answer = None

    async def _wait_for_silence(self, link: Link, request: Request) -> None:
        """Keep the gap between frames, and drop what came in the meantime."""
        began = self._clock.monotonic_s()
        patient_until = began + _JABBER_S + self._gap_s
        while True:
            # One turn of the loop brings in what is still waiting in the kernel.
            await self._clock.sleep(0)
            self._attribution.take(link.received, None)
            now = self._clock.monotonic_s()
            clear_at = self._outstanding.clear_at(request, now)
            quiet_at = self._quiet_since + self._gap_s
            if clear_at > now:
                if now - began >= self._longest_wait_s:
                    message = f"{request}: not asked, a late answer could be taken for its own"
                    raise DeviceTimeoutError(message)
                patient_until = clear_at + _JABBER_S + self._gap_s
            elif quiet_at <= now or link.lost:
                if self._wire.can_mistake_late:
                    link.received.clear()
                return
            elif now > patient_until:
                raise DeviceGarbageError(f"{request}: not asked, the line is never silent")
            # What is outstanding may come sooner.
            await self._clock.sleep(min(max(clear_at, quiet_at) - now, _LOOK_AGAIN_S))

    def _changed(self) -> None:
        """Look at the bytes that have just arrived, or at the wire that was lost."""
        link, waiting = self._connection.link, self._answer
        self._quiet_since = self._clock.monotonic_s()
        if link is None:
            return
        if link.received:
            self._connection.arrived()
        if waiting is None or waiting.done():
            self._attribution.take(link.received, None)
            return
        try:
            pdu = self._attribution.take(link.received, self._request)
        except DeviceGarbageError as error:
            waiting.set_exception(error)
            return
        if pdu is not None:
            waiting.set_result((pdu, self._clock.now_ms()))
        elif link.lost:
            remark = self._remark(link)
            waiting.set_exception(PortDownError(f"{link.lost}{remark and '; '}{remark}"))

    def _came_late(self, late: LateResponse, pdu: bytes) -> None:
        if speaks_of_unit(pdu):
            self._on_late_response(late.unit, late.after_s)

    def _expire(self, loop: asyncio.AbstractEventLoop, deadline: float) -> None:
        """The time is up, unless the answer is just coming in."""
        link, waiting, request = self._connection.link, self._answer, self._request
        if waiting is None or waiting.done() or link is None or request is None:
            return
        pieces_s = _PIECES_S if self._wire.on_a_line else _TCP_PIECES_S
        pause_s = max(pieces_s, 2 * self._gap_s)
        arriving = link.received and self._clock.monotonic_s() - self._quiet_since < pause_s
        longest_s = _LONGEST_FRAME * self._char_s + 5 * pause_s
        if arriving and loop.time() < deadline + longest_s:
            self._timer = loop.call_later(pause_s, self._expire, loop, deadline)
        elif remark := self._remark(link):
            waiting.set_exception(DeviceGarbageError(f"{request}: {remark}"))
        else:
            waiting.set_exception(DeviceTimeoutError(f"{request}: no answer in time"))

    def _remark(self, link: Link) -> str:
        request = self._request
        return "" if request is None else self._attribution.remark(link.received, request)


def open_modbus(
    port: ModbusPort,
    clock: Clock,
    on_late_response: OnLateResponse = ignore_late_response,
    *,
    outstanding: Outstanding | None = None,
    open_link: OpenLink | None = None,
) -> ModbusClient:
    """Return the client of a port; it opens when it is entered.

    Args:
        port: Its settings.
        clock: Time.
        on_late_response: Told of late responses.
        outstanding: Requests of this line's earlier users that may still be answered.
        open_link: Opens the connection; default: as the settings say.
    """
    thread = OwnThread()

    async def opened() -> Link:
        if isinstance(port, ModbusRtuPort):
            return await open_serial(port, thread)
        timeout_s = max(port.timeout_s, 1.0)
        return await open_tcp(port.host, port.port, timeout_s=timeout_s, thread=thread)

    return ModbusClient(
        open_link=open_link or opened,
        wire=wire_of(port),
        port=port,
        clock=clock,
        outstanding=outstanding,
        on_late_response=on_late_response,
    )
