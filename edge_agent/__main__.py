"""``plantroom agent``: the gateway from the command line."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from config.errors import ConfigError
from config.resolve import Gateway
from edge_agent.agent_file import load, loaded
from edge_agent.app import run as run_agent
from edge_agent.clock import SteadyClock, SystemClock
from edge_agent.commissioning.group import AgentGroup
from edge_agent.errors import AgentError
from edge_agent.log import set_up_logging
from edge_agent.service_manager import ServiceManager
from protocols.errors import PlantroomError

_LAST_WORDS_S = 2.0
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group(cls=AgentGroup)
def cli() -> None:
    """The gateway: polls equipment, journals every reading, publishes Sparkplug B.

    \b
    First check a file, then run it:
      plantroom agent check agent.yaml
      plantroom agent run agent.yaml
    """  # noqa: D301 (click needs the \b)


@cli.command()
@click.argument("file", type=_FILE)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="Least severe event that is printed.",
)
def run(file: Path, log_level: str) -> None:
    """Run the gateway of FILE until SIGTERM or Ctrl-C; SIGHUP reads FILE again.

    Events are printed as JSON lines; "agent_ready" says that it polls. Its own state is at
    http://127.0.0.1:9464/healthz and /metrics (section `status` of FILE). Exits with 0 after a
    clean stop, 1 on a failure, 2 when FILE is wrong.

    \b
    Example:
      plantroom agent run /etc/plantroom/agent.yaml
    """  # noqa: D301 (click needs the \b)
    gateway = loaded(file)
    set_up_logging(level=log_level)
    try:
        asyncio.run(_run(gateway, file))
    except* (AgentError, ConfigError) as group:
        for error in _single(group):
            click.echo(f"plantroom agent: {error}", err=True)
        sys.exit(1)


async def _run(gateway: Gateway, file: Path) -> None:
    await run_agent(
        gateway,
        SteadyClock(SystemClock()),
        load=lambda: load(file),
        manager=ServiceManager.of(os.environ),
    )
    # All is closed and on disk. A thread that hangs in a name server must not hold up the end.
    signal.setitimer(signal.ITIMER_REAL, _LAST_WORDS_S)


def _single(group: BaseExceptionGroup[PlantroomError]) -> Iterator[PlantroomError]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _single(error)
        else:
            yield error


if __name__ == "__main__":
    cli()
