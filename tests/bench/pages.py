"""CPU of the process that serves HTTP for a page: every listing, with an API token.

What lists with a cursor is found in the OpenAPI document. Each is asked for its first page of 50
rows, for a later one, and for one with filters, one request after the other on one connection; the
figure is the median over blocks of requests.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any, Self
from urllib.parse import quote

import yaml

from plantroom.processes import Child, free_port, init_server, plantroom_command
from tests.bench.load_clients import request
from tests.bench.measure import machine
from tests.fakes.many_rows import FILTERS, fill
from tests.process_tree import descendants

ROWS, FILLED = 50, 110
BLOCKS, BLOCK = 15, 15
_READY_S = 180.0


def run() -> dict[str, Any]:
    """Measure CPU of the HTTP process per page of 50 rows, with an API token, ms."""
    return asyncio.run(_run())


async def _run() -> dict[str, Any]:
    figures: dict[str, Any] = {"machine": machine()}
    async with served() as (port, token, pid), Reader(port, token, pid) as reader:
        paths: dict[str, str] = {}
        for name in await reader.listings():
            paths |= await _paths(reader, name)
        blocks: dict[str, list[float]] = {name: [] for name in paths}
        # Each path in each round, so that what else the machine does meets all of them.
        for _ in range(BLOCKS):
            for name, path in paths.items():
                blocks[name].append(await reader.cpu_ms(path))
        costs = {f"{name}_ms": round(median(found), 2) for name, found in blocks.items()}
        for name, path in paths.items():
            if (rows := len((await reader.get(path))["items"])) != ROWS:
                figures[f"{name}_rows"] = rows
    worst = max(costs, key=lambda name: costs[name])
    return figures | costs | {"worst": worst, "worst_ms": costs[worst]}


async def _paths(reader: "Reader", name: str) -> dict[str, str]:
    """Return what is asked for of a listing, by its name in the figures."""
    first = f"{name}?limit={ROWS}"
    cursor = (await reader.get(first))["next_cursor"]
    paths = {f"{name}_first": first, f"{name}_later": f"{first}&cursor={quote(cursor)}"}
    if name in FILTERS:
        paths[f"{name}_filtered"] = f"{first}&{FILTERS[name]}"
    return paths


class Reader:
    """One connection of one client, and the CPU clock of the process behind it."""

    def __init__(self, port: int, token: str, pid: int) -> None:
        self._port = port
        self._token = token
        # The kernel's number of another process' CPU clock; see clock_getcpuclockid(3).
        self._clock = (~pid << 3) | 2

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def listings(self) -> list[str]:
        """Return the paths, below /api/v1, that answer with a page."""
        document = await self.get("openapi.json")
        return sorted(
            path.removeprefix("/api/v1/")
            for path, methods in document["paths"].items()
            if "/schemas/Page_" in json.dumps(methods.get("get", {}))
        )

    async def get(self, path: str) -> dict[str, Any]:
        """Return the JSON of an answer."""
        body = await self._ask(path)
        answer: dict[str, Any] = json.loads(body)
        return answer

    async def cpu_ms(self, path: str) -> float:
        """Return what a request costs the process, the mean of a block of them, ms."""
        await self._ask(path)
        before = time.clock_gettime(self._clock)
        for _ in range(BLOCK):
            await self._ask(path)
        return (time.clock_gettime(self._clock) - before) / BLOCK * 1000

    async def _ask(self, path: str) -> bytes:
        self._writer.write(request(path, self._token))
        head = await self._reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next(line for line in lines if line.startswith(b"content-length:"))
        body = await self._reader.readexactly(int(length.partition(b":")[2]))
        if b" 200 " not in lines[0]:
            message = f"{path}: {body.decode()}"
            raise RuntimeError(message)
        return body


@asynccontextmanager
async def served(url: str | None = None) -> AsyncGenerator[tuple[int, str, int]]:
    """Run a server over filled records; give its port, a token and the HTTP process' id."""
    with tempfile.TemporaryDirectory(prefix="plantroom-pages-") as name:
        folder, port = Path(name), free_port()
        (folder / "password").write_text("correct horse battery")
        (folder / "secret").write_text("whsec_cGxhbnRyb29tLWJlbmNoLXBhZ2VzLTAxMjM=")
        settings: dict[str, Any] = {
            "data_dir": "data",
            "mqtt": {"port": free_port()},
            "http": {"port": port},
            "messages": {"webhooks": [_webhook(number) for number in range(FILLED)]},
        }
        if url is not None:
            settings["records"] = {"url": url}
        file = folder / "server.yaml"
        file.write_text(yaml.safe_dump(settings))
        password = folder / "password"
        token = await init_server(
            file, user="admin", password_file=password, log=folder / "init.log"
        )
        fill(url or f"sqlite:///{folder}/data/records.sqlite", FILLED)
        command = plantroom_command("server", "run", str(file))
        log = folder / "server.log"
        server = Child("server", command, log=log, ready_event="server_ready")
        await server.start(timeout_s=_READY_S)
        try:
            yield port, token, descendants(server.pid)[-1]
        finally:
            await server.stop()


def _webhook(number: int) -> dict[str, Any]:
    return {
        "name": f"hook-{number:03}",
        "url": "http://127.0.0.1:9/",
        "secret_file": "secret",
        "allow_private": True,
    }
