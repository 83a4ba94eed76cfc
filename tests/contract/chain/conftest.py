"""The chain on every database."""

from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import make_url

from server.core import schema
from tests.databases import POSTGRES_MARKS, migrated_database, postgres_databases
from tests.fakes.house import House

NewUrl = Callable[[], str]


@pytest.fixture
def sqlite_urls(tmp_path: Path) -> NewUrl:
    """Each call gives a fresh file with the schema."""
    return lambda: migrated_database(tmp_path / uuid4().hex)


@pytest.fixture(scope="module")
def postgres_urls() -> Generator[NewUrl]:
    """Each call gives a fresh database; the schema is built once."""
    with postgres_databases() as new:
        template = new("template0")
        schema.upgrade(template)
        yield partial(new, str(make_url(template).database))


@pytest.fixture(params=["sqlite_urls", pytest.param("postgres_urls", marks=POSTGRES_MARKS)])
def url(request: pytest.FixtureRequest) -> str:
    new: NewUrl = request.getfixturevalue(request.param)
    return new()


@pytest.fixture
def house(url: str) -> Generator[House]:
    house = House(url)
    yield house
    house.records.close()
