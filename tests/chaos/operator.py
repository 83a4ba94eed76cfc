"""Somebody who answers some of the calls, also while the server is being killed."""

import asyncio
import random
from http import HTTPStatus
from typing import NamedTuple, Self

import httpx

from tests.chaos.node import now_ms
from tests.chaos.receiver import Attempt

_ANSWERS = 0.3
_PAUSE_S = (0.3, 5.0)


class Answer(NamedTuple):
    """An acknowledgement, UTC ms."""

    asked_at: int
    done_at: int
    """When the server said so at the latest; the first try may have been heard."""


class Operator:
    """Acknowledges incidents through the API."""

    def __init__(self, port: int, token: str, *, chance: random.Random) -> None:
        self.answers: dict[tuple[str, str], Answer] = {}
        """(device, point) to the acknowledgement."""
        self._http = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}/api/v1",
            headers={"Authorization": f"Bearer {token}"},
        )
        self._random = chance
        self._seen: set[tuple[str, str]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        for task in self._tasks:
            task.cancel()
        await self._http.aclose()

    def on_call(self, attempt: Attempt) -> None:
        """Decide once for each incident whether to take it, and when."""
        incident = attempt.body["data"]["incident"]
        key = incident["equipment_key"].rpartition("/")[2], incident["cause"]
        if key in self._seen:
            return
        self._seen.add(key)
        if self._random.random() < _ANSWERS:
            pause_s = self._random.uniform(*_PAUSE_S)
            task = asyncio.create_task(self._take(key, incident["id"], pause_s))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _take(self, key: tuple[str, str], incident: int, pause_s: float) -> None:
        await asyncio.sleep(pause_s)
        asked_at = now_ms()
        while True:
            try:
                answer = await self._http.post(f"/incidents/{incident}/acknowledge")
            except httpx.HTTPError:
                await asyncio.sleep(0.2)
                continue
            if answer.status_code == HTTPStatus.OK:
                self.answers[key] = Answer(asked_at, now_ms())
                return
            await asyncio.sleep(0.2)
