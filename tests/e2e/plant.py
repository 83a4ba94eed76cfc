"""The language of the end-to-end tests: one plant of real processes on free loopback ports."""

import asyncio
import base64
import json
import secrets
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import yaml

from plantroom.processes import free_port, plantroom_command
from plantroom.receiver import Receiver
from plantroom.story import StreamEvent, follow
from protocols.sparkplug.payload import parse
from simulators.agent_file import addresses_of, agent_file_for, agent_file_text
from simulators.estate import Estate
from tests.administrator import make_records
from tests.e2e.interface import Interface
from tests.forked import ForkedChild
from tests.mosquitto import Mosquitto
from tests.patience import PATIENCE_S


class Plant(Interface):
    """A broker, simulated equipment, an agent, a server and a webhook receiver.

    Everything can be stopped, killed and started again on the same ports and data; ``settings``
    are added to the server's file.
    """

    def __init__(self, folder: Path, *, estate: dict[str, Any], **settings: Any) -> None:
        self.folder = folder
        self.estate = estate
        self.token = ""
        self.broker = Mosquitto(folder / "broker")
        self.secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
        self.receiver = Receiver(self.secret, now_ms=now_ms)
        self.agent_file = folder / "agent.yaml"
        self.server_file = folder / "server.yaml"
        self.journal = folder / "journal.sqlite"
        self._settings = settings
        self._stack = AsyncExitStack()
        self._http_port = free_port()
        simulate = ("simulate", "run", str(folder / "estate.yaml"), "--control", "0")
        self.simulator = self._child("simulator", "ready", *simulate)
        self.agent = self._child("agent", "agent_ready", "agent", "run", str(self.agent_file))
        self.server = self._child("server", "server_ready", "server", "run", str(self.server_file))

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._start_all(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            for child in (self.agent, self.server, self.simulator):
                print(f"--- {child.name}\n{child.tail}")  # noqa: T201 (shown when the test fails)
        await self._stack.aclose()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http_port}"

    def _child(self, name: str, ready_event: str, *arguments: str) -> ForkedChild:
        return ForkedChild(
            name,
            plantroom_command(*arguments),
            log=self.folder / f"{name}.log",
            ready_event=ready_event,
        )

    async def _start_all(self, stack: AsyncExitStack) -> None:
        await stack.enter_async_context(self.broker)
        await stack.enter_async_context(self.receiver)
        self._set_up_server()
        await stack.enter_async_context(self.server)
        (self.folder / "estate.yaml").write_text(yaml.safe_dump(self.estate, allow_unicode=True))
        await stack.enter_async_context(self.simulator)
        self._write_agent_file()
        await stack.enter_async_context(self.agent)
        self.http = await stack.enter_async_context(
            httpx.AsyncClient(
                base_url=self.url,
                headers={"Authorization": f"Bearer {self.token}"},
                timeout=PATIENCE_S,
            )
        )

    def _set_up_server(self) -> None:
        (self.folder / "secret").write_text(self.secret)
        webhook = {
            "name": "supplier",
            "url": self.receiver.url,
            "secret_file": "secret",
            "allow_private": True,
        }
        settings = {
            "mqtt": {"port": self.broker.port},
            "http": {"port": self._http_port},
            "messages": {"webhooks": [webhook], "first_retry_s": 1},
            **self._settings,
        }
        self.server_file.write_text(yaml.safe_dump(settings))
        self.token = make_records(self.server_file)

    def _write_agent_file(self) -> None:
        content = agent_file_for(
            Estate.model_validate(self.estate),
            addresses_of(self.simulator.ready),
            mqtt={"port": self.broker.port},
            journal={"path": str(self.journal)},
            status={"port": 0},
        )
        # A loaded machine may answer late; a lost answer would be a gap that no journal can fill.
        for port in content["ports"].values():
            port["timeout_s"] = 3.0
        self.agent_file.write_text(agent_file_text(content))

    async def control(self, **order: Any) -> dict[str, Any]:
        """Give the simulation an order, for example ``do="trip", unit="pump-1"``."""
        reader, writer = await asyncio.open_connection(**self.simulator.ready["control"])
        writer.write(json.dumps(order).encode() + b"\n")
        answer = json.loads(await reader.readline())
        writer.close()
        await writer.wait_closed()
        return answer

    def stream(self, topics: str, last_id: str = "") -> AsyncIterator[StreamEvent]:
        """The live stream."""
        return follow(self.http, topics=topics, last_id=last_id)

    def journaled(self, device: str, point: str) -> list[tuple[int, Any]]:
        """(taken_at, value) of a point in the journal file now, oldest first."""
        with sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True) as database:
            aliases = {
                alias
                for (alias,) in database.execute(
                    "SELECT alias FROM aliases WHERE device = ? AND point = ?", (device, point)
                )
            }
            rows = database.execute(
                "SELECT fragment FROM rows WHERE device = ? ORDER BY offset", (device,)
            ).fetchall()
        return [
            (metric.timestamp, metric.long_value or metric.int_value)
            for (fragment,) in rows
            for metric in parse(fragment).metrics
            if metric.alias in aliases
        ]


def now_ms() -> int:
    """UTC milliseconds."""
    return time.time_ns() // 1_000_000
