"""The databases that tests of the records run on: SQLite, and PostgreSQL when there is one."""

import atexit
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing, contextmanager
from functools import cache
from pathlib import Path
from uuid import uuid4

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, event, inspect, make_url, text

from server.core import schema
from server.core.records import Records
from tests.postgres import VARIABLE

POSTGRES = os.environ.get(VARIABLE)
RECORDS = os.environ.get("PLANTROOM_TEST_RECORDS", "sqlite")
"""Where records are that tests do not name a database for."""
POSTGRES_MARKS = (
    pytest.mark.postgres,
    pytest.mark.skipif(not POSTGRES, reason=f"{VARIABLE} is not set"),
)

NewDatabase = Callable[[str], str]
"""Creates a database like that one and returns its URL."""


@contextmanager
def real_steps() -> Generator[None]:
    """Let new SQLite databases get their schema step by step, as in a server."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema, "command", command)
        yield


def copy_new_schemas() -> None:
    """Let every new SQLite database get the schema at once that the steps have made in another.

    The steps take a third of a second; what they make is written down once for each process.
    """
    schema.command = _Copying  # pyright: ignore[reportAttributeAccessIssue]


class _Copying:
    """Stands for alembic.command."""

    @staticmethod
    def upgrade(config: Config, revision: str) -> None:
        connection: Connection = config.attributes["connection"]
        if connection.dialect.name != "sqlite" or inspect(connection).get_table_names():
            command.upgrade(config, revision)
            return
        for statement in _statements():
            connection.exec_driver_sql(statement)


@cache
def _statements() -> list[str]:
    """What makes the schema and the rows that are in it from the beginning."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "records")
        with real_steps():
            schema.upgrade(f"sqlite:///{path}")
        with closing(sqlite3.connect(path)) as database:
            return [one for one in database.iterdump() if one not in _ENDS]


_ENDS = ("BEGIN TRANSACTION;", "COMMIT;")


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "records")
        schema.upgrade(f"sqlite:///{path}")
        return path.read_bytes()


def migrated_database(path: Path) -> str:
    """Return the URL of a new SQLite database with the whole schema, which is made once."""
    path.write_bytes(_migrated())
    return f"sqlite:///{path}"


def records_url(path: Path) -> str:
    """Return the URL of the records at a path, with the whole schema; new ones are made there.

    With PLANTROOM_TEST_RECORDS=postgresql they are a database that belongs to the path.
    """
    if RECORDS == "postgresql":
        return _of_path(path)
    return f"sqlite:///{path}" if path.exists() else migrated_database(path)


def copy_records(source: Path, target: Path) -> None:
    """Make records at a path that are like those of another, which nobody has open."""
    if RECORDS == "postgresql":
        _urls[target] = _postgres()(str(make_url(_of_path(source)).database))
    else:
        shutil.copy(source, target)


_urls: dict[Path, str] = {}


def _of_path(path: Path) -> str:
    if path not in _urls:
        _urls[path] = _postgres()(_template())
    return _urls[path]


@cache
def _template() -> str:
    url = _postgres()("template0")
    schema.upgrade(url)
    return str(make_url(url).database)


@cache
def _postgres() -> NewDatabase:
    """What creates databases for as long as this process lives."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(postgres_databases())


def open_records(folder: Path) -> Records:
    """Open records in a folder; one without any gets empty ones, made in no time.

    They would not survive a power cut.
    """
    records = Records.open(records_url(folder / "records.sqlite"))
    spare_syncs(records)
    return records


def spare_syncs(records: Records) -> None:
    """Let SQLite not wait for the disk; nothing here tries a power cut."""
    if records.engine.dialect.name == "sqlite":
        event.listen(
            records.engine,
            "connect",
            lambda connection, _: connection.execute("PRAGMA synchronous=OFF"),
        )


@contextmanager
def postgres_databases() -> Generator[NewDatabase]:
    """Give what creates databases; all of them are gone afterwards."""
    assert POSTGRES is not None
    server = create_engine(POSTGRES, isolation_level="AUTOCOMMIT")
    names: list[str] = []

    def new(like: str) -> str:
        names.append(f"test_{uuid4().hex}")
        with server.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {names[-1]} TEMPLATE {like}"))
        return make_url(POSTGRES).set(database=names[-1]).render_as_string(hide_password=False)

    try:
        yield new
    finally:
        with server.connect() as connection:
            for name in names:
                connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        server.dispose()


@contextmanager
def empty_database(kind: str, folder: Path) -> Generator[str]:
    """Give the URL of an empty database; ``kind`` is sqlite or postgresql."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/records.sqlite"
        return
    with postgres_databases() as new:
        yield new("template0")
