"""Bad clients of the HTTP interface: ``python -m tests.bench.load_hostile NAME PORT TOKEN``.

They come from many addresses of the loopback network, and say each second what they have got.
"""

import asyncio
import contextlib
import json
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable

from tests.bench.load_clients import ask, request

ADDRESSES, PER_ADDRESS = 60, 4
CONNECTIONS, UNREAD, BODIES, EXPORTS = 2_000, 200, 150, 100
_PASSWORDS = ("correct horse battery", "wrong horse battery")
_EXPORT = "readings?point=bench/gw/panel-0/fire&raw=true&limit=5000"
_READS_AT_ONCE = 4096


class Hostile:
    """What they do, and what they have seen."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._token = token
        self.statuses: Counter[str] = Counter()
        self.retry_after = 0
        self.open = 0

    async def logins(self, number: int) -> None:
        """Log in again and again, with the right password and with wrong ones."""
        reader, writer = await self._connect(number)
        with contextlib.closing(writer):
            turn = number
            while True:
                turn += 1
                body = json.dumps({"name": "admin", "password": _PASSWORDS[turn % 2]}).encode()
                head = (
                    "POST /api/v1/session HTTP/1.1\r\nHost: bench\r\n"
                    f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                )
                writer.write(head.encode() + body)
                answer = await reader.readuntil(b"\r\n\r\n")
                lines = answer.lower().split(b"\r\n")
                length = next(one for one in lines if one.startswith(b"content-length"))
                await reader.readexactly(int(length.partition(b":")[2]))
                self.statuses[answer[9:12].decode()] += 1
                self.retry_after += b"\r\nretry-after" in answer.lower()

    async def connections(self, number: int) -> None:
        """Hold a connection and say nothing."""
        reader, writer = await self._connect(number)
        with contextlib.closing(writer):
            self.open += 1
            try:
                await reader.read()
            finally:
                self.open -= 1

    async def unread(self, number: int) -> None:
        """Ask for a stream, and for pages one after the other, and read nothing."""
        _reader, writer = await self._connect(number, limit=_READS_AT_ONCE)
        with contextlib.closing(writer):
            if number % 2:
                writer.write(
                    request("stream?topics=alarms,incidents,equipment,values", self._token)
                )
                await asyncio.sleep(3600)
            while not writer.is_closing():
                writer.write(request("points?limit=1000", self._token))
                await asyncio.sleep(0.1)

    async def bodies(self, number: int) -> None:
        """Send a body at one byte a second."""
        _reader, writer = await self._connect(number)
        with contextlib.closing(writer):
            head = request("alarms/1/comments", self._token).replace(b"GET", b"POST", 1)
            writer.write(head[:-2] + b"Content-Length: 100000\r\n\r\n")
            while not writer.is_closing():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(1)

    async def exports(self, number: int) -> None:
        """Ask for the history, again and again."""
        reader, writer = await self._connect(number)
        with contextlib.closing(writer):
            while True:
                status, _ = await ask(reader, writer, _EXPORT, self._token)
                self.statuses[status] += 1
                if status != "200":
                    await asyncio.sleep(0.05)

    async def _connect(
        self, number: int, *, limit: int = 2**16
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        address = f"127.0.1.{1 + number % ADDRESSES}"
        return await asyncio.open_connection(
            "127.0.0.1", self._port, local_addr=(address, 0), limit=limit
        )


HOSTILE: dict[str, tuple[int, Callable[[Hostile, int], Awaitable[None]]]] = {
    "logins": (ADDRESSES * PER_ADDRESS, Hostile.logins),
    "connections": (CONNECTIONS, Hostile.connections),
    "unread": (UNREAD, Hostile.unread),
    "bodies": (BODIES, Hostile.bodies),
    "exports": (EXPORTS, Hostile.exports),
}


async def _again(act: Callable[[Hostile, int], Awaitable[None]], all_: Hostile, one: int) -> None:
    while True:
        try:
            await act(all_, one)
        except (OSError, EOFError):
            all_.statuses["broken"] += 1
        await asyncio.sleep(0.5)


async def main(name: str, port: int, token: str) -> None:
    """Run one kind and report each second."""
    count, act = HOSTILE[name]
    hostile = Hostile(port, token)
    tasks = [asyncio.create_task(_again(act, hostile, number)) for number in range(count)]
    print('{"event": "ready"}', flush=True)
    began = time.monotonic()
    while tasks:
        await asyncio.sleep(1)
        figures = {
            "event": "figures",
            "answers_per_s": round(hostile.statuses.total() / (time.monotonic() - began), 1),
            "statuses": dict(hostile.statuses),
            "retry_after": hostile.retry_after,
            "open": hostile.open,
        }
        print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
