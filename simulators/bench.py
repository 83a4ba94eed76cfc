"""Many fast devices for benchmarks: each on a port of its own, or all behind one."""

from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from simulators.counter import BenchDevice
from simulators.modbus import ModbusServer


class BenchFarm:
    """Bench devices that answer while it is entered.

    Device k is unit 1 of the k-th port; with a shared port it is also unit k + 1 there. The last
    ``offline`` devices accept connections and never answer.

    Attributes:
        ports: TCP port of each device.
        shared_port: TCP port with all of them; 0 = none.
    """

    def __init__(
        self,
        *,
        devices: int = 50,
        floats: int = 20,
        base_port: int = 0,
        host: str = "127.0.0.1",
        shared_port: int | None = None,
        offline: int = 0,
    ) -> None:
        self.devices = [BenchDevice(floats=floats, seed=k) for k in range(devices)]
        self.host = host
        self.ports: list[int] = []
        self.shared_port = 0
        self._base_port = base_port
        self._wanted_shared = shared_port
        self._alive = devices - offline
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opening:
            for k, device in enumerate(self.devices):
                port = self._base_port + k if self._base_port else 0
                units = {1: device} if k < self._alive else {}
                server = ModbusServer(units, host=self.host, port=port)
                self.ports.append((await opening.enter_async_context(server)).port)
            if self._wanted_shared is not None:
                units = {k + 1: self.devices[k] for k in range(self._alive)}
                server = ModbusServer(units, host=self.host, port=self._wanted_shared)
                self.shared_port = (await opening.enter_async_context(server)).port
            self._stack = opening.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()
        self.ports.clear()

    @property
    def reads(self) -> int:
        """How many whole blocks were read from all devices."""
        return sum(device.reads for device in self.devices)
