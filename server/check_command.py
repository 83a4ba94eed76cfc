"""``plantroom server check``."""

from pathlib import Path

import click

from config.errors import ConfigError
from config.load import load_classes
from config.summary import summarize_server
from protocols.errors import PlantroomError
from server.core.clock import SystemClock
from server.exits import fail
from server.history.opening import try_history
from server.roles.split import why_one_process
from server.whole_file import load_whole


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def check(file: Path) -> None:
    """Say what the file means and what looks wrong; exit status 2 when it is refused.

    A history on another server is connected to; exit status 1 when that does not succeed.

    Example: plantroom server check server.yaml
    """
    settings = load_whole(file)
    click.echo(f"{file}: right")
    click.echo(summarize_server(settings, load_classes(settings.class_files)))
    try:
        found = try_history(settings.history, SystemClock())
    except ConfigError as error:
        fail(str(error), 2)
    except PlantroomError as error:
        fail(str(error), 1)
    if found:
        click.echo(f"found   {found}")
    why = why_one_process(settings)
    click.echo(
        f"one process: {why}" if why else "processes: one, or several with --roles and --shard"
    )
