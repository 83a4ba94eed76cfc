"""Our end of one bus: the agent's port owner on a real line; notes what was read and what it cost.

A process of its own; it writes what it saw as JSON when its time is over.
"""

import asyncio
import json
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from config.base import Words
from config.points import DataType, Point, Table
from config.ports import ModbusRtuPort, ModbusTcpPort, Port
from config.profiles import Limits
from config.resolve import ResolvedDevice
from edge_agent.clock import Clock, SystemClock
from edge_agent.drivers.base import Driver, OnLateResponse, Reply, ignore_late_response
from edge_agent.drivers.modbus_client import open_modbus
from edge_agent.health import Health
from edge_agent.polling.availability_store import MemoryAvailability
from edge_agent.polling.port import PortOwner
from protocols.reading import Quality, Reading

REGISTERS = 10
_NAME = Words(en="Meter", zh="电表")


class WatchedDriver:
    """A driver that keeps account of the port's time: from asking until answered or given up."""

    def __init__(self, inner: Driver, clock: Clock) -> None:
        self.spent: list[tuple[float, int, float, bool]] = []
        self.on_late_response: OnLateResponse = ignore_late_response
        self._inner = inner
        self._clock = clock

    async def __aenter__(self) -> Self:
        self._inner.on_late_response = self.on_late_response
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._inner.__aexit__(kind, error, trace)

    def clear_at(self, unit: int, table: Table, address: int, count: int) -> float:
        """When this may be asked."""
        return self._inner.clear_at(unit, table, address, count)

    def fresh_at(self, unit: int, table: Table, address: int, count: int) -> float:
        """When the answer to this is no older one's."""
        return self._inner.fresh_at(unit, table, address, count)

    def clear_to_write_at(
        self, unit: int, table: Table, address: int, count: int, *, multiple: bool = False
    ) -> float:
        """When this may be written."""
        return self._inner.clear_to_write_at(unit, table, address, count, multiple=multiple)

    async def read(
        self, unit: int, table: Table, address: int, count: int, *, timeout_s: float
    ) -> Reply:
        """Read, and note what it cost."""
        began = self._clock.monotonic_s()
        well = False
        try:
            reply = await self._inner.read(unit, table, address, count, timeout_s=timeout_s)
            well = True
            return reply
        finally:
            took_s = self._clock.monotonic_s() - began
            self.spent.append((time.time(), unit, took_s, well))

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
        """Write."""
        return await self._inner.write(
            unit, table, address, values, timeout_s=timeout_s, multiple=multiple
        )


class TimesSink:
    """Keeps when each unit was read well."""

    def __init__(self) -> None:
        self.taken_s: dict[str, list[float]] = defaultdict(list)

    def device_up(self, device: str, at: int) -> None:
        """Take no notice."""

    def device_down(self, device: str, at: int, reason: str) -> None:
        """Take no notice."""

    def device_state(self, device: str, at: int, state: str, reason: str) -> None:
        """Take no notice."""

    def publish(self, device: str, readings: Sequence[Reading]) -> None:
        """Note the time of the reply."""
        if readings[0].quality is Quality.GOOD:
            self.taken_s[device].append(readings[0].taken_at / 1000)


def _meter(unit: int, period_s: float) -> ResolvedDevice:
    points = {
        f"r{address}": Point(
            table=Table.HOLDING,
            address=address,
            type=DataType.UINT16,
            period_s=period_s,
            max_silence_s=300.0,
            name=_NAME,
            report_all=True,
        )
        for address in range(REGISTERS)
    }
    return ResolvedDevice(
        id=str(unit),
        port="bus",
        unit=unit,
        profile="",
        equipment_class="electricity_meter",
        name=_NAME,
        limits=Limits(),
        points=points,
    )


async def main(told: Mapping[str, Any]) -> dict[str, Any]:
    """Poll for as long as told; returns what happened."""
    port: Port
    if told.get("path"):
        # A pty refuses parity; the simulated bytes still take the 11 bits of 8E1.
        port = ModbusRtuPort(kind="modbus_rtu", device=told["path"], parity="N")
    else:
        port = ModbusTcpPort(kind="modbus_tcp", host="127.0.0.1", port=told["port"])
    clock = SystemClock()
    driver = WatchedDriver(open_modbus(port, clock), clock)
    sink = TimesSink()
    owner = PortOwner(
        "bus",
        settings=port,
        devices={str(n): _meter(n, told["period_s"]) for n in range(1, told["units"] + 1)},
        driver=driver,
        sink=sink,
        health=Health(),
        availability=MemoryAvailability(),
        clock=clock,
    )
    began_s = time.time()
    with suppress(TimeoutError):
        await asyncio.wait_for(owner.run(), told["seconds"])
    return {"began_s": began_s, "taken_s": sink.taken_s, "spent": driver.spent}


if __name__ == "__main__":
    TOLD = json.loads(sys.argv[1])
    Path(TOLD["result"]).write_text(json.dumps(asyncio.run(main(TOLD))))
