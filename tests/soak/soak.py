"""72 simulated hours of a gateway's life: memory and file handles stay flat.

``python -m tests.soak.soak 72``: ten devices on three ports @ 5 s, journal and command ledger on
disk. Units die and come back, the broker is away an hour out of six, the file is reloaded every
two hours, a command is given every ten minutes. Every reading must have been acknowledged at the
end, and every command answered.
"""

import asyncio
import gc
import json
import logging
import os
import random
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import structlog

from config.gateway import Gateway, ResolvedDevice
from config.points import Table
from config.ports import Port
from config.writable import Writable
from edge_agent.clock import Clock
from edge_agent.commands.ledger import SqliteLedger
from edge_agent.commands.rules import Command
from edge_agent.commands.service import CommandService
from edge_agent.drivers.base import OnLateResponse
from edge_agent.health import Health
from edge_agent.journal.sqlite import SqliteJournal
from edge_agent.linkages.service import LinkageService
from edge_agent.linkages.store import LinkageFile
from edge_agent.polling.availability_store import MemoryAvailability
from edge_agent.polling.port_manager import PortManager
from edge_agent.port_metrics import PortMetrics
from edge_agent.reload import Reloader
from edge_agent.uplink.uplink import Uplink
from protocols.sparkplug.payload import parse_uuid
from protocols.sparkplug.sparkplug_b_pb2 import Payload
from tests.bench.measure import rss_mb
from tests.fakes.devices import device, point
from tests.fakes.driver import Asked, FakeDriver, FakeUnit
from tests.fakes.reload_bench import gateway_of
from tests.fakes.virtual_clock import VirtualClock

DEVICES, PORTS, POINTS = 10, 3, 10
STEP_S = 60
SAMPLE_EVERY_S = 6 * 3600
WARM_UP_S = 12 * 3600
MOST_GROWTH_MB = 4.0


class ForgetfulDriver(FakeDriver):
    """A line that keeps no record of what it was asked; its registers change."""

    def __init__(self, units: dict[int, FakeUnit], clock: Clock, rng: random.Random) -> None:
        super().__init__(units, clock)
        self._rng = rng

    async def _reach(self, asked: Asked) -> tuple[FakeUnit, float]:
        found = await super()._reach(asked)
        self.asked.clear()
        found[0].registers[Table.HOLDING, 0] = self._rng.randint(0, 65535)
        return found


class Broker:
    """Takes everything and notes what there is to acknowledge."""

    def __init__(self) -> None:
        self.queued_bytes = 0
        self.offsets: list[int] = []
        self.messages = 0

    def publish(self, topic: str, payload: bytes) -> bool:
        self.messages += 1
        if "/DDATA/" in topic:
            parsed = parse_uuid(Payload.FromString(payload).uuid)
            if parsed is not None:
                self.offsets.append(parsed[1])
        return True

    def disconnect(self) -> None:
        """Nobody is there to be told."""


class Life:
    """One gateway and what happens to it."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.clock = VirtualClock()
        self.rng = random.Random(seed)  # noqa: S311 (reproducible, not a secret)
        self.folder = folder
        self.units = {
            number: FakeUnit({(Table.HOLDING, at): 0 for at in range(POINTS)}, 0.02)
            for number in range(1, DEVICES + 1)
        }
        self.broker = Broker()
        self.health = Health()
        self.metrics = PortMetrics(self.health, self.clock)
        self.commands = self.answered = self.reloads = 0
        self.wanted = self._gateway(version=0)

    async def open(self, stack: AsyncExitStack) -> None:
        """Build the agent."""
        self.journal = await stack.enter_async_context(
            SqliteJournal(self.wanted.settings.journal, self.clock)
        )
        ledger = await stack.enter_async_context(SqliteLedger(self.folder / "commands.sqlite"))
        self.uplink = Uplink(self.wanted, self.journal, self.clock)
        self.port_manager = PortManager(
            sink=self.uplink,
            health=self.health,
            availability=MemoryAvailability(),
            clock=self.clock,
            open_driver=self._line,
        )
        self.linkages = LinkageService(
            ports=self.port_manager.ports,
            sink=self.uplink,
            store=LinkageFile(self.folder / "linkages.json"),
            health=self.health,
            clock=self.clock,
        )
        self.service = CommandService(
            devices=self.port_manager.devices,
            ports=self.port_manager.ports,
            ledger=ledger,
            health=self.health,
            clock=self.clock,
        )

    async def live(self, hours: float) -> list[dict[str, float]]:
        """Live; return the samples of memory and handles."""
        samples: list[dict[str, float]] = []
        async with asyncio.TaskGroup() as tasks:
            self.port_manager.start(self.port_manager.prepare(self.wanted), tasks)
            tasks.create_task(self.metrics.run())
            self.reloader = Reloader(
                self.wanted,
                load=lambda: self.wanted,
                port_manager=self.port_manager,
                uplink=self.uplink,
                linkages=self.linkages,
                health=self.health,
                tasks=tasks,
            )
            running = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for minute in range(round(hours * 3600 / STEP_S)):
                await self._minute(minute)
                now_s = (minute + 1) * STEP_S
                if now_s % SAMPLE_EVERY_S == 0 and now_s >= WARM_UP_S:
                    samples.append(_sample(now_s))
                    print(samples[-1], file=sys.stderr, flush=True)
            await self._come_to_rest()
            for task in [*running, *self.port_manager._running.values()]:
                task.cancel()
        return samples

    async def _minute(self, minute: int) -> None:
        if minute % 30 == 0:
            self._trouble()
        if minute % 360 == 300:
            self._lose_broker()
        if minute % 360 == 0:
            self._find_broker()
        if minute % 120 == 60:
            self.reloads += 1
            self.wanted = self._gateway(version=self.reloads)
            assert await self.reloader.reload()
        order = None
        if minute % 10 == 5:
            self.commands += 1
            order = asyncio.create_task(self.service.execute(self._command(minute)))
            # The ledger is a real file; its thread does not run on this clock.
            await asyncio.wait([order], timeout=0.02)
        await self.clock.run_for(STEP_S)
        if order is not None:
            while not order.done():
                await asyncio.wait([order], timeout=0.02)
                await self.clock.run_for(1)
            self.answered += 1
        await self._send_and_acknowledge()
        await self.journal.commit()

    async def _send_and_acknowledge(self) -> None:
        uplink = self.uplink
        while uplink._node.live and uplink._book.due:
            await uplink._drain.step()
            # No more is sent than is acknowledged.
            self._acknowledge()
        self._acknowledge()
        uplink._drain._expire(self.clock.monotonic_s())

    def _acknowledge(self) -> None:
        offsets, self.broker.offsets = self.broker.offsets, []
        ranges = [(offset, offset) for offset in offsets]
        self.journal.acknowledge(ranges)
        self.uplink._book.acknowledged(ranges, self.clock.monotonic_s())

    async def _come_to_rest(self) -> None:
        self._find_broker()
        for unit in self.units.values():
            unit.offline = False
        await self.clock.run_for(STEP_S)
        for _ in range(3):
            await self._send_and_acknowledge()
            await self.journal.commit()

    def _trouble(self) -> None:
        for unit in self.units.values():
            unit.offline = self.rng.random() < 0.15
            unit.garbage = self.rng.random() < 0.05

    def _lose_broker(self) -> None:
        self.uplink._node.session.connection_lost()
        self.uplink._node.connection = None
        self.uplink._book.forget_sent()

    def _find_broker(self) -> None:
        node = self.uplink._node
        if node.connection is None:
            node.session.connect()
            node.connection = self.broker
            self.uplink._act(node.session.connected())

    def _command(self, minute: int) -> Command:
        number = self.rng.randint(1, DEVICES)
        value = self.rng.randint(0, 100)
        return Command(f"k{minute}", f"d{number}", "p1", value, "soak", self.clock.now_ms())

    def _gateway(self, version: int) -> Gateway:
        devices = [self._device(number, version) for number in range(1, DEVICES + 1)]
        return gateway_of(self.folder, *devices[: DEVICES - version % 3])

    def _device(self, number: int, version: int) -> ResolvedDevice:
        points = {f"p{at}": point(at, period_s=5.0, max_silence_s=60.0) for at in range(POINTS)}
        points["p1"] = point(1, period_s=5.0, writable=Writable(maximum=100))
        if version % 2 and number == 1:
            points["p9"] = point(9, period_s=5.0, scale=0.1)
        return device(f"d{number}", points, unit=number, port=f"bus{number % PORTS}")

    def _line(self, port: Port, clock: Clock, late: OnLateResponse) -> FakeDriver:
        del port
        return ForgetfulDriver(self.units, clock, self.rng).opened(late)


def _sample(now_s: int) -> dict[str, float]:
    gc.collect()
    handles = sum(1 for _ in Path("/proc/self/fd").iterdir())
    return {"hour": now_s / 3600, "rss_mb": round(rss_mb(os.getpid()), 2), "handles": handles}


async def run(hours: float, folder: Path, *, seed: int = 0) -> dict[str, Any]:
    """Run the proof in a folder; raises AssertionError when it fails."""
    began_s = time.monotonic()
    life = Life(folder, seed)
    async with AsyncExitStack() as stack:
        await life.open(stack)
        samples = await life.live(hours)
        left = life.journal.stats().rows
    assert left == 0, f"{left} messages were never acknowledged"
    assert life.answered == life.commands
    growth_mb = samples[-1]["rss_mb"] - samples[0]["rss_mb"] if len(samples) > 1 else 0.0
    assert growth_mb < MOST_GROWTH_MB, f"memory grew: {samples}"
    assert len({sample["handles"] for sample in samples}) <= 1, f"handles leaked: {samples}"
    return {
        "simulated_hours": hours,
        "real_s": round(time.monotonic() - began_s, 1),
        "messages": life.broker.messages,
        "commands": life.commands,
        "reloads": life.reloads,
        "rss_growth_mb": round(growth_mb, 2),
        "samples": samples,
    }


def main(hours: float) -> None:
    """Run and print the figures."""
    # Units that come and go fill pages; only what is wrong is worth reading.
    errors = structlog.make_filtering_bound_logger(logging.ERROR)
    structlog.configure(wrapper_class=errors, cache_logger_on_first_use=True)
    with tempfile.TemporaryDirectory(prefix="plantroom-soak-") as folder:
        figures = asyncio.run(run(hours, Path(folder)))
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 72)
