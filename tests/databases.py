"""The databases that tests of the records run on: SQLite, and PostgreSQL when there is one."""

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url, text

from tests.postgres import VARIABLE

POSTGRES = os.environ.get(VARIABLE)
POSTGRES_MARKS = (
    pytest.mark.postgres,
    pytest.mark.skipif(not POSTGRES, reason=f"{VARIABLE} is not set"),
)

NewDatabase = Callable[[str], str]
"""Creates a database like that one and returns its URL."""


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
