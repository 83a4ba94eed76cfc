"""A house of several server processes: shards, API replicas and jobs on PostgreSQL and more."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from plantroom.processes import Child, free_port, plantroom_command
from server.core.shard import Shard
from tests.administrator import make_records
from tests.e2e.interface import Interface
from tests.forked import ForkedChild
from tests.mosquitto import Mosquitto
from tests.patience import PATIENCE_S
from tests.postgres import temporary_postgres
from tests.victoria import temporary_victoria


class Api(Interface):
    """One process that serves HTTP."""

    def __init__(self, http: httpx.AsyncClient, child: Child) -> None:
        self.http = http
        self.child = child


class DividedHouse:
    """Shards and API replicas of one server file; nothing but the command line tells them apart."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.folder = folder
        self.settings = settings
        self.file = folder / "server.yaml"
        self.file.write_text(yaml.safe_dump(settings))
        self.port = settings["mqtt"]["port"]
        self.token = make_records(self.file)
        self.shards: list[Child] = []
        self.health: list[str] = []
        """Where the shards say how they are."""
        self.apis: list[Api] = []
        self.others: dict[str, int] = {}
        """Process ids of those that are not ours, by name."""

    def process(self, name: str, *arguments: str) -> ForkedChild:
        """Return a process that has not started."""
        command = plantroom_command("server", "run", str(self.file), *arguments)
        log = self.folder / f"{name}.log"
        return ForkedChild(name, command, log=log, ready_event="server_ready")

    async def start(self, stack: AsyncExitStack, *, shards: int, apis: int) -> None:
        """Start all processes at once."""
        for number in range(1, shards + 1):
            self.health.append(f"http://127.0.0.1:{(port := free_port())}")
            shard = ("--shard", f"{number}/{shards}", "--http-port", str(port))
            arguments = ("--roles", "ingest", *shard)
            self.shards.append(self.process(f"ingest-{number}", *arguments))
        for number in range(1, apis + 1):
            port = free_port()
            child = self.process(f"api-{number}", "--roles", "api", "--http-port", str(port))
            client = httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}",
                headers={"Authorization": f"Bearer {self.token}"},
                timeout=PATIENCE_S,
            )
            self.apis.append(Api(await stack.enter_async_context(client), child))
        children = (
            *self.shards,
            *(one.child for one in self.apis),
            self.process("jobs", "--roles", "jobs"),
        )
        await asyncio.gather(*(stack.enter_async_context(child) for child in children))


@asynccontextmanager
async def divided_house(
    folder: Path, *, shards: int, apis: int, **settings: Any
) -> AsyncGenerator[DividedHouse]:
    """Run everything that a divided house needs."""
    async with AsyncExitStack() as stack:
        records = stack.enter_context(temporary_postgres())
        victoria = stack.enter_context(temporary_victoria())
        broker = await stack.enter_async_context(Mosquitto(folder / "broker"))
        house = DividedHouse(
            folder,
            {
                "mqtt": {"port": broker.port},
                "records": {"url": records},
                "history": {"backend": {"kind": "victoriametrics", "url": victoria.url}},
                **settings,
            },
        )
        house.others = {"broker": broker.pid, "victoriametrics": victoria.process.pid}
        await house.start(stack, shards=shards, apis=apis)
        yield house


def site_of(number: int, count: int, *, but: str = "") -> str:
    """Return the name of a site that belongs to a shard."""
    shard = Shard(number, count)
    names = (f"site-{index}" for index in range(10_000))
    return next(name for name in names if shard.owns(name) and name != but)
