"""Commands on ports that take writes and report what they are told to."""

import asyncio
from collections.abc import Callable, Collection
from typing import Any

from config.interlock import Place
from config.points import DataType
from config.writable import Writable
from edge_agent.commands.ledger import Ledger
from edge_agent.commands.rules import Command
from edge_agent.commands.service import CommandService
from edge_agent.health import Health
from edge_agent.polling.writes import FinalCheck, Written, no_check
from protocols.reading import Quality, Reading, Value
from tests.fakes.agent_clock import FakeClock
from tests.fakes.devices import device, point


class FakePort:
    """Takes writes and reports what it is told to."""

    def __init__(self) -> None:
        self.writes: list[tuple[str, str, Value]] = []
        self.error: Exception | None = None
        self.confirmed = True
        self.up = True
        self.go = asyncio.Event()
        self.go.set()
        self.watched: list[Place] = []
        self.expires_at: int | None = None
        self.reaches_the_front: Callable[[], object] = no_check
        self.values: dict[tuple[str, str], Reading] = {}

    def latest(self, device: str, point: str) -> Reading | None:
        return self.values.get((device, point))

    def answers(self, device: str) -> bool:
        del device
        return self.up

    async def write(
        self,
        device: str,
        point: str,
        value: Value,
        *,
        expires_at: int | None = None,
        watched: Collection[Place] = (),
        final_check: FinalCheck = no_check,
    ) -> Written:
        self.expires_at = expires_at
        self.watched = list(watched)
        self.reaches_the_front()
        final_check()
        self.writes.append((device, point, value))
        await self.go.wait()
        if self.error is not None:
            raise self.error
        before = Reading(point, 20, Quality.GOOD, 1)
        after = Reading(point, value if self.confirmed else 20, Quality.GOOD, 2)
        reason = "" if self.confirmed else "the device reads back another value"
        return Written(before, after, self.confirmed, reason)


LOCK = "level < 2 and not {d-2.fault}"


class CommandBench:
    def __init__(self, ledger: Ledger) -> None:
        self.clock = FakeClock()
        self.port = FakePort()
        self.health = Health()
        points = {
            "setpoint": point(0, writable=Writable(maximum=60, min_interval_s=0)),
            "state": point(1),
            "slow": point(2, writable=Writable(maximum=60, min_interval_s=10)),
            "locked": point(3, writable=Writable(interlock=LOCK)),
            "level": point(4),
        }
        fault = point(0, type=DataType.BOOL, writable=Writable(min_interval_s=0))
        self.devices = {
            "d1": device("d1", points),
            "d-2": device("d-2", {"fault": fault}, port="other"),
        }
        self.other = FakePort()
        self.other.values = self.port.values
        self.service = CommandService(
            devices=self.devices,
            ports={"bus": self.port, "other": self.other},
            ledger=ledger,
            health=self.health,
            clock=self.clock,
        )

    def say(self, device: str, point: str, value: Value, age_s: float = 0.5) -> None:
        at = self.clock.now_ms() - round(age_s * 1000)
        quality = Quality.STALE if value is None else Quality.GOOD
        reason = "timeout" if value is None else ""
        self.port.values[device, point] = Reading(point, value, quality, at, reason)

    def command(self, value: Value = 25, **options: Any) -> Command:
        given: dict[str, Any] = {
            "id": "k1",
            "device": "d1",
            "point": "setpoint",
            "by": "operator",
        } | options
        return Command(value=value, at=self.clock.now_ms(), **given)
