"""``python -m tests.bench.load_clients PORT TOKEN``: readers of the HTTP interface, until SIGTERM.

50 clients ask for pages one after the other as fast as they are answered, 200 streams are held
open, 300 connections send half a request and wait. Bare sockets, so that it costs little itself;
it reports each second what it has got.
"""

import asyncio
import contextlib
import json
import re
import sys
import time
from collections import Counter
from itertools import count

CLIENTS, STREAMS, HALVES = 50, 200, 300
PAGES = (
    "alarms?limit=50",
    "equipment?limit=50",
    "values?limit=50",
    "events?limit=50",
    "incidents?limit=50",
    "work-orders?limit=50",
    "points?limit=100",
    "alarms?state=all&limit=100",
    "readings?point=bench/gw/panel-0/fire&buckets=100",
)
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_REFUSED_S = 0.05


class Readers:
    """All of them, and what they have seen."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._token = token
        self.statuses: Counter[str] = Counter()
        self.took: list[float] = []
        self.stream_bytes = 0
        self.streams_open = 0
        self.halves_open = 0

    async def read_pages(self, number: int) -> None:
        """One client on one connection; a new one when it ends."""
        turn = count(number)
        while True:
            try:
                reader, writer = await self._connect()
                with contextlib.closing(writer):
                    while await self._ask(reader, writer, PAGES[next(turn) % len(PAGES)]):
                        pass
            except (OSError, EOFError):
                self.statuses["broken"] += 1
                await asyncio.sleep(_REFUSED_S)

    async def stream(self) -> None:
        """One open stream; again when it ends."""
        while True:
            with contextlib.suppress(OSError, EOFError):
                reader, writer = await self._connect()
                with contextlib.closing(writer):
                    writer.write(request("stream?topics=alarms,incidents,values", self._token))
                    if b" 200 " in await reader.readline():
                        self.streams_open += 1
                        try:
                            while chunk := await reader.read(65536):
                                self.stream_bytes += len(chunk)
                        finally:
                            self.streams_open -= 1
            await asyncio.sleep(1)

    async def half_request(self) -> None:
        """Half a head, and then nothing; again when the server has had enough."""
        while True:
            with contextlib.suppress(OSError, EOFError):
                reader, writer = await self._connect()
                with contextlib.closing(writer):
                    writer.write(b"GET /api/v1/alarms HTTP/1.1\r\nHost: bench\r\nX-Half: ")
                    self.halves_open += 1
                    try:
                        await reader.read()
                    finally:
                        self.halves_open -= 1
            await asyncio.sleep(1)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self._port)

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str
    ) -> bool:
        began = time.monotonic()
        status, head = await ask(reader, writer, path, self._token)
        self.statuses[status] += 1
        self.took.append(time.monotonic() - began)
        if status in {"429", "503"}:
            await asyncio.sleep(_REFUSED_S)
        return b"connection: close" not in head.lower()


async def ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, token: str
) -> tuple[str, bytes]:
    """GET a page on an open connection; return status and head."""
    writer.write(request(path, token))
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    if length is not None:
        await reader.readexactly(int(length[1]))
    return head[9:12].decode(), head


def request(path: str, token: str) -> bytes:
    """Return the bytes of a GET."""
    head = f"GET /api/v1/{path} HTTP/1.1\r\nHost: bench\r\nAccept: */*\r\n"
    return f"{head}Authorization: Bearer {token}\r\n\r\n".encode()


async def main(port: int, token: str) -> None:
    """Run all of them and report each second."""
    readers = Readers(port, token)
    tasks = [asyncio.create_task(readers.read_pages(number)) for number in range(CLIENTS)]
    tasks += [asyncio.create_task(readers.stream()) for _ in range(STREAMS)]
    tasks += [asyncio.create_task(readers.half_request()) for _ in range(HALVES)]
    print('{"event": "ready"}', flush=True)
    began = time.monotonic()
    while True:
        await asyncio.sleep(1)
        took = sorted(readers.took[-5000:]) or [0.0]
        answers = sum(readers.statuses.values())
        figures = {
            "event": "figures",
            "requests_per_s": round(answers / (time.monotonic() - began), 1),
            "statuses": dict(readers.statuses),
            "p50_ms": round(took[len(took) // 2] * 1000, 1),
            "p99_ms": round(took[len(took) * 99 // 100] * 1000, 1),
            "streams_open": readers.streams_open,
            "stream_mb": round(readers.stream_bytes / 1e6, 1),
            "halves_open": readers.halves_open,
        }
        print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
