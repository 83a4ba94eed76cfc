"""Linkages over two simulated ports whose clock, restarts and kills the test decides."""

import asyncio
import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from config.edge import AgentSettings
from config.gateway import Gateway
from config.interlock import Place
from config.points import DataType
from config.writable import Writable
from edge_agent.commands.result import CommandResult, Status
from edge_agent.commands.rules import Command
from edge_agent.commands.service import CommandService, Writer
from edge_agent.health import Health
from edge_agent.linkages.joined import Joined
from edge_agent.linkages.service import LinkageService
from edge_agent.linkages.state import Memory
from protocols.reading import Quality, Reading, Value
from tests.fakes.agent_clock import FakeClock
from tests.fakes.command_bench import FakePort
from tests.fakes.devices import device, point
from tests.fakes.reading_sink import ListSink

VALVE = {"device": "valve", "point": "open", "value": False}
LEAK: dict[str, Any] = {
    "name": {"en": "Leak", "zh": "漏水"},
    "armed": True,
    "when": "{leak.leak} and not {leak.fault}",
    "commands": [VALVE],
}


class DiskLedger:
    """A ledger whose file outlives the agent."""

    def __init__(self) -> None:
        self.rows: dict[str, CommandResult] = {}

    async def ready(self) -> None:
        pass

    def last_at(self, place: Place) -> int | None:
        times = [r.at for r in self.rows.values() if (r.device, r.point) == place]
        return max(times, default=None)

    def find(self, key: str) -> CommandResult | None:
        return self.rows.get(key)

    async def begin(self, command: Command, at: int) -> None:
        self.rows[command.id] = CommandResult(
            command.id, command.device, command.point, Status.FAILED, "died",
            None, command.value, None, command.by, at,
        )  # fmt: skip

    async def finish(self, result: CommandResult) -> None:
        self.rows[result.id] = result


class DiskStore:
    """A file of linkages that outlives the agent."""

    def __init__(self) -> None:
        self.kept: dict[str, Memory] = {}

    def load(self) -> dict[str, Memory]:
        return copy.deepcopy(self.kept)

    async def save(self, memories: Mapping[str, Memory]) -> None:
        self.kept = copy.deepcopy(dict(memories))


class Sink(ListSink):
    def __init__(self) -> None:
        super().__init__()
        self.results: list[CommandResult] = []

    def publish_result(self, result: CommandResult) -> None:
        self.results.append(result)


class Polled:
    def __init__(self) -> None:
        self.latest: dict[str, Reading] = {}
        self.observer: Callable[[str, Sequence[Reading]], None] | None = None


class PolledPort(FakePort):
    def __init__(self, *names: str) -> None:
        super().__init__()
        self.devices = {name: Polled() for name in names}


DEVICES = {
    "leak": device(
        "leak",
        {
            "leak": point(0, type=DataType.BOOL),
            "fault": point(1, type=DataType.BOOL),
            "level": point(2),
        },
    ),
    "valve": device(
        "valve",
        {"open": point(0, type=DataType.BOOL, writable=Writable(min_interval_s=0))},
        port="other",
    ),
    "pump": device(
        "pump",
        {"run": point(0, type=DataType.BOOL, writable=Writable(min_interval_s=0))},
        port="other",
    ),
}


def gateway_of(**linkages: Mapping[str, Any]) -> Gateway:
    settings = AgentSettings.model_validate(
        {
            "site": "s",
            "gateway": "g",
            "ports": {n: {"kind": "modbus_tcp", "host": "h"} for n in ("bus", "other")},
            "devices": {n: {"port": d.port, "name": LEAK["name"]} for n, d in DEVICES.items()},
            "linkages": linkages,
        }
    )
    return Gateway(settings, DEVICES)


class LinkageBench:
    """One linkage ``x`` on a gateway; ``start`` again after ``kill`` is the next process."""

    def __init__(self, **options: Any) -> None:
        self.clock = FakeClock()
        self.ledger, self.store, self.sink = DiskLedger(), DiskStore(), Sink()
        self.bus, self.other = PolledPort("leak"), PolledPort("valve", "pump")
        self.health = Health()
        self.gateway = gateway_of(x=LEAK | options)
        self._task: asyncio.Task[None] | None = None

    @property
    def writes(self) -> list[tuple[str, str, Value]]:
        return self.other.writes

    async def start(self) -> None:
        ports = {"bus": self.bus, "other": self.other}
        for polled in (*self.bus.devices.values(), *self.other.devices.values()):
            polled.latest.clear()
        self.service = LinkageService(
            ports=ports, sink=self.sink, store=self.store, health=self.health, clock=self.clock
        )
        self.commands = CommandService(
            devices=Joined(DEVICES, self.service.devices),
            ports=Joined[Writer](ports, self.service.ports),
            ledger=self.ledger,
            health=self.health,
            clock=self.clock,
        )
        await self.service.enter(self.gateway)
        self._task = asyncio.create_task(self.service.run(self.commands))
        await self.settle()

    async def kill(self) -> None:
        """End it where it stands: nothing more is written or said."""
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task])

    async def reload(self, **options: Any) -> None:
        self.gateway = gateway_of(**({"x": LEAK | options} if options else {}))
        await self.service.leave(self.gateway)
        await self.service.enter(self.gateway)
        await self.settle()

    async def settle(self) -> None:
        for _ in range(15):
            await asyncio.sleep(0)

    async def read(self, *, fault: bool | None = False, age_s: float = 0, **values: Any) -> None:
        """One cycle of the leak sensor; None is a bad reading."""
        at = self.clock.now_ms() - round(1000 * age_s)
        await self.hear("leak", [_reading(n, v, at) for n, v in {"fault": fault, **values}.items()])

    async def hear(self, name: str, readings: Sequence[Reading]) -> None:
        polled = self.bus.devices[name]
        polled.latest.update((one.point, one) for one in readings)
        if polled.observer:
            polled.observer(name, readings)
        await self.settle()

    async def cycles(self, count: int, *, every_s: float = 1.0, **values: Any) -> None:
        for _ in range(count):
            await self.wait(every_s)
            await self.read(**values)

    async def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await self.settle()

    async def person(self, value: Value, name: str = "valve", what: str = "open") -> CommandResult:
        command = Command(
            f"p{len(self.ledger.rows)}", name, what, value, "anna", self.clock.now_ms()
        )
        return await self.commands.execute(command)

    def said(self, what: str = "state") -> list[Value]:
        return [one.value for one in self.sink.of("x", what)]

    @property
    def state(self) -> Value:
        return self.said()[-1]


def _reading(name: str, value: Value, at: int) -> Reading:
    if value is None:
        return Reading(name, None, Quality.BAD, at, "timeout")
    return Reading(name, value, Quality.GOOD, at)
