"""The far end of one bus: units on a serial line or behind one TCP port, some of them ill.

A process of its own, so that it does not share an event loop with what is measured. It is told in
one JSON argument what to be; while it runs it notes when which unit was asked.
"""

import asyncio
import json
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from simulators.counter import BenchDevice
from simulators.dlt645.meter import MeterSettings, SimulatedMeter, refusal
from simulators.equipment.meter import ElectricityMeter
from simulators.faults import Fault, FaultKind, FaultyUnit
from simulators.line import LineTiming, Reply
from simulators.line_protocols import meter_unit
from simulators.modbus import ModbusServer
from simulators.serial_line import Party, SerialLine

MODBUS = LineTiming(baud=9600, turnaround_s=0.005)
METERS = LineTiming(baud=2400, turnaround_s=0.1)
"""A meter may take 0.5 s by the standard; common ones begin after 20 to 150 ms."""


class WatchedUnit:
    """A unit that tells when it was asked."""

    def __init__(self, number: int, inner: FaultyUnit, asked: Callable[[int], None]) -> None:
        self._number = number
        self._inner = inner
        self._asked = asked

    def respond(self, pdu: bytes, now_s: float) -> Reply:
        """Answer as the unit inside does."""
        self._asked(self._number)
        return self._inner.respond(pdu, now_s)


def say(event: str, **fields: object) -> None:
    """Tell the parent process."""
    print(json.dumps({"event": event, **fields}), flush=True)


def _units(told: Mapping[str, Any]) -> dict[int, FaultyUnit]:
    """Return all units by their numbers, those with faults included."""
    units = {
        number: FaultyUnit(BenchDevice(floats=5, seed=number), seed=number)
        for number in range(1, told["units"] + 1)
    }
    for number in told.get("meters", ()):
        meter = SimulatedMeter(
            f"meter {number}",
            equipment=ElectricityMeter(seed=number, started_s=time.time()),
            settings=MeterSettings(f"{number:012d}"),
            started_s=time.time(),
        )
        units[number] = FaultyUnit(meter, seed=number, refusal=refusal)
    return units


async def main(told: Mapping[str, Any]) -> dict[int, list[float]]:
    """Answer until told to stop; returns when each unit was asked, UTC seconds."""
    faulty = _units(told)
    asked: dict[int, list[float]] = {number: [] for number in faulty}
    watched = {
        number: WatchedUnit(number, unit, lambda at: asked[at].append(time.time()))
        for number, unit in faulty.items()
    }
    for number, fault in told["faults"].items():
        kind = FaultKind(fault.pop("kind"))
        faulty[int(number)].faults.add(Fault(kind, **fault, since_s=time.time()))
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    if told.get("back"):
        loop.call_later(told["back_after_s"], _come_back, faulty[told["back"]], told["back"])
    line = _line(told, watched)
    async with line:
        say("ready", port=0 if isinstance(line, SerialLine) else line.port)
        await stop.wait()
    return asked


def _line(told: Mapping[str, Any], watched: Mapping[int, WatchedUnit]) -> SerialLine | ModbusServer:
    path, numbers = told.get("path"), told.get("meters", ())
    units = {number: unit for number, unit in watched.items() if number not in numbers}
    if not path:
        return ModbusServer(units)
    meters = {meter_unit(f"{number:012d}"): watched[number] for number in numbers}
    if not units:
        return SerialLine(meters, path=Path(path), timing=METERS, framing="dlt645")
    others = [Party(meters, "dlt645", METERS)] if meters else []
    return SerialLine(units, path=Path(path), timing=MODBUS, others=others)


def _come_back(unit: FaultyUnit, number: int) -> None:
    unit.faults.clear()
    say("back", unit=number, at_s=time.time())


if __name__ == "__main__":
    TOLD = json.loads(sys.argv[1])
    Path(TOLD["asked"]).write_text(json.dumps(asyncio.run(main(TOLD))))
