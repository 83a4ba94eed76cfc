"""``plantroom server migrate``: the records in another database."""

from pathlib import Path

import click
from pydantic import ValidationError
from sqlalchemy import make_url

from config.errors import ConfigError
from config.load_server import database_url, load_server
from config.server import RecordsSettings
from server.backup.tables import CopiedTable, copy_all, is_empty, is_there
from server.core.errors import ConflictError
from server.core.lock import claim_folder, refuse_unfinished
from server.core.records import Records
from server.core.schema import upgrade
from server.exits import failing
from server.roles.split import ROLES

_SHORT, _FULL = "postgresql://", "postgresql+psycopg://"
_TOLD = 100_000
"""Rows between two lines about a large table."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--to",
    "target",
    required=True,
    metavar="URL",
    help="postgresql://USER:PASSWORD@HOST/DATABASE, or sqlite:///FILE (relative to data_dir).",
)
def migrate(file: Path, target: str) -> None:
    """Copy the records into another, empty database while the server is stopped.

    Every row is read back and compared before the copy is committed: all of it happens or nothing.
    The history is not touched, and the old records stay where they are. Afterwards write the new
    URL into FILE (records: url) and start the server.

    Example: plantroom server migrate server.yaml --to postgresql://plantroom@/plantroom
    """
    with failing():
        settings = load_server(file)
        old, new = settings.records.url, _checked(target, settings.data_dir)
        with claim_folder(settings.data_dir, ROLES):
            refuse_unfinished(settings.data_dir)
            if not is_there(old):
                raise ConflictError(f"there are no records in {_shown(old)}: nothing to copy")
            if not is_empty(new):
                raise ConflictError(f"{_shown(new)} is not empty: make an empty database")
            upgrade(old)
            upgrade(new)
            with Records.open(old, read_only=True) as source, Records.open(new) as records:
                copy_all(source, records, tell_rows)
    click.echo(f"copied  {_shown(old)} to {_shown(new)}")
    click.echo(f"now     write into {file}: records: {{url: {_shown(new)}}}")


def tell_rows(table: CopiedTable) -> None:
    """Tell of a table when all of its rows are written and compared."""
    if table.of and (table.compared or (table.rows and table.rows % _TOLD == 0)):
        what = "written and compared" if table.compared else f"of {table.of:,} written"
        click.echo(f"table   {table.name}: {table.rows:,} rows {what}", err=True)


def _checked(url: str, data_dir: Path) -> str:
    if url.startswith(_SHORT):
        url = _FULL + url.removeprefix(_SHORT)
    try:
        return database_url(RecordsSettings(url=url).url, data_dir)
    except ValidationError as error:
        message = f"--to {url}: expected postgresql://USER@HOST/DATABASE or sqlite:///FILE"
        raise ConfigError(message) from error


def _shown(url: str) -> str:
    return make_url(url).render_as_string(hide_password=True)
