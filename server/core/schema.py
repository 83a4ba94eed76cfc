"""The schema of the records: brought up to date when the server starts."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import DBAPIError

from server.core.errors import StoreError
from server.core.records import Records

_STEPS = Path(__file__).parents[1] / "migrations"
_LOCK = 7_263_180_551
"""Any number; whoever else upgrades the same PostgreSQL database waits."""


def upgrade(url: str) -> None:
    """Run the steps that the database does not have; all of them happen or none.

    Raises:
        StoreError: The database cannot be reached, or a newer program has written it.
    """
    try:
        with Records.open(url) as records, records.engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            command.upgrade(alembic_config(connection), "head")
    except DBAPIError as error:
        where = make_url(url).render_as_string(hide_password=True)
        raise StoreError(
            f"the schema of the records in {where} cannot be made: {error.orig}"
        ) from error


def alembic_config(connection: Connection) -> Config:
    """Return Alembic's settings for the steps in server/migrations on this connection."""
    config = Config()
    config.set_main_option("script_location", str(_STEPS))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
