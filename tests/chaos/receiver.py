"""A receiver of webhooks that fails one time in ten, by an answer or by hanging up."""

import asyncio
import base64
import hashlib
import hmac
import json
import random
from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple, Self

from tests.chaos.node import now_ms
from tests.chaos.plan import GONE

_FAILING = 0.1


class Attempt(NamedTuple):
    """One request that arrived in full."""

    hook: str
    id: str
    body: dict[str, Any]
    signed: bool
    at: int
    taken: bool
    """Answered with success; otherwise it must come again."""


class FailingReceiver:
    """An HTTP server on a loopback port that keeps what it is sent, whatever it answers."""

    def __init__(
        self, secret: str, *, chance: random.Random, heard: Callable[[Attempt], None]
    ) -> None:
        self.attempts: list[Attempt] = []
        self.patient = False
        """True: it takes everything."""
        self.url = ""
        self._secret = base64.b64decode(secret.removeprefix("whsec_"))
        self._random = chance
        self._heard = heard
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()
            for writer in self._open:
                writer.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while (answer := await self._answer(reader)) is not None:
                writer.write(f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n".encode())
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the sender was killed in the middle of its message
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> str | None:
        """Read one request and return what it is answered with; None hangs up."""
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        pairs = (line.partition(":") for line in lines[1:] if line)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        body = await reader.readexactly(int(headers["content-length"]))
        hook = lines[0].split()[1].strip("/")
        fails = not self.patient and self._random.random() < _FAILING
        taken = hook != GONE and not fails
        attempt = Attempt(
            hook,
            headers["webhook-id"],
            json.loads(body),
            self._is_signed(headers, body),
            now_ms(),
            taken,
        )
        self.attempts.append(attempt)
        self._heard(attempt)
        if hook == GONE:
            return "410 Gone"
        if taken:
            return "204 No Content"
        return "500 Broken" if self._random.random() < 0.5 else None

    def _is_signed(self, headers: dict[str, str], body: bytes) -> bool:
        about = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode()
        digest = hmac.new(self._secret, about + body, hashlib.sha256).digest()
        return headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
