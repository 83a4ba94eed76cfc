"""One server process without a broker: it starts, answers, refuses company and stops."""

import asyncio
import contextlib
import json
import os
import signal
import socket
from collections.abc import AsyncGenerator
from pathlib import Path

import httpx
import pytest
import structlog
from click.testing import CliRunner
from structlog.testing import LogCapture

from config.server import HistorySettings, HttpSettings, RecordsSettings, ServerSettings
from server.__main__ import cli
from server.app import Server
from server.core.clock import SystemClock
from server.core.errors import NobodyError, ServerError
from server.first_user import make_administrator
from server.roles.split import ROLES
from tests.e2e.house import ServerHouse
from tests.patience import PATIENCE_S


def settings_in(folder: Path, port: int = 0) -> ServerSettings:
    return ServerSettings(
        data_dir=folder,
        records=RecordsSettings(url=f"sqlite:///{folder / 'records.sqlite'}"),
        history=HistorySettings(path=folder / "history"),
        http=HttpSettings(port=port),
    )


class Ready(LogCapture):
    """Hears the line that says where the server answers."""

    def __init__(self) -> None:
        super().__init__()
        self.url: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def __call__(self, _logger: object, _method: str, event: structlog.typing.EventDict) -> str:
        if event["event"] == "server_ready" and not self.url.done():
            self.url.set_result(event["url"])
        raise structlog.DropEvent


@contextlib.asynccontextmanager
async def running(
    settings: ServerSettings, roles: frozenset[str] = frozenset(ROLES)
) -> AsyncGenerator[str]:
    """A running server; gives its address and stops it at the end."""
    stop, ready = asyncio.Event(), Ready()
    structlog.configure(processors=[ready], cache_logger_on_first_use=False)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(Server(settings, SystemClock(), roles).run(stop))
            try:
                yield await asyncio.wait_for(ready.url, PATIENCE_S)
            finally:
                stop.set()
    finally:
        structlog.reset_defaults()


async def test_a_server_answers_and_stops_with_a_stream_open(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    made = make_administrator(
        settings, name="admin", password="correct horse battery", token=True, clock=SystemClock()
    )
    headers = {"Authorization": f"Bearer {made.token}"}
    async with httpx.AsyncClient(headers=headers) as client, contextlib.AsyncExitStack() as stack:
        async with running(settings) as url:
            health = (await client.get(f"{url}/readyz")).json()
            assert health["ok"]
            assert {name for name, works in health["parts"].items() if not works} == {"broker"}
            assert {"records", "outbox", "calls", "timers", "history", "ingest"} <= set(
                health["parts"]
            )
            assert health["late_s"] == {}
            assert set(health["notes"]) <= {"broker"}  # there is none
            assert "plantroom_ingest_rejected" in (await client.get(f"{url}/metrics")).text
            assert (await client.get(f"{url}/api/v1/session")).json()["name"] == "admin"
            stream = await stack.enter_async_context(
                client.stream("GET", f"{url}/api/v1/stream", timeout=PATIENCE_S)
            )
            lines = stream.aiter_lines()
            assert await anext(lines) == "retry: 2000"
        assert [line async for line in lines] == [": connected", ""]


async def test_a_server_leaves_with_its_log_and_nothing_else(tmp_path: Path) -> None:
    async with ServerHouse(tmp_path) as house:
        log = house.server.log
    events = [json.loads(line)["event"] for line in log.read_text().splitlines()]
    assert events[-1] == "server_stopped"


def initialised(settings: ServerSettings) -> ServerSettings:
    make_administrator(
        settings, name="admin", password="correct horse battery", token=False, clock=SystemClock()
    )
    return settings


async def test_a_data_folder_belongs_to_one_server(tmp_path: Path) -> None:
    async with running(initialised(settings_in(tmp_path))):
        with pytest.raises(ServerError, match="used by another server"):
            await Server(settings_in(tmp_path), SystemClock(), frozenset(ROLES)).run(
                asyncio.Event()
            )


@pytest.mark.parametrize("roles", [{"api"}, set(ROLES)], ids=["api", "all"])
async def test_a_taken_port_is_named_in_the_error(tmp_path: Path, roles: set[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        server = Server(initialised(settings_in(tmp_path, port)), SystemClock(), roles)
        with pytest.raises(ServerError, match=f"cannot listen on 127.0.0.1 port {port}"):
            await server.run(asyncio.Event())
    # What was begun before ends with the rest.
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_process_may_have_only_the_jobs(tmp_path: Path) -> None:
    async with running(settings_in(tmp_path), frozenset({"jobs"})) as url:
        assert url is None
        assert not (tmp_path / "history").exists()


@pytest.mark.parametrize("roles", [{"api"}, set(ROLES)], ids=["api", "all"])
async def test_a_server_into_which_nobody_can_log_in_does_not_run(
    tmp_path: Path, roles: set[str]
) -> None:
    with pytest.raises(NobodyError, match="make the first administrator"):
        await Server(settings_in(tmp_path), SystemClock(), roles).run(asyncio.Event())


def test_it_says_which_command_makes_the_first_administrator(tmp_path: Path) -> None:
    file = tmp_path / "server.yaml"
    file.write_text("{}")
    answer = CliRunner().invoke(cli, ["run", str(file)])
    assert answer.exit_code == 1
    assert f"plantroom server init {file}" in answer.output


async def test_sighup_ends_nothing_and_is_logged(tmp_path: Path) -> None:
    async with ServerHouse(tmp_path) as house:
        for _ in range(3):
            os.kill(house.server.pid, signal.SIGHUP)
            await asyncio.sleep(0.2)
        assert (await house.http.get("/healthz")).status_code == 200
        log = house.server.log
    assert "sighup_ignored" in log.read_text()


async def test_a_forgotten_password_is_replaced_beside_a_running_server(tmp_path: Path) -> None:
    async with ServerHouse(tmp_path) as house:
        command = ["reset-password", str(tmp_path / "server.yaml")]
        answer = await asyncio.to_thread(CliRunner().invoke, cli, [*command, "admin"])
        assert answer.exit_code == 0, answer.output
        password = answer.output.split()[-1]
        body = {"name": "admin", "password": password}
        async with httpx.AsyncClient(base_url=house.http.base_url) as browser:
            login = await browser.post("/api/v1/session", json=body)
            assert login.json()["must_change_password"]
        answer = await asyncio.to_thread(CliRunner().invoke, cli, [*command, "nobody"])
        assert answer.exit_code == 1
        assert "there are: admin" in answer.output
        (tmp_path / "new").write_text("a longer one by far\n")
        chosen = [*command, "admin", "--password-file", str(tmp_path / "new")]
        assert (await asyncio.to_thread(CliRunner().invoke, cli, chosen)).exit_code == 0
        async with httpx.AsyncClient(base_url=house.http.base_url) as browser:
            login = await browser.post(
                "/api/v1/session", json={"name": "admin", "password": "a longer one by far"}
            )
            assert not login.json()["must_change_password"]
