"""Broker, server and receiver of the load cases, and alarms that are timed to their webhook."""

import asyncio
import base64
import contextlib
import json
import secrets
import socket
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, NamedTuple, Self

import yaml

from plantroom.processes import Child, free_port, plantroom_command
from plantroom.receiver import Receiver
from tests.administrator import make_records
from tests.fakes.sparkplug_node import BOOLEAN, STRING, PlainNode, Tag, now_ms
from tests.mosquitto import Mosquitto

GROUP = "bench"
TRIP_EVERY_S = (0.05, 0.15)
_REGISTER_S = 60.0
_ARRIVE_S = 40.0


class Outcome(NamedTuple):
    """What became of the alarms of a case."""

    latencies: list[float]
    """Reading to webhook, ms, of those that arrived."""
    lost: int
    """Alarms whose message had not arrived 40 s after the last trip."""
    more: dict[str, Any]
    """Other figures of the case, by name."""
    rounds: int = 1
    """The p99 is the median of so many rounds of the same: the disk stands still now and then."""


class Hanging:
    """A receiver that takes every connection and never answers."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/hook"

    def close(self) -> None:
        self._socket.close()


class Site:
    """Real processes on free loopback ports; ``token`` is an administrator's."""

    def __init__(
        self,
        folder: Path,
        *,
        hanging: bool = False,
        more_http: Mapping[str, Any] | None = None,
        child: type[Child] = Child,
        **settings: Any,
    ) -> None:
        self.folder = folder
        self.token = ""
        self.http_port = free_port()
        self.broker = Mosquitto(folder / "broker")
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
        self.receiver = Receiver(secret, now_ms=now_ms)
        self._secret = secret
        self._hanging = Hanging() if hanging else None
        self._settings = settings
        self._more_http = more_http or {}
        self._stack = AsyncExitStack()
        self.server = child(
            "server",
            plantroom_command("server", "run", str(folder / "server.yaml")),
            log=folder / "server.log",
            ready_event="server_ready",
        )

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.broker)
            await stack.enter_async_context(self.receiver)
            if self._hanging is not None:
                stack.callback(self._hanging.close)
            self._set_up_server()
            await stack.enter_async_context(self.server)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            print(f"--- server\n{self.server.tail}")
        await self._stack.aclose()

    def node(self, name: str) -> PlainNode:
        """A gateway; use it as a context manager."""
        return PlainNode(self.broker.port, group=GROUP, node=name)

    async def panels(self, node: PlainNode, count: int) -> list[str]:
        """Register fire panels behind a node and wait until the server knows all of them."""
        names = [f"panel-{number}" for number in range(count)]
        node.birth()
        for name in names:
            tags = [
                Tag("Properties/Class", STRING, "fire_panel"),
                Tag("fire", BOOLEAN, value=False),
            ]
            node.device_birth(name, tags)
        key = f"{GROUP}/{node.node}/{names[-1]}"
        async with asyncio.timeout(_REGISTER_S):
            while not await self.knows(key):
                await asyncio.sleep(0.5)
        return names

    async def knows(self, key: str) -> bool:
        """Whether the equipment is in the ledger."""
        return b'"items":[{' in await self.get(f"/api/v1/equipment?key={key}")

    @property
    def url(self) -> str:
        """Where the server answers."""
        return f"http://127.0.0.1:{self.http_port}"

    async def items(self, path: str) -> list[dict[str, Any]]:
        """The items of a page."""
        found: list[dict[str, Any]] = json.loads((await self.get(path)).partition(b"\r\n\r\n")[2])[
            "items"
        ]
        return found

    async def get(self, path: str) -> bytes:
        """Head and body of an answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.http_port)
        with contextlib.closing(writer):
            head = f"GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n"
            writer.write(f"{head}Authorization: Bearer {self.token}\r\n\r\n".encode())
            return await reader.read()

    async def trip(
        self,
        node: PlainNode,
        devices: Sequence[str],
        *,
        every_s: tuple[float, float] = TRIP_EVERY_S,
    ) -> Outcome:
        """Set every panel off at random moments and time each alarm until its webhook."""
        random = Random(1)  # noqa: S311 (moments, not a secret)
        tripped_at: dict[str, int] = {}
        for name in devices:
            tripped_at[f"{GROUP}/{node.node}/{name}"] = now_ms()
            node.data(name, {"fire": True})
            await asyncio.sleep(random.uniform(*every_s))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ARRIVE_S):
                while not tripped_at.keys() <= self.arrived().keys():
                    await asyncio.sleep(0.1)
        arrived = self.arrived()
        latencies = [float(arrived[key] - at) for key, at in tripped_at.items() if key in arrived]
        return Outcome(latencies, len(tripped_at) - len(latencies), {})

    def arrived(self) -> dict[str, int]:
        """When the first message about each equipment arrived, UTC ms."""
        first: dict[str, int] = {}
        for delivery in self.receiver.deliveries:
            incident = delivery.body["data"].get("incident", {})
            first.setdefault(incident.get("equipment_key", ""), delivery.at)
        return first

    def _set_up_server(self) -> None:
        (self.folder / "secret").write_text(self._secret)
        urls = {"bench": self.receiver.url}
        if self._hanging is not None:
            urls["hanging"] = self._hanging.url
        webhooks = [
            {"name": name, "url": url, "secret_file": "secret", "allow_private": True}
            for name, url in urls.items()
        ]
        settings = {
            "data_dir": "data",
            "mqtt": {"port": self.broker.port},
            "http": {"port": self.http_port, **self._more_http},
            "messages": {"webhooks": webhooks},
            **self._settings,
        }
        file = self.folder / "server.yaml"
        file.write_text(yaml.safe_dump(settings))
        self.token = make_records(file)
