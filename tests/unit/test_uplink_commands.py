"""Every command is answered, and none waits for another port."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from structlog.testing import capture_logs

from edge_agent.commands.result import CommandResult, Status
from edge_agent.commands.rules import Command
from edge_agent.uplink.commands import MOST_WAITING, CommandDesk
from edge_agent.uplink.inbound import PointCommand
from tests.fakes.agent_clock import FakeClock
from tests.fakes.running_agent import EchoHandler

PORTS = {"d1": "slow", "d2": "quick"}


class SlowHandler(EchoHandler):
    """Device d1 takes its time."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()

    async def execute(self, command: Command) -> CommandResult:
        if command.device == "d1":
            await self.go.wait()
        return await super().execute(command)


class DeskBench:
    def __init__(self) -> None:
        self.handler = SlowHandler()
        self.answers: list[CommandResult] = []
        self.desk = CommandDesk(
            self.handler, port_of=PORTS.get, answer=self.answers.append, clock=FakeClock()
        )

    def give(self, device: str, key: str) -> None:
        self.desk.take(PointCommand(device, "p", 1, key, None))


@pytest.fixture
async def bench() -> AsyncIterator[DeskBench]:
    bench = DeskBench()
    task = asyncio.create_task(bench.desk.run())
    await asyncio.sleep(0)
    yield bench
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_commands_for_a_slow_port_hold_up_no_other(bench: DeskBench) -> None:
    for number in range(MOST_WAITING):
        bench.give("d1", f"slow {number}")
    bench.give("d2", "quick")
    await settle()
    assert [(one.id, one.status) for one in bench.answers] == [("quick", Status.DONE)]
    bench.handler.go.set()
    await settle()
    assert [one.id for one in bench.answers[1:]] == [f"slow {n}" for n in range(MOST_WAITING)]


async def test_a_command_too_many_is_refused_and_reported(bench: DeskBench) -> None:
    for number in range(MOST_WAITING + 1):
        bench.give("d1", f"k{number}")
    await settle()
    (refused,) = bench.answers
    assert (refused.id, refused.status) == (f"k{MOST_WAITING}", Status.REFUSED)
    assert refused.reason == "32 commands wait for port slow"
    bench.handler.go.set()
    await settle()
    bench.give("d1", "again")
    await settle()
    assert bench.answers[-1].status is Status.DONE


async def test_what_nobody_can_answer_for_is_in_the_log(bench: DeskBench) -> None:
    with capture_logs() as logs:
        bench.give("d9", "k1")
    await settle()
    assert bench.answers == []
    assert logs == [
        {
            "event": "command_ignored",
            "log_level": "warning",
            "device": "d9",
            "point": "p",
            "why": "no such device",
        }
    ]
