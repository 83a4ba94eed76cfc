"""The server's end of the link: what it does for a web process, and what it tells it.

Whatever is asked, few things at a time are done here, because each takes the interpreter's lock
from the alarm chain now and then.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from fastapi import FastAPI
from prometheus_client import generate_latest

from server.api.context import Services
from server.api.gate import note_refusal, note_token
from server.core.audit import Actor
from server.core.clock import Clock
from server.core.errors import InvalidError
from server.core.model import Event
from server.history.packed import PackedHistory
from server.history.rationed import RationedReader
from server.history.slices import Slices
from server.live.values import Values
from server.live.wire import frames
from server.web.asgi import run_request
from server.web.link import Answer, Frame, Hear, Link
from server.web.remote import HISTORY_S

BEAT_S = 0.2
_UNSENT_BYTES = 4_000_000
"""So much not taken by the web process: what changed waits until it has."""


class Window:
    """One web process at the desk."""

    def __init__(self, answer: Answer, hear: Hear) -> None:
        self.link = Link(answer=answer, hear=hear)
        self._changed: deque[Sequence[int]] = deque()

    def changed(self, point_ids: Sequence[int]) -> None:
        """Take points with a new value; from any thread."""
        self._changed.append(point_ids)

    async def push_values(self, values: Values, clock: Clock) -> None:
        """Send what changed, each point once; later while the other end is away or behind."""
        if not self.link.is_open:
            return
        changed: set[int] = set()
        while self._changed:
            changed.update(self._changed.popleft())
        if self.link.unsent > _UNSENT_BYTES:
            self._changed.append(tuple(changed))
            return
        for body in frames(values, changed):
            self.link.push(Frame("values", {}, body))
            # The loop has other things to do between two frames of a large estate.
            await clock.sleep(0)


class Desk:
    """Serves every web process of this server."""

    def __init__(
        self,
        app: FastAPI,
        services: Services,
        *,
        history: PackedHistory,
        reader: RationedReader,
    ) -> None:
        self._app = app
        self._records = services.records
        self._values = services.values
        self._clock = services.clock
        self._checks = services.checks
        self._late_s = services.late_s
        self._notes_of = services.notes
        self._metrics = services.metrics
        self._history = history
        self._reader = reader
        self._windows: set[Window] = set()
        self._notes: set[asyncio.Task[None]] = set()

    def changed(self, point_ids: Sequence[int]) -> None:
        """Hear of points with a new value; from any thread, cheap."""
        for window in tuple(self._windows):
            window.changed(point_ids)

    async def run(self) -> None:
        """Send what changes until cancelled."""
        loop = asyncio.get_running_loop()
        self._records.listen(partial(self._committed, loop))
        while True:
            await self._clock.sleep(BEAT_S)
            for window in tuple(self._windows):
                await window.push_values(self._values, self._clock)

    def open(self, ready: Callable[[], None]) -> Window:
        """Begin to serve one web process; it receives every value first."""
        window = Window(self.answer, partial(self._heard, ready))
        window.changed(self._values.ids())
        self._windows.add(window)
        return window

    def close(self, window: Window) -> None:
        """Serve it no longer; may be repeated."""
        self._windows.discard(window)
        window.link.close()

    async def answer(self, frame: Frame) -> Frame:
        """Do what a web process asks for.

        Raises:
            ServerError: It cannot be done; the other process hears why.
        """
        match frame.name:
            case "http":
                return await run_request(self._app, frame)
            case "raw":
                packed = await self._read(self._history.packed_raw, frame)
            case "buckets":
                packed = await self._read(self._history.packed_buckets, frame)
            case "trends":
                packed = await self._read(self._trends, frame)
            case "readings":
                packed = await self._read(self._history.packed_readings, frame)
            case "checks":
                parts = {name: check() for name, check in self._checks.items()}
                return Frame("checks", {"parts": parts, "late_s": dict(self._late_s())})
            case "notes":
                notes = {name: note() for name, note in self._notes_of.items()}
                return Frame("notes", {name: text for name, text in notes.items() if text})
            case "metrics":
                packed = await asyncio.to_thread(generate_latest, self._metrics)
            case name:
                raise InvalidError(f"unknown call {name!r}")
        return Frame(frame.name, {}, packed)

    def _trends(self, series: list[int], slices: list[int], figures: list[str]) -> bytes:
        return self._history.packed_trends(series, Slices(*slices), figures)

    async def _read(self, read: Callable[..., bytes], frame: Frame) -> bytes:
        return await self._reader.read(partial(read, *frame.head["of"]), patience_s=HISTORY_S)

    def _heard(self, ready: Callable[[], None], frame: Frame) -> None:
        if frame.name == "ready":
            ready()
        elif frame.name == "token":
            self._note(note_token(self._records, frame.head["id"], frame.head["at"]))
        elif frame.name == "refused":
            self._note(note_refusal(self._records, Actor(**frame.head)))

    def _note(self, note: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(note, name="note")
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    def _committed(self, loop: asyncio.AbstractEventLoop, _events: Sequence[Event]) -> None:
        """In the thread that tells of commits."""
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._push_committed)

    def _push_committed(self) -> None:
        for window in tuple(self._windows):
            window.link.push(Frame("committed", {}))
