"""A broker and a server without any agent: what edge nodes of the tests' own talk to."""

from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import yaml

from plantroom.processes import free_port, plantroom_command
from tests.administrator import make_records
from tests.e2e.interface import Interface
from tests.forked import ForkedChild
from tests.mosquitto import Mosquitto
from tests.patience import PATIENCE_S


class ServerHouse(Interface):
    """Real processes on free loopback ports; ``settings`` are added to the server's file."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.broker = Mosquitto(folder / "broker")
        self.server_file = folder / "server.yaml"
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        self._settings = {
            "mqtt": {"port": self.broker.port},
            "http": {"port": port},
            **settings,
        }
        self._stack = AsyncExitStack()
        self.server = ForkedChild(
            "server",
            plantroom_command("server", "run", str(self.server_file)),
            log=folder / "server.log",
            ready_event="server_ready",
        )

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.broker)
            self.server_file.write_text(yaml.safe_dump(self._settings))
            self.token = make_records(self.server_file)
            await stack.enter_async_context(self.server)
            headers = {"Authorization": f"Bearer {self.token}"}
            self.http = await stack.enter_async_context(
                httpx.AsyncClient(base_url=self.url, headers=headers, timeout=PATIENCE_S)
            )
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            print(f"--- server\n{self.server.tail}")  # noqa: T201 (shown when the test fails)
        await self._stack.aclose()
