"""Every listing of the interface, on every database: walked to its end, with one query a page."""

from collections.abc import Generator
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import parse_qsl

import pytest
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from config.server import MessageSettings, ServerSettings
from server.access.model import Login
from server.access.roles import Role
from server.access.tokens import create_token
from server.access.users import Rights, create_user
from server.api.http import build_app
from server.core import schema
from server.core.records import Records
from tests.contract.api.conftest import HASH, NOW, Api, HandClock, services_over
from tests.databases import POSTGRES_MARKS, empty_database
from tests.fakes.many_rows import FILTERS, fill
from tests.fakes.seen_queries import seen_queries

ROWS, LIMIT = 9, 4
LOOKED_UP = {"alarms", "commands", "incidents", "points", "power-links", "values", "work-orders"}
"""Their filter names equipment or a point, which is looked for first."""
HOOK = {"url": "http://127.0.0.1:9/", "secret_file": "s"}


class Listings:
    """All listings of an application over filled records."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._places = {"site": "bench", "key": "room-000"}
        self._places["user_id"] = api.get("/session").json()["user_id"]

    @property
    def names(self) -> list[str]:
        document = self._api.client.get("/api/v1/openapi.json").json()
        return sorted(
            path.removeprefix("/api/v1/")
            for path, methods in document["paths"].items()
            if "/schemas/Page_" in str(methods.get("get"))
        )

    def get(self, name: str, **params: Any) -> dict[str, Any]:
        answer = self._api.get(f"/{name.format(**self._places)}", **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def walk(self, name: str, **params: Any) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        page = self.get(name, limit=LIMIT, **params)
        while page["next_cursor"] is not None:
            assert len(page["items"]) == LIMIT or name == "values"
            items += page["items"]
            page = self.get(name, limit=LIMIT, cursor=page["next_cursor"], **params)
        return items + page["items"]

    def statements(self) -> AbstractContextManager[list[str]]:
        """Note every query."""
        return seen_queries(self._api.records.engine)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=POSTGRES_MARKS)])
def listings(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Listings]:
    folder = tmp_path_factory.mktemp("pages")
    with empty_database(request.param, folder) as url:
        schema.upgrade(url)
        fill(url, ROWS)
        with Records.open(url) as records:
            token = records.write(_administrator)
            services = services_over(records, HandClock())
            hooks = [{**HOOK, "name": f"hook-{number:03}"} for number in range(ROWS)]
            messages = MessageSettings.model_validate({"webhooks": hooks})
            object.__setattr__(services, "settings", ServerSettings(messages=messages))
            with TestClient(build_app(services)) as client:
                api = Api(client, services, {"operator": token})
                api.registry.load()
                yield Listings(api)


@pytest.mark.long
def test_every_listing_is_walked_to_its_end_and_gives_each_row_once(listings: Listings) -> None:
    assert len(listings.names) >= 19
    for name in listings.names:
        walked = [_key(one) for one in listings.walk(name)]
        assert len(walked) >= ROWS, name
        assert len(set(walked)) == len(walked), name
        whole = [_key(one) for one in listings.get(name, limit=1000)["items"]]
        assert walked == whole, name


@pytest.mark.long
def test_every_filter_is_the_same_on_later_pages(listings: Listings) -> None:
    for name, query in FILTERS.items():
        params = dict(parse_qsl(query))
        walked = [_key(one) for one in listings.walk(name, **params)]
        assert walked, name
        assert walked == [_key(one) for one in listings.get(name, limit=1000, **params)["items"]]


@pytest.mark.long
def test_a_page_asks_once_however_many_rows_it_has(listings: Listings) -> None:
    for name in listings.names:
        filters = dict(parse_qsl(FILTERS.get(name, "")))
        for params in ({}, filters):
            listings.get(name, limit=LIMIT, **params)
            with listings.statements() as seen:
                listings.get(name, limit=LIMIT, **params)
            asked = [one for one in seen if "token_hash =" not in one]
            # What names a site, room or equipment is looked for; links show changed rules, calls
            # the requests of all their orders.
            named = name.count("{") or (name in LOOKED_UP and params != {})
            more = named + (name in {"power-links", "return-calls"})
            assert len(asked) == more + (name != "channels"), (name, asked)


def _key(item: dict[str, Any]) -> Any:
    return next(item[field] for field in ("id", "point_id", "key", "name") if field in item)


def _administrator(session: Session) -> str:
    user = create_user(
        session,
        name="root",
        password_hash=HASH,
        rights=Rights(Role.ADMINISTRATOR),
        at=NOW,
        by="test",
    )
    for number in range(ROWS):
        login = Login(
            token_hash=f"hash-{number:03}", user_id=user.id, created_at=NOW, expires_at=2 * NOW
        )
        session.add(login)
    return create_token(session, user_id=user.id, name="test", at=NOW, by="test")[1]
