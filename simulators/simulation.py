"""Runs an estate: opens its endpoints, follows its script, says what happens."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from simulators.clock import Clock, SystemClock
from simulators.errors import UnknownNameError
from simulators.estate import (
    BoxStep,
    CentreEndpoint,
    Estate,
    MeterLineEndpoint,
    PtyEndpoint,
    ReaderLineEndpoint,
    Step,
    TcpEndpoint,
)
from simulators.estate_parts import EstateParts
from simulators.line import LineTiming
from simulators.modbus import ModbusServer
from simulators.plant import Plant
from simulators.serial_line import SerialLine


class Report(Protocol):
    """Where the simulation tells what happens: a fixed word and fields."""

    def __call__(self, event: str, **fields: object) -> None:
        """Report one event."""
        ...


class Address(NamedTuple):
    """Where an open endpoint is reached: host and port, or the path of a line."""

    kind: str
    host: str = ""
    port: int = 0
    path: str = ""


class Simulation:
    """An estate that answers.

    Attributes:
        plant: The units.
        addresses: Endpoint name to the address it got.
    """

    def __init__(
        self,
        estate: Estate,
        *,
        report: Report,
        clock: Clock | None = None,
        seed: int | None = None,
    ) -> None:
        self._estate = estate
        self._report = report
        self._clock = clock or SystemClock()
        self._seed = estate.seed if seed is None else seed
        self._parts = EstateParts(estate, self._clock)
        self.addresses: dict[str, Address] = {
            name: Address(endpoint.kind, host=endpoint.host, port=endpoint.port)
            for name, endpoint in estate.endpoints.items()
            if isinstance(endpoint, CentreEndpoint)
        } | {
            name: Address("osdp", path=str(Path(endpoint.path).absolute()))
            for name, endpoint in estate.endpoints.items()
            if isinstance(endpoint, ReaderLineEndpoint)
        }
        self.plant = Plant(
            estate, started_s=self._clock.now_s(), seed=self._seed, parts=self._parts.units
        )
        self._servers: dict[str, ModbusServer] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opening:
            for name, endpoint in self._estate.endpoints.items():
                if isinstance(endpoint, PtyEndpoint | MeterLineEndpoint):
                    self.addresses[name] = await self._open_line(name, endpoint, opening)
                elif isinstance(endpoint, TcpEndpoint):
                    self.addresses[name] = await self._open_port(name, endpoint, opening)
            await opening.enter_async_context(self._parts)
            self._stack = opening.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()
        self._servers.clear()

    async def follow_script(self) -> None:
        """Do the steps of the script at their times; returns after the last."""
        while (due_s := self.plant.next_due_s()) is not None:
            await self._clock.sleep(max(due_s - self._clock.now_s(), 0.0))
            for step in self.plant.advance(self._clock.now_s()):
                self._report_step(step)

    def do(self, step: Step) -> None:
        """Do one thing now.

        Raises:
            UnknownNameError: no such unit, event or point.
            ValueRangeError: the point cannot carry the value.
        """
        self.plant.do(step, self._clock.now_s())
        self._report_step(step)

    def clear(self) -> None:
        """End everything that was done to any unit."""
        for name in self._estate.units:
            self.plant.clear(name, self._clock.now_s())
        self._report("clear")

    def get(self, unit: str, point: str) -> object:
        """Return the value that a master would read.

        Raises:
            UnknownNameError: no such unit or point.
        """
        return self.plant.get(unit, point, self._clock.now_s())

    def cut(self, endpoint: str) -> None:
        """Cut the connections of a TCP endpoint, as a restarted gateway does.

        Raises:
            UnknownNameError: no such TCP endpoint.
        """
        self._server(endpoint).drop_connections()
        self._report("cut", endpoint=endpoint)

    def box(self, endpoint: str, step: BoxStep | None) -> None:
        """Give the box of a TCP endpoint a fault, or take all from it.

        Raises:
            UnknownNameError: no such TCP endpoint.
        """
        box = self._server(endpoint).box
        if step is None:
            box.active.clear()
            self._report("box", endpoint=endpoint, kind="none")
        else:
            box.add(step.fault())
            self._report("box", endpoint=endpoint, **step.model_dump(exclude_unset=True))

    def _server(self, endpoint: str) -> ModbusServer:
        if endpoint not in self._servers:
            raise UnknownNameError(
                f"no TCP endpoint {endpoint!r}; there are {sorted(self._servers)}"
            )
        return self._servers[endpoint]

    def _report_step(self, step: Step) -> None:
        fields = step.model_dump(mode="json", exclude_unset=True, exclude={"do", "at_s"})
        self._report(step.do, **fields)

    async def _open_port(self, name: str, endpoint: TcpEndpoint, stack: AsyncExitStack) -> Address:
        server = ModbusServer(
            self.plant.responders(name),
            host=endpoint.host,
            port=endpoint.port,
            framing="mbap" if endpoint.kind == "modbus_tcp" else endpoint.framing.value,
            clock=self._clock,
            seed=self._seed,
        )
        for step in endpoint.faults:
            server.box.add(step.fault())
        self._servers[name] = await stack.enter_async_context(server)
        return Address(endpoint.kind, host=server.host, port=server.port)

    async def _open_line(
        self, name: str, endpoint: PtyEndpoint | MeterLineEndpoint, stack: AsyncExitStack
    ) -> Address:
        line = SerialLine(
            self.plant.responders(name),
            path=Path(endpoint.path),
            timing=LineTiming(baud=endpoint.baud, turnaround_s=endpoint.turnaround_s),
            clock=self._clock,
            seed=self._seed,
            framing=(
                endpoint.framing
                if isinstance(endpoint, MeterLineEndpoint)
                else endpoint.framing.value
            ),
        )
        await stack.enter_async_context(line)
        return Address(endpoint.kind, path=str(line.path.absolute()))


async def until_stopped(simulation: Simulation, stop: asyncio.Event) -> None:
    """Follow the script until ``stop`` is set."""
    script = asyncio.create_task(simulation.follow_script(), name="script")
    stopped = asyncio.create_task(stop.wait(), name="stop")
    try:
        await asyncio.wait({script, stopped}, return_when=asyncio.FIRST_COMPLETED)
        # An error of the script is a bug or a wrong script and must be seen.
        if script.done():
            script.result()
            await stopped
    finally:
        script.cancel()
        stopped.cancel()
