"""The databases that tests of the records run on: SQLite, and PostgreSQL when there is one."""

import os
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, event, make_url, text

from server.core import schema
from server.core.records import Records
from tests.postgres import VARIABLE

POSTGRES = os.environ.get(VARIABLE)
POSTGRES_MARKS = (
    pytest.mark.postgres,
    pytest.mark.skipif(not POSTGRES, reason=f"{VARIABLE} is not set"),
)

NewDatabase = Callable[[str], str]
"""Creates a database like that one and returns its URL."""


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


def open_records(folder: Path) -> Records:
    """Open records in a folder; one without any gets empty ones, made in no time.

    They would not survive a power cut.
    """
    path = folder / "records.sqlite"
    records = Records.open(f"sqlite:///{path}" if path.exists() else migrated_database(path))
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
