"""Commands on their way in, and their results on the way out."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from math import isfinite
from typing import Final, Protocol

import structlog

from edge_agent.clock import Clock
from edge_agent.commands.result import CommandResult
from edge_agent.commands.rules import Command
from edge_agent.uplink.inbound import PointCommand
from protocols.reading import Value

log = structlog.get_logger()

MOST_WAITING: Final = 32
"""Commands under way on one port; more are refused, and more than twice as many are dropped."""

_BY = "sparkplug"
"""Of hosts that do not say who asks."""


class CommandHandler(Protocol):
    """Checks and executes commands; edge_agent/commands does."""

    async def execute(self, command: Command) -> CommandResult:
        """Execute a command; a refusal is a result, too."""
        ...

    async def refuse(self, command: Command, reason: str) -> CommandResult:
        """Refuse a command for good, unless its key is known already; then as ``execute``."""
        ...


class CommandDesk:
    """Takes commands in as they come and answers each; a slow port holds up no other.

    Args:
        handler: Carries them out; commands of one port wait in its write lane.
        port_of: Device to the name of its port; None when there is no such device.
        answer: Publishes a result.
    """

    def __init__(
        self,
        handler: CommandHandler,
        *,
        port_of: Callable[[str], str | None],
        answer: Callable[[CommandResult], None],
        clock: Clock,
    ) -> None:
        self._handler = handler
        self._port_of = port_of
        self._answer = answer
        self._clock = clock
        self._tasks: asyncio.TaskGroup | None = None
        self._waiting: Counter[str] = Counter()

    async def run(self) -> None:
        """Carry out what is taken in, for ever."""
        async with asyncio.TaskGroup() as self._tasks:
            await asyncio.Event().wait()

    def take(self, message: PointCommand) -> None:
        """Begin with a command, in the order of arrival."""
        port = self._port_of(message.device)
        if port is None or self._tasks is None or self._waiting[port] >= 2 * MOST_WAITING:
            # No metric of ours is there to answer with, or a flood that no answer would stop.
            why = "no such device" if port is None else "too many commands"
            log.warning("command_ignored", device=message.device, point=message.point, why=why)
            return
        command = command_of(message, now_ms=self._clock.now_ms())
        if self._waiting[port] < MOST_WAITING:
            work = self._handler.execute(command)
        else:
            work = self._handler.refuse(command, f"{MOST_WAITING} commands wait for port {port}")
        self._waiting[port] += 1
        self._tasks.create_task(self._answered(port, work), name=f"command on {port}")

    async def _answered(self, port: str, work: Awaitable[CommandResult]) -> None:
        try:
            self._answer(await work)
        finally:
            self._waiting[port] -= 1


def command_of(message: PointCommand, *, now_ms: int) -> Command:
    """Return the command that a DCMD asks for."""
    return Command(
        id=message.key or "",
        device=message.device,
        point=str(message.point),
        value=message.value,
        by=message.by or _BY,
        at=now_ms if message.sent_at is None else message.sent_at,
        why=message.why,
    )


def result_text(result: CommandResult) -> str:
    """Return a result as the JSON text of the metric ``Command/Result``."""
    fields = {name: _plain(value) for name, value in result._asdict().items()}
    return json.dumps(fields, ensure_ascii=False, allow_nan=False)


def _plain(value: Value) -> Value:
    # JSON knows neither NaN nor infinity, and a command may carry either.
    return str(value) if isinstance(value, float) and not isfinite(value) else value
