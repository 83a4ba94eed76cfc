"""Modbus and meters of DL/T 645 on one RS-485 pair: one line that changes its settings.

Each protocol has its own client, which sees the line while it is its turn. What arrives after the
change belongs to nobody it could be mistaken for: it has another speed.
"""

from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Final, Protocol, Self

from config.ports import Dlt645Port, LinePort, ModbusRtuPort
from edge_agent.clock import Clock
from edge_agent.drivers.base import OnLateResponse, Reply, ignore_late_response
from edge_agent.drivers.dlt645.client import MeterClient
from edge_agent.drivers.dlt645.driver import MeterDriver, meter_line
from edge_agent.drivers.dlt645.outstanding import OutstandingRequests
from edge_agent.drivers.dlt645.question import IdentifierQuestion
from edge_agent.drivers.dlt645.relays import Relays
from edge_agent.drivers.link import LineSetting, Link, ignore
from edge_agent.drivers.modbus_client import ModbusClient
from edge_agent.drivers.outstanding import Outstanding
from edge_agent.drivers.registers.planner import RegisterTarget
from edge_agent.drivers.wires import wire_of
from edge_agent.errors import PortDownError

_NOT_OPEN: Final = "not open"


class AdjustableLink(Link, Protocol):
    """An open line whose settings can be changed."""

    def configure(self, setting: LineSetting) -> None:
        """Change the settings and drop what came before; raises PortDownError if it refuses."""
        ...


class _Turn:
    """The line as one protocol sees it."""

    def __init__(self, setting: LineSetting) -> None:
        self.setting = setting
        self.received = bytearray()
        self.lost = ""
        self.on_change: Callable[[], None] = ignore
        self.wire: AdjustableLink | None = None

    def send(self, data: bytes) -> None:
        """Hand bytes to the line."""
        if self.lost or self.wire is None:
            raise PortDownError(self.lost or _NOT_OPEN)
        self.wire.send(data)

    def close(self, why: str = "closed") -> None:
        """Use the line no more; the pair gives it back."""
        self.lost = self.lost or why

    async def closed(self) -> None:
        """Wait for nothing."""

    def opened(self, wire: AdjustableLink) -> None:
        """Begin with an open line."""
        self.wire, self.lost = wire, ""
        self.received.clear()


class PairDriver:
    """One pair of two protocols; see ``Driver`` for what it promises.

    Args:
        open_wire: Opens the line at the settings of Modbus.
        port: Its settings for Modbus.
        meters: Its settings for meters.
        change_s: Silence kept after each change, seconds.
        clock: Time.
        outstanding: Requests of this line's earlier users that may still be answered.
        of_meters: The same of meters.
        relays: Builds relay commands; None: there are none.
    """

    def __init__(
        self,
        *,
        open_wire: Callable[[], Awaitable[AdjustableLink]],
        port: ModbusRtuPort,
        meters: Dlt645Port,
        change_s: float,
        clock: Clock,
        outstanding: Outstanding | None = None,
        of_meters: OutstandingRequests | None = None,
        relays: Relays | None = None,
    ) -> None:
        self.on_late_response: OnLateResponse = ignore_late_response
        self._open_wire = open_wire
        self._clock = clock
        self._change_s = change_s
        self._wire: AdjustableLink | None = None
        self._of_modbus, self._of_meters = _Turn(_setting(port)), _Turn(_setting(meters))
        self._turn = self._of_modbus
        self._settled_at = 0.0
        self._modbus = ModbusClient(
            open_link=self._opened(self._of_modbus),
            wire=wire_of(port),
            port=port,
            clock=clock,
            outstanding=outstanding,
        )
        self._meters = MeterDriver(
            MeterClient(
                open_link=self._opened(self._of_meters),
                line=meter_line(meters),
                clock=clock,
                outstanding=of_meters,
            ),
            relays,
        )

    async def __aenter__(self) -> Self:
        self._wire = wire = await self._open_wire()
        wire.on_change = self._changed
        self._turn = self._of_modbus
        for turn in (self._of_modbus, self._of_meters):
            turn.opened(wire)
        self._modbus.on_late_response = self._meters.on_late_response = self.on_late_response
        await self._meters.__aenter__()
        await self._modbus.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._modbus.__aexit__(kind, error, traceback)
        await self._meters.__aexit__(kind, error, traceback)
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.on_change = ignore
            wire.close()
            await wire.closed()

    async def ask(self, unit: Any, question: Any, *, timeout_s: float) -> Reply:
        """Ask in the question's protocol, at its settings of the line."""
        if isinstance(question, IdentifierQuestion):
            await self._change_to(self._of_meters)
            return await self._meters.ask(unit, question, timeout_s=timeout_s)
        await self._change_to(self._of_modbus)
        return await self._modbus.ask(unit, question, timeout_s=timeout_s)

    async def tell(
        self, unit: Any, target: Any, values: Sequence[int], *, timeout_s: float
    ) -> Reply:
        """Write in the target's protocol."""
        registers = isinstance(target, RegisterTarget)
        try:
            await self._change_to(self._of_modbus if registers else self._of_meters)
        except PortDownError as error:
            error.went_out = False
            raise
        driver = self._modbus if registers else self._meters
        return await driver.tell(unit, target, values, timeout_s=timeout_s)

    def ask_at(self, unit: Any, question: Any) -> float:
        """When this may be asked without a late answer being taken for its own."""
        return self._of(question).ask_at(unit, question)

    def ask_afresh_at(self, unit: Any, question: Any) -> float:
        """When this may be asked so that its answer is no older one's."""
        return self._of(question).ask_afresh_at(unit, question)

    def tell_at(self, unit: Any, target: Any) -> float:
        """When this may be written."""
        if isinstance(target, RegisterTarget):
            return self._modbus.tell_at(unit, target)
        return self._meters.tell_at(unit, target)

    def _of(self, question: Any) -> ModbusClient | MeterDriver:
        return self._meters if isinstance(question, IdentifierQuestion) else self._modbus

    def _opened(self, turn: _Turn) -> Callable[[], Awaitable[Link]]:
        async def opened() -> Link:
            if turn.lost:
                raise PortDownError(turn.lost)
            return turn

        return opened

    async def _change_to(self, turn: _Turn) -> None:
        wire = self._wire
        if wire is None:
            raise PortDownError(_NOT_OPEN)
        if turn is not self._turn:
            wire.configure(turn.setting)
            self._turn = turn
            self._settled_at = self._clock.monotonic_s() + self._change_s
        # Who gave up a request in between has not waited to the end.
        wait_s = self._settled_at - self._clock.monotonic_s()
        if wait_s > 0:
            await self._clock.sleep(wait_s)

    def _changed(self) -> None:
        """Hand on what arrived to the protocol whose turn it is."""
        wire = self._wire
        if wire is None:
            return
        turn = self._turn
        turn.received += wire.received
        wire.received.clear()
        if wire.lost:
            for one in (self._of_modbus, self._of_meters):
                one.close(wire.lost)
        turn.on_change()


def _setting(port: LinePort) -> LineSetting:
    return LineSetting(port.bits_per_second, port.character_bits, port.parity, port.stop_bits)
