"""Commands on their way in, and their results on the way out."""

import json
from math import isfinite
from typing import Protocol

from edge_agent.commands.result import CommandResult
from edge_agent.commands.rules import Command
from edge_agent.uplink.inbound import PointCommand
from protocols.reading import Value

_BY = "sparkplug"
"""Of hosts that do not say who asks."""


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
