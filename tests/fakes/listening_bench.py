"""A port that listens, with its agent around it: sink, journal, health, a clock in a hurry."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from config.edge import AgentSettings, JournalSettings
from config.gateway import Gateway, ResolvedDevice
from config.listening import HeardPort
from config.ports import HearingPort
from config.resolve import resolve
from edge_agent.health import Health
from edge_agent.journal.base import JournalStats
from edge_agent.journal.memory import MemoryJournal
from edge_agent.listeners import opener
from edge_agent.port_owner import Owner
from protocols.reading import Quality, Value
from tests.fakes.fire_bench import HurriedClock, ended, until
from tests.fakes.reading_sink import ListSink


class Disk(MemoryJournal):
    """A journal whose disk may refuse."""

    refuses = False

    def stats(self) -> JournalStats:
        return replace(super().stats(), writable=not self.refuses)


def heard_gateway(folder: Path, port: Mapping[str, Any], **device: object) -> Gateway:
    """A gateway with one panel, ``panel``, on one port, ``fire``."""
    content = {
        "site": "s",
        "gateway": "g",
        "journal": {"path": folder / "journal.sqlite"},
        "ports": {"fire": port},
        "devices": {"panel": {"port": "fire", "name": {"en": "Panel", "zh": "主机"}} | device},
    }
    return resolve(AgentSettings.model_validate(content), classes={}, profiles={})


class Bench:
    """Runs the port; ``stop`` and ``start`` are a process that ends and the next one."""

    def __init__(self, folder: Path, gateway: Gateway) -> None:
        self.folder = folder
        self.gateway = gateway
        self.clock = HurriedClock()
        self.sink = ListSink()
        self.health = Health()
        self.journal = Disk(JournalSettings(path=folder / "journal.sqlite"), self.clock)
        self.port = self.build("fire", *self.wanted())
        self.task: asyncio.Task[None] | None = None

    def wanted(self) -> tuple[HearingPort, dict[str, ResolvedDevice]]:
        port = self.gateway.settings.ports["fire"]
        assert isinstance(port, HeardPort)
        return port, self.gateway.devices

    def build(
        self, name: str, settings: HearingPort, devices: Mapping[str, ResolvedDevice]
    ) -> Owner:
        build = opener(
            sink=self.sink,
            journal=self.journal,
            health=self.health,
            clock=self.clock,
            beside=self.folder / "journal.sqlite",
        )
        return build(name, settings, devices)

    def start(self) -> None:
        self.port = self.build("fire", *self.wanted())
        self.task = asyncio.create_task(self.port.run())

    async def stop(self) -> None:
        assert self.task is not None
        await ended(self.task)

    def silent(self, seconds: float) -> bool:
        """Let so much time pass in which nobody speaks."""
        self.clock.skip(seconds)
        return True

    def values(self, point: str) -> list[Value]:
        return [one.value for one in self.sink.of("panel", point) if one.quality is Quality.GOOD]

    def last(self, point: str) -> Value:
        found = self.values(point)
        return found[-1] if found else None


@asynccontextmanager
async def running(folder: Path, gateway: Gateway) -> AsyncIterator[Bench]:
    """A bench whose port runs, open or known to be down."""
    bench = Bench(folder, gateway)
    bench.start()
    try:
        await until(lambda: "fire" in bench.health.ports)
        yield bench
    finally:
        await bench.stop()
