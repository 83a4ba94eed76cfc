"""The schema of the records: brought up to date when the server starts."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, make_url, text
from sqlalchemy.exc import DBAPIError

from server.core.errors import DowngradeError, StoreError
from server.core.records import Records

_STEPS = Path(__file__).parents[1] / "migrations"
_LOCK = 7_263_180_551
"""Any number; whoever else upgrades the same PostgreSQL database waits."""


def upgrade(url: str) -> None:
    """Run the steps that the database does not have; all of them happen or none.

    Raises:
        StoreError: The database cannot be reached.
        DowngradeError: A newer program has written it.
    """
    where = make_url(url).render_as_string(hide_password=True)
    try:
        with Records.open(url) as records, _transaction(records.engine) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            refuse_newer(revision_of(connection), f"the records in {where}")
            command.upgrade(alembic_config(connection), "head")
    except DBAPIError as error:
        raise StoreError(
            f"the schema of the records in {where} cannot be made: {error.orig}"
        ) from error


@contextmanager
def _transaction(engine: Engine) -> Generator[Connection]:
    """Begin a transaction in which tables may be made anew that others refer to.

    SQLite changes a column by copying the table and dropping the old one, which its foreign keys
    forbid; they are looked at before the commit instead.
    """
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.connection.cursor().execute("PRAGMA foreign_keys=OFF")
        with connection.begin():
            yield connection
            if connection.dialect.name == "sqlite":
                _check_references(connection)


def _check_references(connection: Connection) -> None:
    """Go on when every row of a SQLite database refers to one that is there.

    Raises:
        StoreError: One does not; the message names its table.
    """
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken is not None:
        table, row, other, _ = broken
        raise StoreError(f"row {row} of {table} refers to a row of {other} that is not there")


def revision_of(connection: Connection) -> str | None:
    """Return the schema of a database as the name of its last step; None when it has none."""
    return MigrationContext.configure(connection).get_current_revision()


def newest_revision() -> str:
    """Return the schema that this program writes."""
    return ScriptDirectory(str(_STEPS)).get_current_head() or ""


def refuse_newer(revision: str | None, what: str) -> None:
    """Refuse a schema that this program does not know.

    Args:
        revision: Of the schema; None is known.
        what: What has it, as the error begins.

    Raises:
        DowngradeError: It is none of this program's.
    """
    steps = ScriptDirectory(str(_STEPS)).walk_revisions()
    if revision is not None and revision not in {step.revision for step in steps}:
        raise DowngradeError(
            f"{what} have schema {revision}, which a newer Plantroom has made; this one knows "
            f"schemas up to {newest_revision()}. Install the newer one again, or put back a backup "
            "that this one can read: plantroom server restore --help"
        )


def alembic_config(connection: Connection) -> Config:
    """Return Alembic's settings for the steps in server/migrations on this connection."""
    config = Config()
    config.set_main_option("script_location", str(_STEPS))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
