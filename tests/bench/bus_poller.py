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
from config.gateway import ResolvedDevice
from config.load import load_profiles
from config.point_kinds import AnyPoint
from config.points import DataType, Point, Table
from config.ports import Dlt645Port, MeterSettings, ModbusRtuPort, ModbusTcpPort, Port
from config.profiles import Limits
from config.protocol import Protocol
from edge_agent.clock import Clock, SystemClock
from edge_agent.drivers.base import Driver, OnLateResponse, Reply
from edge_agent.drivers.lines import Lines
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
        self._inner = inner
        self._clock = clock

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._inner.__aexit__(kind, error, trace)

    def ask_at(self, unit: Any, question: Any) -> float:
        """When this may be asked."""
        return self._inner.ask_at(unit, question)

    def ask_afresh_at(self, unit: Any, question: Any) -> float:
        """When the answer to this is no older one's."""
        return self._inner.ask_afresh_at(unit, question)

    def tell_at(self, unit: Any, target: Any) -> float:
        """When this may be written."""
        return self._inner.tell_at(unit, target)

    async def ask(self, unit: Any, question: Any, *, timeout_s: float) -> Reply:
        """Ask, and note what it cost."""
        began = self._clock.monotonic_s()
        well = False
        try:
            reply = await self._inner.ask(unit, question, timeout_s=timeout_s)
            well = True
            return reply
        finally:
            took_s = self._clock.monotonic_s() - began
            self.spent.append((time.time(), int(unit), took_s, well))

    async def tell(
        self, unit: Any, target: Any, values: Sequence[int], *, timeout_s: float
    ) -> Reply:
        """Write."""
        return await self._inner.tell(unit, target, values, timeout_s=timeout_s)


class TimesSink:
    """Keeps when each unit was read well, question by question.

    Attributes:
        taken_s: UTC seconds, by unit and by the first point of what was asked.
    """

    def __init__(self) -> None:
        self.taken_s: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))

    def device_up(self, device: str, at: int) -> None:
        """Take no notice."""

    def device_down(self, device: str, at: int, reason: str) -> None:
        """Take no notice."""

    def device_state(self, device: str, at: int, state: str, reason: str) -> None:
        """Take no notice."""

    def publish(self, device: str, readings: Sequence[Reading]) -> None:
        """Note the time of the reply."""
        first = readings[0]
        if first.quality is Quality.GOOD:
            self.taken_s[device][first.point].append(first.taken_at / 1000)


def _unit(number: int, period_s: float) -> ResolvedDevice:
    """Return a Modbus unit of ten registers."""
    points = {
        f"r{address}": Point(
            table=Table.HOLDING,
            address=address,
            type=DataType.UINT16,
            **_timed(period_s),
        )
        for address in range(REGISTERS)
    }
    return _device(number, number, points)


def _meter(number: int, period_s: float, points: Mapping[str, AnyPoint]) -> ResolvedDevice:
    """Return an electricity meter with the points of the packaged device file."""
    timed = {name: one.model_copy(update=_timed(period_s)) for name, one in points.items()}
    return _device(number, f"{number:012d}", timed, protocol=Protocol.DLT645)


def _timed(period_s: float) -> dict[str, Any]:
    return {"period_s": period_s, "max_silence_s": 300.0, "name": _NAME, "report_all": True}


def _device(
    number: int,
    unit: int | str,
    points: Mapping[str, AnyPoint],
    protocol: Protocol = Protocol.MODBUS,
) -> ResolvedDevice:
    return ResolvedDevice(
        id=str(number),
        port="bus",
        unit=unit,
        profile="",
        equipment_class="electricity_meter",
        name=_NAME,
        limits=Limits(),
        points=dict(points),
        protocol=protocol,
    )


def _port(told: Mapping[str, Any]) -> Port:
    # A pty refuses parity; the simulated bytes still take the 11 bits of 8E1.
    if not told.get("path"):
        return ModbusTcpPort(kind="modbus_tcp", host="127.0.0.1", port=told["port"])
    if not told["units"]:
        return Dlt645Port(kind="dlt645", device=told["path"], parity="N")
    meters = MeterSettings(parity="N") if told["meters"] else None
    return ModbusRtuPort(kind="modbus_rtu", device=told["path"], parity="N", meters=meters)


def _devices(told: Mapping[str, Any]) -> dict[str, ResolvedDevice]:
    devices = [_unit(number, told["period_s"]) for number in range(1, told["units"] + 1)]
    if told["meters"]:
        known = load_profiles()["dlt645-single-phase"].read_points()
        points = {name: known[name] for name in told["points"] or known}
        devices += [_meter(number, told["meter_period_s"], points) for number in told["meters"]]
    return {one.id: one for one in devices}


async def main(told: Mapping[str, Any]) -> dict[str, Any]:
    """Poll for as long as told; returns what happened."""
    port, clock = _port(told), SystemClock()
    made: list[WatchedDriver] = []

    def open_driver(late: OnLateResponse) -> WatchedDriver:
        made.append(WatchedDriver(Lines().open(port, clock, late), clock))
        return made[0]

    sink = TimesSink()
    owner = PortOwner(
        "bus",
        settings=port,
        devices=_devices(told),
        open_driver=open_driver,
        sink=sink,
        health=Health(),
        availability=MemoryAvailability(),
        clock=clock,
    )
    began_s = time.time()
    with suppress(TimeoutError):
        await asyncio.wait_for(owner.run(), told["seconds"])
    return {
        "began_s": began_s,
        "taken_s": sink.taken_s,
        "spent": made[0].spent,
        "planned": owner.load,
    }


if __name__ == "__main__":
    TOLD = json.loads(sys.argv[1])
    Path(TOLD["result"]).write_text(json.dumps(asyncio.run(main(TOLD))))
