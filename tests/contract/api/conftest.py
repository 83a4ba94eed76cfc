"""A server without ingest: records in a file, history and clock in memory."""

from collections.abc import Generator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from argon2 import PasswordHasher
from httpx2 import Response
from prometheus_client import CollectorRegistry
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from config.server import ServerSettings
from server.access import passwords
from server.access.roles import Role
from server.access.tokens import create_token
from server.access.users import Rights, create_user
from server.api.context import Services
from server.api.feed import EventFeed
from server.api.http import build_app
from server.api.passwords import Doorkeeper
from server.assets.model import Equipment, Point
from server.assets.registry import Registry
from server.core.records import Records
from server.history.memory import MemoryHistory
from server.live.hub import LiveHub
from server.live.values import LiveValues
from tests.databases import copy_records, open_records, records_url
from tests.fakes.assets import add_equipment

if TYPE_CHECKING:
    from fastapi import FastAPI

NOW = 1_795_341_600_000  # 2026-11-22T10:00:00Z
PASSWORD = "correct horse battery"
CHEAP_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
HASH = CHEAP_HASHER.hash(PASSWORD)
ROLES = (Role.ADMINISTRATOR, Role.OPERATOR, Role.VIEWER)
ORIGIN = {"Origin": "http://testserver"}


class HandClock:
    """A clock that moves when the test says so."""

    def __init__(self) -> None:
        self.ms = NOW

    def now_ms(self) -> int:
        return self.ms

    def monotonic_s(self) -> float:
        return self.ms / 1000

    async def sleep(self, seconds: float) -> None:
        self.ms += int(seconds * 1000)


@dataclass
class Api:
    """The application, what stands behind it, and a client without any credentials."""

    client: TestClient
    services: Services
    tokens: dict[str, str]

    @property
    def records(self) -> Records:
        return self.services.records

    @property
    def history(self) -> MemoryHistory:
        return cast("MemoryHistory", self.services.history)

    @property
    def clock(self) -> HandClock:
        return cast("HandClock", self.services.clock)

    @property
    def hub(self) -> LiveHub:
        return self.services.hub

    @property
    def registry(self) -> Registry:
        return self.services.values._registry

    def bearer(self, who: str = "operator") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[who]}"}

    def get(self, path: str, who: str = "operator", **params: str | int) -> Response:
        return self.client.get(f"/api/v1{path}", params=params, headers=self.bearer(who))

    def post(
        self, path: str, body: object = None, who: str = "operator", **headers: str
    ) -> Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(f"/api/v1{path}", json=body, headers=self.bearer(who) | named)

    def delete(self, path: str, who: str = "operator") -> Response:
        return self.client.delete(f"/api/v1{path}", headers=self.bearer(who))

    def log_in(self, name: str = "operator", password: str = PASSWORD) -> Response:
        return self.client.post("/api/v1/session", json={"name": name, "password": password})


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A database with one person of some roles, copied by each test."""
    path = tmp_path_factory.mktemp("records") / "records.sqlite"
    with Records.open(records_url(path)) as records:
        tokens = records.write(_people)
    return path, tokens


@cache
def application() -> "FastAPI":
    """One for all tests of a process, who give it services of their own."""
    with Records.open("sqlite://") as records:
        return build_app(services_over(records, HandClock()))


@pytest.fixture(scope="session")
def client() -> Generator[TestClient]:
    with TestClient(application(), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def api(
    tmp_path: Path,
    prepared: tuple[Path, dict[str, str]],
    client: TestClient,
    monkeypatch: pytest.MonkeyPatch,
) -> Generator[Api]:
    path, tokens = prepared
    monkeypatch.setattr(passwords, "_hasher", CHEAP_HASHER)
    monkeypatch.setattr(passwords, "_nobody_hash", HASH)
    copy_records(path, tmp_path / path.name)
    with open_records(tmp_path) as records:
        services = services_over(records, HandClock(), data_dir=tmp_path)
        state = cast("FastAPI", client.app).state
        state.services, state.doorkeeper = services, Doorkeeper(records, services.clock)
        client.cookies.clear()
        yield Api(client, services, tokens)


def services_over(records: Records, clock: HandClock, *, data_dir: Path = Path("data")) -> Services:
    registry = Registry(records, clock)
    values = LiveValues(registry)
    return Services(
        settings=ServerSettings(data_dir=data_dir),
        records=records,
        clock=clock,
        classes={},
        history=MemoryHistory(),
        values=values,
        hub=LiveHub(values, clock),
        feed=EventFeed(records),
        checks={},
        metrics=CollectorRegistry(),
    )


def _people(session: Session) -> dict[str, str]:
    tokens: dict[str, str] = {}
    for role in ROLES:
        user = create_user(
            session, name=str(role), password_hash=HASH, rights=Rights(role), at=NOW, by="test"
        )
        token, tokens[str(role)] = create_token(
            session, user_id=user.id, name="test", at=NOW, by="test"
        )
        token.last_used_at = NOW
    return tokens


@pytest.fixture
def pump(api: Api) -> Equipment:
    """One pump with two points at one site."""

    def add(session: Session) -> Equipment:
        pump = add_equipment(
            session,
            "garden/gw1/pump2",
            at=NOW,
            equipment_class="heating_pump",
            profile="maker-x",
            words=("Pump 2", "2# 循环泵"),
        )
        for name, unit in (("fault", ""), ("pressure", "kPa")):
            session.add(
                Point(
                    key=f"garden/gw1/pump2/{name}",
                    equipment_id=pump.id,
                    name=name,
                    datatype=10,
                    unit=unit,
                    name_en=name.title(),
                    name_zh=name,
                    max_silence_ms=300_000,
                )
            )
        return pump

    made = api.records.write(add)
    api.registry.load()
    return made
