"""An agent without ports: journal and uplink, running against a broker on loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from iotcore.broker import Broker

from config.gateway import Gateway
from edge_agent.clock import Clock, SystemClock
from edge_agent.commands.result import CommandResult, Status
from edge_agent.commands.rules import Command
from edge_agent.journal.sqlite import SqliteJournal
from edge_agent.uplink.uplink import Uplink
from plantroom.processes import free_port
from tests.fakes.gateway import NOW, reading
from tests.patience import PATIENCE_S


def new_broker() -> Broker:
    return Broker(port=free_port(), listen="127.0.0.1")


class GatedClock(SystemClock):
    """Real time, but nobody wakes while the gate is closed: no reconnect before its time."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        await self.gate.wait()


class EchoHandler:
    """Says that everything was done."""

    def __init__(self) -> None:
        self.commands: list[Command] = []

    async def execute(self, command: Command) -> CommandResult:
        self.commands.append(command)
        return self._result(command, Status.DONE, "")

    async def refuse(self, command: Command, reason: str) -> CommandResult:
        return self._result(command, Status.REFUSED, reason)

    def _result(self, command: Command, status: Status, reason: str) -> CommandResult:
        return CommandResult(
            id=command.id,
            device=command.device,
            point=command.point,
            status=status,
            reason=reason,
            before=1,
            asked=command.value,
            after=command.value,
            by=command.by,
            at=NOW,
        )


class Agent:
    """Journal and uplink, running."""

    def __init__(self, journal: SqliteJournal, uplink: Uplink, handler: EchoHandler) -> None:
        self.journal = journal
        self.uplink = uplink
        self.handler = handler

    def say(self, value: float, *, device: str = "p1") -> None:
        self.uplink.publish(device, [reading(value, NOW + int(value))])

    async def kept(self) -> list[int]:
        return [row.offset for row in await self.journal.read(0, 2**62, limit=10_000)]

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not true():
                await SystemClock().sleep(0.01)


@asynccontextmanager
async def running(settings: Gateway, clock: Clock | None = None) -> AsyncIterator[Agent]:
    clock = clock or SystemClock()
    async with SqliteJournal(settings.settings.journal, clock) as journal:
        uplink, handler = Uplink(settings, journal, clock), EchoHandler()
        tasks = [
            asyncio.create_task(uplink.run(handler)),
            asyncio.create_task(journal.run(uplink.journal_renamed)),
        ]
        try:
            yield Agent(journal, uplink, handler)
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
