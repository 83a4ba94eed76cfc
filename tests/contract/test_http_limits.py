"""What a connection may take: time and bytes of a head and a body, idleness, company."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI, Request

from config.server import HttpSettings
from server.api import protocol
from server.api.serving import HttpServer, listen
from server.core.clock import SystemClock

HALF = b"GET /slow HTTP/1.1\r\nHost: x\r\nX-Half: "


class Asked:
    """A connection and what came back."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def head(self) -> tuple[int, dict[str, str]]:
        text = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        status, *lines = text.strip().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        return int(status.split()[1]), headers

    async def problem(self) -> dict[str, Any]:
        status, headers = await self.head()
        assert headers["content-type"] == "application/problem+json"
        body = json.loads(await self.reader.readexactly(int(headers["content-length"])))
        assert body["status"] == status
        return body

    async def closed(self) -> bool:
        return await asyncio.wait_for(self.reader.read(), 5) == b""


class House:
    def __init__(self, port: int, server: HttpServer) -> None:
        self.port, self.server = port, server
        self.writers: list[asyncio.StreamWriter] = []

    async def say(self, text: bytes) -> Asked:
        asked = Asked(*await asyncio.open_connection("127.0.0.1", self.port))
        self.writers.append(asked.writer)
        asked.writer.write(text)
        await asyncio.sleep(0.05)
        return asked

    async def unread(self) -> protocol.LimitedProtocol:
        """The only connection, as soon as its client leaves an answer unread."""
        while True:
            for connection in self.server.connections._open:
                if connection.waits and connection.transport.get_write_buffer_size():
                    return connection
            await asyncio.sleep(0.01)

    async def empty(self) -> None:
        """Every connection has ended."""
        while len(self.server.connections):
            await asyncio.sleep(0.01)

    def later(self, seconds: float) -> None:
        """The look of so many seconds from now."""
        self.server.connections.look(asyncio.get_running_loop().time() + seconds)


@asynccontextmanager
async def house(**settings: Any) -> AsyncGenerator[House]:
    app = FastAPI()

    @app.get("/big")
    def big() -> str:
        return "x" * 20_000_000

    @app.post("/echo")
    async def echo(request: Request) -> int:
        return len(await request.body())

    limits = HttpSettings(port=0, **settings)
    listener = await listen(limits, SystemClock())
    server = HttpServer(app, limits, listener, SystemClock())
    ready = asyncio.Event()
    running = asyncio.create_task(server.run(ready.set))
    await ready.wait()
    made = House(listener.getsockname()[1], server)
    try:
        yield made
    finally:
        for writer in made.writers:
            writer.close()
        server.stop()
        await running
        listener.close()


async def test_half_a_head_has_an_end() -> None:
    async with house() as one:
        asked = await one.say(HALF)
        silent = await one.say(b"")
        one.later(protocol.HEAD_S - 1)
        assert len(one.server.connections) == 2
        one.later(protocol.HEAD_S + 1)
        assert (await asked.problem())["status"] == 408
        assert (await silent.problem())["status"] == 408
        assert await asked.closed()
        await one.empty()


@pytest.mark.parametrize("drip", [b"\r\n", b"G"])
async def test_bytes_between_two_requests_begin_the_next_head(drip: bytes) -> None:
    async with house() as one:
        asked = await one.say(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab")
        assert (await asked.head())[0] == 200
        await asked.reader.readexactly(1)
        asked.writer.write(drip)
        await asyncio.sleep(0.05)
        one.later(protocol.HEAD_S + 1)
        assert (await asked.problem())["status"] == 408


async def test_half_a_body_has_an_end() -> None:
    async with house() as one:
        asked = await one.say(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab")
        one.later(protocol.HEAD_S + 1)
        assert len(one.server.connections) == 1
        one.later(protocol.BODY_S + 1)
        assert (await asked.problem())["status"] == 408


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 40_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Endless: " + b"a" * 40_000,
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-Many: 1\r\n" * 4000 + b"\r\n",
        b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=["long", "endless", "many", "line"],
)
async def test_a_head_has_a_size(head: bytes) -> None:
    async with house() as one:
        asked = await one.say(head)
        problem = await asked.problem()
        assert problem["status"] == 431
        assert "32768 bytes" in problem["detail"]


async def test_what_is_no_http_is_told_as_a_problem() -> None:
    async with house() as one:
        assert (await (await one.say(b"\x16\x03\x01\x02\x00\x01\r\n\r\n")).problem())[
            "status"
        ] == 400


async def test_a_client_that_does_not_read_is_cut() -> None:
    async with house() as one:
        await one.say(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
        await one.unread()
        one.later(0)
        one.later(protocol.UNREAD_S - 1)
        assert len(one.server.connections) == 1
        one.later(protocol.UNREAD_S + 1)
        await one.empty()


async def test_a_client_that_does_not_read_its_last_answer_is_cut() -> None:
    async with house() as one:
        await one.say(b"GET /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (await one.unread()).transport.is_closing()
        one.later(0)
        one.later(protocol.UNREAD_S - 1)
        assert len(one.server.connections) == 1
        one.later(protocol.UNREAD_S + 1)
        await one.empty()


async def test_who_makes_room_and_does_not_read_holds_nothing() -> None:
    async with house(max_connections=10) as one:
        await one.say(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
        connection = await one.unread()
        for _ in range(10):
            await one.say(HALF)
        while connection in one.server.connections._open:
            await asyncio.sleep(0.01)
        assert connection.transport.get_write_buffer_size() == 0


async def test_who_has_sent_half_a_request_for_longest_makes_room() -> None:
    async with house(max_connections=10) as one:
        halves = [await one.say(HALF) for _ in range(10)]
        asked = await one.say(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab")
        assert (await asked.head())[0] == 200
        assert await halves[0].closed()
        assert len(one.server.connections) == 10
