"""A web process that hangs or does not start is not waited for without end."""

import asyncio
import json
import os
import signal
import socket
from pathlib import Path
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from config.load_server import load_server
from config.server import RecordsSettings, ServerSettings
from server.api.context import Services
from server.api.feed import EventFeed
from server.api.http import build_app
from server.assets.registry import Registry
from server.core.clock import SystemClock
from server.core.errors import ServerError
from server.core.records import Records
from server.core.schema import upgrade
from server.history.memory import MemoryHistory
from server.history.rationed import RationedReader
from server.live.hub import LiveHub
from server.live.values import LiveValues
from server.web import supervisor
from server.web.desk import Desk
from server.web.fork_server import ForkServer
from server.web.supervisor import Supervisor
from tests.contract.test_config_docs import uncommented
from tests.process_tree import descendants


class Kept:
    """A supervisor over records in a file; nothing else of a server."""

    def __init__(self, folder: Path, url: str = "") -> None:
        self.url = f"sqlite:///{folder / 'records.sqlite'}"
        upgrade(self.url)
        self.records = Records.open(self.url)
        clock = SystemClock()
        registry = Registry(self.records, clock)
        values = LiveValues(registry)
        services = Services(
            settings=ServerSettings(),
            records=self.records,
            clock=clock,
            classes={},
            history=MemoryHistory(),
            values=values,
            hub=LiveHub(values, clock),
            feed=EventFeed(self.records),
            checks={},
            metrics=CollectorRegistry(),
        )
        history = cast("Any", services.history)
        self.desk = Desk(
            build_app(services),
            services,
            history=history,
            reader=RationedReader(clock),
        )
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.forks = ForkServer.spawn()
        self.supervisor = Supervisor(
            ServerSettings(records=RecordsSettings(url=url or self.url)),
            self.desk,
            self.listener,
            clock,
            forks=self.forks,
            log_level="error",
            metrics=CollectorRegistry(),
        )

    def close(self) -> None:
        self.forks.close()
        self.listener.close()
        self.records.close()


async def test_one_that_hangs_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_PING_EVERY_S", 0.1)
    monkeypatch.setattr(supervisor, "_MUTE_S", 1.0)
    kept = Kept(tmp_path)
    ready = asyncio.Event()
    before = set(descendants(os.getpid()))

    def others() -> set[int]:
        return set(descendants(os.getpid())) - before

    running = asyncio.create_task(kept.supervisor.run(ready.set))
    await ready.wait()
    [first] = others()
    os.kill(first, signal.SIGSTOP)
    while not (now := others()) or first in now or not kept.supervisor.works:
        await asyncio.sleep(0.05)
    kept.supervisor.stop()
    await running
    assert not others()
    kept.close()


async def test_one_that_never_starts_stops_the_server_and_says_why(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "_TRIES", 2)
    kept = Kept(tmp_path, url=f"sqlite:///{tmp_path / 'no' / 'such' / 'records.sqlite'}")
    with pytest.raises(ServerError, match="does not start"):
        await kept.supervisor.run(lambda: None)
    assert "unable to open database file" in capfd.readouterr().err
    kept.close()


async def test_one_whose_start_hangs_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "_PING_EVERY_S", 0.1)
    monkeypatch.setattr(supervisor, "_START_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        kept = Kept(tmp_path, url=f"postgresql+psycopg://somebody@127.0.0.1:{port}/records")
        with pytest.raises(ServerError, match="does not start"):
            await kept.supervisor.run(lambda: None)
        kept.close()


def test_settings_arrive_as_they_were(tmp_path: Path) -> None:
    file = tmp_path / "server.yaml"
    file.write_text(uncommented("server.yaml"), "utf-8")
    settings = load_server(file)
    told = json.loads(json.dumps(settings.model_dump(mode="json")))
    assert ServerSettings.model_validate(told) == settings
