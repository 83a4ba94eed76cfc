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
from simulators.faults import Fault, FaultKind, FaultyUnit
from simulators.line import LineTiming, Reply
from simulators.modbus import ModbusServer
from simulators.serial_line import SerialLine

TURNAROUND_S = 0.005


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


async def main(told: Mapping[str, Any]) -> dict[int, list[float]]:
    """Answer until told to stop; returns when each unit was asked, UTC seconds."""
    faulty = {
        number: FaultyUnit(BenchDevice(floats=5, seed=number), seed=number)
        for number in range(1, told["units"] + 1)
    }
    asked: dict[int, list[float]] = {number: [] for number in faulty}
    units = {
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
    path = told.get("path")
    timing = LineTiming(baud=9600, turnaround_s=TURNAROUND_S)
    line = SerialLine(units, path=Path(path), timing=timing) if path else ModbusServer(units)
    async with line:
        say("ready", port=0 if isinstance(line, SerialLine) else line.port)
        await stop.wait()
    return asked


def _come_back(unit: FaultyUnit, number: int) -> None:
    unit.faults.clear()
    say("back", unit=number, at_s=time.time())


if __name__ == "__main__":
    TOLD = json.loads(sys.argv[1])
    Path(TOLD["asked"]).write_text(json.dumps(asyncio.run(main(TOLD))))
