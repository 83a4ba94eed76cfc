"""A port, its line and its clock in memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from random import Random
from typing import Any

from config.gateway import ResolvedDevice
from config.points import Table
from config.ports import ModbusTcpPort, Port
from config.writable import Writable
from edge_agent.health import Health
from edge_agent.polling.availability_store import AvailabilityStore, MemoryAvailability
from edge_agent.polling.port import PortOwner
from tests.fakes.devices import device, point
from tests.fakes.driver import FakeDriver, FakeUnit
from tests.fakes.jumping_clock import JumpingClock
from tests.fakes.reading_sink import ListSink
from tests.fakes.virtual_clock import VirtualClock

WRITABLE = Writable(maximum=60000)
SETTINGS = ModbusTcpPort(kind="modbus_tcp", host="127.0.0.1", timeout_s=1.0)


def holding(*addresses: int) -> dict[tuple[Table, int], int]:
    return {(Table.HOLDING, address): 100 + address for address in addresses}


class Bench:
    """A port, its line, and what came of it."""

    def __init__(
        self,
        devices: list[ResolvedDevice],
        units: dict[int, FakeUnit],
        *,
        availability: AvailabilityStore | None = None,
        settings: Port = SETTINGS,
        clock: JumpingClock | VirtualClock | None = None,
        driver: type[FakeDriver] = FakeDriver,
        seed: int = 7,
    ) -> None:
        self.clock = clock or JumpingClock()
        self.driver = driver(units, self.clock)
        self.sink = ListSink()
        self.health = Health()
        self.availability = availability or MemoryAvailability()
        self.port = PortOwner(
            "bus",
            settings=settings,
            devices={one.id: one for one in devices},
            open_driver=self.driver.opened,
            sink=self.sink,
            health=self.health,
            availability=self.availability,
            clock=self.clock,
            rng=Random(seed),  # noqa: S311 (jitter, not a secret)
        )

    def gaps_s(self, name: str, point_name: str = "p") -> list[float]:
        times = self.sink.times_s(name, point_name)
        return [b - a for a, b in pairwise(times)]

    def count(self, metric: str, **labels: str) -> float:
        return self.health.registry.get_sample_value(metric, {"port": "bus", **labels}) or 0.0


@asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[Bench]:
    task = asyncio.create_task(bench.port.run())
    try:
        yield bench
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def port_manager(count: int, **options: Any) -> list[ResolvedDevice]:
    options = {"report_all": True} | options
    return [
        device(f"d{unit}", {"p": point(0, **options)}, unit=unit) for unit in range(1, count + 1)
    ]


def alive(count: int, response_s: float = 0.01) -> dict[int, FakeUnit]:
    return {unit: FakeUnit(holding(0), response_s) for unit in range(1, count + 1)}


async def commanded(bench: Bench, **options: Any) -> Any:
    """Give a command and let enough time pass for it."""
    call = asyncio.create_task(bench.port.write("d1", "p", options.pop("value", 5), **options))
    await bench.clock.run_for(5)
    return await call
