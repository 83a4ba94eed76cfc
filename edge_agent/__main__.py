"""``plantroom agent``: the gateway from the command line."""

import os
import sys
from pathlib import Path
from typing import NoReturn

import click

from config.lazy_group import LazyGroup
from edge_agent.agent_file import loaded, packed
from edge_agent.commissioning.group import COMMANDS

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group(cls=LazyGroup, places=COMMANDS)
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
    _become_gateway(file, log_level, packed(loaded(file)))


def _become_gateway(file: Path, log_level: str, content: bytes) -> NoReturn:
    """Go on as ``edge_agent.running``, with this process's number, output and rights."""
    handle = os.memfd_create("gateway", 0)
    with os.fdopen(handle, "wb", closefd=False) as memory:
        memory.write(content)
    os.set_inheritable(handle, True)  # noqa: FBT003 (positional only)
    lean = ("-P", "-X", "no_debug_ranges")  # half a megabyte for marks in tracebacks
    command = [sys.executable, *lean, "-m", "edge_agent.running"]
    command += [str(file), log_level, str(handle)]
    os.execv(sys.executable, command)  # noqa: S606 (this program itself)


if __name__ == "__main__":
    cli()
