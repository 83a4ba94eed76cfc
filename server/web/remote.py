"""What a web process has instead of an ingest: all that is the server's own, asked for."""

import asyncio

from server.core.clock import Clock
from server.core.errors import StoreError
from server.history.base import Bucket, Row, slice_width
from server.history.packed import unpack_buckets, unpack_rows
from server.web.link import Frame, Link

HISTORY_S = 30.0
"""Longest wait for an answer of the history, its turn included."""
_ANSWER_S = 3.0
_NOTE_MS = 30_000
_FRESH_S = 0.25
"""An answer about the server's state that is not older is given again."""


class RemoteHistory:
    """The history of the server's process; to be read from any thread but the event loop's."""

    def __init__(self, link: Link, loop: asyncio.AbstractEventLoop) -> None:
        self._link = link
        self._loop = loop

    def buckets(self, series_id: int, start_ms: int, end_ms: int, buckets: int) -> list[Bucket]:
        """Summarise a range in equal slices."""
        packed = self._ask("buckets", series_id, start_ms, end_ms, buckets)
        return unpack_buckets(packed, start_ms, slice_width(start_ms, end_ms, buckets))

    def raw(self, series_id: int, start_ms: int, end_ms: int, limit: int) -> list[Row]:
        """Return the first rows of a range, oldest first."""
        return unpack_rows(self._ask("raw", series_id, start_ms, end_ms, limit))

    def _ask(self, name: str, *of: int) -> bytes:
        call = self._link.call(Frame(name, {"of": of}), timeout_s=HISTORY_S)
        return asyncio.run_coroutine_threadsafe(call, self._loop).result().body


class RemoteServer:
    """What the server's process says of itself; many who ask at once are one question."""

    def __init__(self, link: Link, clock: Clock) -> None:
        self._link = link
        self._parts = _Shared(link, "checks", clock)
        self._notes = _Shared(link, "notes", clock)
        self._figures = _Shared(link, "metrics", clock)
        self._noted: dict[int, int] = {}

    async def parts(self) -> tuple[dict[str, bool], dict[str, float]]:
        """Return which parts work, and for how long the work of late parts has waited, seconds."""
        try:
            answer = await self._parts.ask()
        except StoreError:
            return {"server": False}, {}
        return answer.head["parts"], answer.head["late_s"]

    async def notes(self) -> dict[str, str]:
        """Return remarks about its parts, by part."""
        try:
            answer = await self._notes.ask()
        except StoreError:
            return {}
        return answer.head

    async def figures(self) -> bytes:
        """Return the server's figures; empty without an answer."""
        try:
            return (await self._figures.ask()).body
        except StoreError:
            return b""

    def note_token(self, token_id: int, at: int) -> None:
        """Record the use of a token."""
        # Until it is written, every request with the token would say so again.
        if at - self._noted.get(token_id, 0) >= _NOTE_MS:
            self._noted[token_id] = at
            self._link.push(Frame("token", {"id": token_id, "at": at}))


class _Shared:
    """One question on its way; its answer is for all who ask meanwhile."""

    def __init__(self, link: Link, name: str, clock: Clock) -> None:
        self._link = link
        self._name = name
        self._clock = clock
        self._asked: asyncio.Task[Frame] | None = None
        self._at_s = 0.0

    async def ask(self) -> Frame:
        now_s = self._clock.monotonic_s()
        asked = self._asked
        if asked is None or (asked.done() and now_s - self._at_s > _FRESH_S):
            call = self._link.call(Frame(self._name, {}), timeout_s=_ANSWER_S)
            asked = self._asked = asyncio.create_task(call, name=f"ask:{self._name}")
            self._at_s = now_s
        return await asyncio.shield(asked)
