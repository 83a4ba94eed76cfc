"""Servers behind a Plantroom server that tests kill and start again where they were."""

from collections.abc import Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

from plantroom.processes import free_port
from tests.http_process import HttpProcess
from tests.http_proxy import Faults, proxy_of
from tests.influxdb import temporary_influxdb, v2_in_front_of
from tests.postgres import Postgres
from tests.stores import ask_influx
from tests.victoria import temporary_victoria


class Backing(Protocol):
    """A server that is killed and started again."""

    @property
    def settings(self) -> dict[str, Any]:
        """The section of the server file that names it."""
        ...

    def running(self) -> AbstractContextManager[None]:
        """Start it for the first time, and end it afterwards."""
        ...

    def start(self) -> None:
        """Start it where it was, and wait until it answers."""
        ...

    def kill(self) -> None:
        """End it with SIGKILL."""
        ...


class RecordsServer:
    """PostgreSQL with its data in a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        folder.parent.chmod(0o755)
        self._server = Postgres(folder)
        self.start, self.kill = self._server.start, self._server.kill
        self.send_signal = self._server.send_signal

    @property
    def settings(self) -> dict[str, Any]:
        """Section ``records`` of the server file, by its name."""
        return {"records": {"url": self._server.url}}

    @property
    def dsn(self) -> str:
        """For psycopg."""
        return self._server.url.replace("+psycopg", "")

    @contextmanager
    def running(self) -> Generator[None]:
        """Start it, and stop it afterwards."""
        self.start()
        try:
            yield
        finally:
            self._server.stop()


class HistoryServer:
    """A store of the history behind a proxy, with its data in a folder."""

    def __init__(self, kind: str, folder: Path, *, data: Path | None = None) -> None:
        """Prepare; ``data`` is where its files are, such as a small disk."""
        self.faults = Faults()
        self._kind = kind
        self._folder = folder
        self._data = data or folder / kind
        self._port = free_port()
        self._running = ExitStack()
        self._url = ""

    @property
    def settings(self) -> dict[str, Any]:
        """Section ``history`` of the server file, by its name."""
        backend: dict[str, Any] = {"kind": self._kind, "url": self._url, "timeout_s": 3}
        if self._kind == "influxdb":
            backend |= {"token_file": "token", "organisation": "estate"}
        return {"history": {"backend": backend}}

    @contextmanager
    def running(self) -> Generator[None]:
        """Start it with its proxy."""
        self._data.mkdir(parents=True, exist_ok=True)
        behind = f"http://127.0.0.1:{self._port}"
        influx = self._kind == "influxdb"
        front = v2_in_front_of if influx else proxy_of
        with front(behind, faults=self.faults) as self._url, self._running:
            self.start()
            if influx:
                token = self._folder / "token"
                token.write_text("secret\n")
                token.chmod(0o600)
                ask_influx(behind, 'CREATE DATABASE "plantroom"')
            yield

    def start(self) -> None:
        """Start it where it was, and wait until it answers."""
        self._process = self._running.enter_context(self._server()).process

    def kill(self) -> None:
        """End it with SIGKILL."""
        self._running.close()

    def send_signal(self, number: int) -> None:
        """Stop it or let it go on."""
        self._process.send_signal(number)

    def _server(self) -> AbstractContextManager[HttpProcess]:
        start = temporary_influxdb if self._kind == "influxdb" else temporary_victoria
        return start(self._port, self._data)
