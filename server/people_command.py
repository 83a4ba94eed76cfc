"""``plantroom server people``."""

from pathlib import Path

import click

from config.errors import ConfigError
from protocols.errors import PlantroomError
from server.core.clock import SystemClock
from server.exits import fail
from server.people_file import import_file
from server.whole_file import load_whole


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("people_file", type=click.Path(path_type=Path, dir_okay=False))
def people(file: Path, people_file: Path) -> None:
    """Take over persons, rosters and escalation policies from a file.

    May be repeated, also while the server runs: what has the same key is replaced, nothing else
    is touched. Hours in which nobody would come are refused unless the file accepts them.

    Example: plantroom server people server.yaml people.yaml
    """
    settings = load_whole(file)
    try:
        gaps = import_file(settings, people_file, SystemClock())
    except ConfigError as error:
        fail(str(error), 2)
    except PlantroomError as error:
        fail(f"{people_file}: {error}", 1)
    for gap in gaps:
        click.echo(f"warning: {gap.text_en}", err=True)
    click.echo(f"{people_file}: taken over")
