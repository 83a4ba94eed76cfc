"""A receiver of signed webhooks: what the demo's messages arrive at, and the end-to-end tests'."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, NamedTuple, Self

import uvicorn
from fastapi import FastAPI, Request, Response
from starlette.requests import ClientDisconnect

from plantroom.processes import free_port

NowMs = Callable[[], int]


class _Server(uvicorn.Server):
    """Leaves the signals to whoever started it."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


class Delivery(NamedTuple):
    """One message that arrived."""

    id: str
    """Idempotency key: the same for every attempt at one message."""
    body: dict[str, Any]
    signed: bool
    """Whether the signature is right for the secret."""
    at: int
    """Arrival, UTC milliseconds."""


class Receiver:
    """An HTTP server on a loopback port that keeps what it is sent."""

    def __init__(
        self,
        secret: str,
        *,
        now_ms: NowMs,
        heard: Callable[[Delivery], None] | None = None,
        port: int | None = None,
    ) -> None:
        self.deliveries: list[Delivery] = []
        self.answer = 204
        self.port = port or free_port()
        self._secret = base64.b64decode(secret.removeprefix("whsec_"))
        self._now_ms = now_ms
        self._heard = heard
        app = FastAPI()
        app.post("/hook")(self._receive)
        self._server = _Server(
            uvicorn.Config(app, host="127.0.0.1", port=self.port, log_level="error", lifespan="off")
        )
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where to post."""
        return f"http://127.0.0.1:{self.port}/hook"

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._server.serve(), name="webhook-receiver")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.should_exit = True
        if self._task is not None:
            await self._task

    async def _receive(self, request: Request) -> Response:
        try:
            body = await request.body()
        except ClientDisconnect:
            # The sender was killed in the middle of its message.
            return Response(status_code=400)
        delivery = Delivery(
            id=request.headers.get("webhook-id", ""),
            body=json.loads(body),
            signed=self._is_signed(request, body),
            at=self._now_ms(),
        )
        self.deliveries.append(delivery)
        if self._heard is not None:
            self._heard(delivery)
        return Response(status_code=self.answer)

    def _is_signed(self, request: Request, body: bytes) -> bool:
        signed = b".".join(
            [
                request.headers.get("webhook-id", "").encode(),
                request.headers.get("webhook-timestamp", "").encode(),
                body,
            ]
        )
        digest = hmac.new(self._secret, signed, hashlib.sha256).digest()
        expected = "v1," + base64.b64encode(digest).decode()
        return any(
            hmac.compare_digest(expected, given)
            for given in request.headers.get("webhook-signature", "").split(" ")
        )
