"""What a web process has instead of an ingest: all that is the server's own, asked for."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict

from server.core.audit import Actor
from server.core.clock import Clock
from server.core.errors import StoreError
from server.history.base import Bucket, Readings, Row, Trend
from server.history.packed import unpack_buckets, unpack_rows
from server.history.slices import Slices, exact_slices
from server.history.trends import unpack_readings, unpack_trends
from server.web.link import Frame, Link

HISTORY_S = 30.0
"""Longest wait for an answer of the history, its turn included."""
_WAY_S = 2.0
"""What says why there is no answer may take longer."""
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
        return unpack_buckets(packed, start_ms, exact_slices(start_ms, end_ms, buckets).width_ms)

    def raw(self, series_id: int, start_ms: int, end_ms: int, limit: int) -> list[Row]:
        """Return the first rows of a range, oldest first."""
        return unpack_rows(self._ask("raw", series_id, start_ms, end_ms, limit))

    def trends(
        self, series: Sequence[int], slices: Slices, figures: Sequence[str]
    ) -> dict[int, Trend]:
        """Summarise several series."""
        return unpack_trends(self.packed_trends(series, slices, figures), figures)

    def packed_trends(self, series: Sequence[int], slices: Slices, figures: Sequence[str]) -> bytes:
        """Summarise several series, in bytes."""
        return self._ask("trends", series, slices, figures)

    def readings(
        self, series: Sequence[int], start_ms: int, end_ms: int, limit: int
    ) -> dict[int, Readings]:
        """Return readings of several series."""
        return unpack_readings(self.packed_readings(series, start_ms, end_ms, limit))

    def packed_readings(
        self, series: Sequence[int], start_ms: int, end_ms: int, limit: int
    ) -> bytes:
        """Return readings of several series, in bytes."""
        return self._ask("readings", series, start_ms, end_ms, limit)

    def _ask(self, name: str, *of: object) -> bytes:
        call = self._link.call(Frame(name, {"of": of}), timeout_s=HISTORY_S + _WAY_S)
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

    def note_refusal(self, actor: Actor) -> None:
        """Write into the audit that a request was refused here."""
        self._link.push(Frame("refused", asdict(actor)))


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
