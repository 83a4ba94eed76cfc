"""The server's HTTP interface as tests ask it: again and again, until it says what it must."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import httpx

from tests.patience import PATIENCE_S

_LONG_AGO = "2026-01-01T00:00:00Z"


class NotThereError(Exception):
    """The server does not know of it, perhaps not yet."""


class Interface:
    """What a plant of processes with a server offers; ``http`` is signed in."""

    http: httpx.AsyncClient

    async def get(self, path: str, **parameters: Any) -> Any:
        """GET /api/v1/<path>; fails the test on an error answer."""
        answer = await self.http.get(f"/api/v1/{path}", params=parameters)
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise NotThereError(answer.text)
        assert answer.status_code == httpx.codes.OK, answer.text
        return answer.json()

    async def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """POST /api/v1/<path>; fails the test on an error answer."""
        answer = await self.http.post(f"/api/v1/{path}", json=body or {})
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    async def items(self, path: str, **parameters: Any) -> list[dict[str, Any]]:
        """All items of a paged list."""
        found: list[dict[str, Any]] = []
        while True:
            page = await self.get(path, **parameters)
            found += page["items"]
            if not page["next_cursor"]:
                return found
            parameters["cursor"] = page["next_cursor"]

    async def stored(self, point: str) -> list[tuple[int, Any]]:
        """(taken_at, value) of every stored reading of a point, as the server gives them."""
        more = {"from": _LONG_AGO, "raw": "true", "limit": 10_000}
        items = await self.items("readings", point=point, **more)
        return [(ms(item["taken_at"]), item["value"]) for item in items]

    async def last_stored(self, point: str) -> tuple[int, Any]:
        """The newest of them; NotThereError while there is none."""
        stored = await self.stored(point)
        if not stored:
            raise NotThereError(point)
        return stored[-1]

    async def eventually(
        self, condition: Callable[[], Awaitable[Any]], *, within_s: float = PATIENCE_S
    ) -> Any:
        """Ask until the answer is true; fails the test when it never is."""
        deadline = time.monotonic() + within_s
        while True:
            try:
                answer = await condition()
            except (httpx.TransportError, NotThereError):
                answer = None
            if answer:
                return answer
            assert time.monotonic() < deadline, f"never true within {within_s} s"
            await asyncio.sleep(0.1)


def ms(text: str) -> int:
    """UTC milliseconds of an RFC 3339 time."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)
