"""The chain on every database."""

import os
import shutil
from collections.abc import Callable, Generator
from functools import partial
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url, text

from server.core import schema
from tests.fakes.house import House

POSTGRES = os.environ.get("PLANTROOM_TEST_POSTGRES")

NewUrl = Callable[[], str]


@pytest.fixture(scope="module")
def sqlite_urls(tmp_path_factory: pytest.TempPathFactory) -> NewUrl:
    """Each call gives a fresh file; the schema is built once."""
    folder = tmp_path_factory.mktemp("chain")
    schema.upgrade(f"sqlite:///{folder}/template")

    def new() -> str:
        path = folder / uuid4().hex
        shutil.copyfile(folder / "template", path)
        return f"sqlite:///{path}"

    return new


@pytest.fixture(scope="module")
def postgres_urls() -> Generator[NewUrl]:
    """Each call gives a fresh database; the schema is built once."""
    assert POSTGRES is not None
    server = create_engine(POSTGRES, isolation_level="AUTOCOMMIT")
    names: list[str] = []

    def new(like: str = "template0") -> str:
        names.append(f"chain_{uuid4().hex}")
        with server.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {names[-1]} TEMPLATE {like}"))
        return make_url(POSTGRES).set(database=names[-1]).render_as_string(hide_password=False)

    schema.upgrade(new())
    yield partial(new, names[0])
    with server.connect() as connection:
        for name in names:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


@pytest.fixture(
    params=[
        "sqlite_urls",
        pytest.param(
            "postgres_urls",
            marks=[
                pytest.mark.postgres,
                pytest.mark.skipif(not POSTGRES, reason="PLANTROOM_TEST_POSTGRES is not set"),
            ],
        ),
    ]
)
def url(request: pytest.FixtureRequest) -> str:
    new: NewUrl = request.getfixturevalue(request.param)
    return new()


@pytest.fixture
def house(url: str) -> Generator[House]:
    house = House(url)
    yield house
    house.records.close()
