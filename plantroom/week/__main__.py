"""``python -m plantroom.week``: writes the week into the folder of a demo that does not run yet."""

import sys
from pathlib import Path

import click

from config.load_server import load_server
from plantroom.week.write import DAYS, write_week
from protocols.errors import PlantroomError
from server.core.clock import SystemClock
from simulators.estate import load_estate

_File = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("server_file", type=_File)
@click.argument("estate_file", type=_File)
def main(server_file: Path, estate_file: Path) -> None:
    """Write a week of the past of the simulated estate into the server's data folder."""
    try:
        week = write_week(
            load_server(server_file),
            load_estate(estate_file),
            until_ms=SystemClock().now_ms(),
            progress=lambda day: click.echo(f"day {day} of {DAYS}", err=True),
        )
    except PlantroomError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{week.readings} readings, {week.happenings} faults with their repairs")


if __name__ == "__main__":
    sys.exit(main())
