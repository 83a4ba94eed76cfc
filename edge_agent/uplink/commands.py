"""Commands on their way in, and their results on the way out."""

import json
from math import isfinite
from typing import Protocol

from edge_agent.commands.rules import Command
from edge_agent.commands.service import CommandResult
from edge_agent.uplink.inbound import PointCommand
from protocols.reading import Value

_BY = "sparkplug"
"""A DCMD does not say who asks; the server's own record does."""


class CommandHandler(Protocol):
    """Checks and executes commands; edge_agent/commands does."""

    async def execute(self, command: Command) -> CommandResult:
        """Execute a command; a refusal is a result, too."""
        ...


def command_of(message: PointCommand, *, now_ms: int) -> Command:
    """Return the command that a DCMD asks for."""
    return Command(
        id=message.key or "",
        device=message.device,
        point=str(message.point),
        value=message.value,
        by=_BY,
        at=now_ms if message.sent_at is None else message.sent_at,
    )


def result_text(result: CommandResult) -> str:
    """Return a result as the JSON text of the metric ``Command/Result``."""
    fields = {name: _plain(value) for name, value in result._asdict().items()}
    return json.dumps(fields, ensure_ascii=False, allow_nan=False)


def _plain(value: Value) -> Value:
    # JSON knows neither NaN nor infinity, and a command may carry either.
    return str(value) if isinstance(value, float) and not isfinite(value) else value
