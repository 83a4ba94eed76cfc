"""Spreads changed values to open streams, each point at most five times a second.

Committed events need no hub: the streams follow their table, which also tells what other
processes did.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from server.core.clock import Clock
from server.live.values import LastValue, Values

BEAT_S = 0.2


class Listener:
    """One open stream: what changed since it last looked. Used in the event loop only."""

    def __init__(self, points: frozenset[int] | None) -> None:
        self.news = asyncio.Event()
        self.closed = False
        self._points = points
        self._changed: set[int] = set()

    def put(self, changed: set[int]) -> None:
        """Take changed points; a slow listener skips values, never points."""
        mine = changed if self._points is None else changed & self._points
        if mine:
            self._changed |= mine
            self.news.set()

    def take(self) -> set[int]:
        """Return the points that changed and forget them."""
        taken, self._changed = self._changed, set()
        self.news.clear()
        return taken

    def close(self) -> None:
        """End the stream; may be repeated."""
        self.closed = True
        self.news.set()


class LiveHub:
    """Takes changed points from the ingest thread to the listeners of the event loop."""

    def __init__(self, values: Values, clock: Clock) -> None:
        self._values = values
        self._clock = clock
        self._listeners: set[Listener] = set()
        self._reports: deque[Sequence[int]] = deque()
        self._written: dict[tuple[int, ...], bytes] = {}

    def changed(self, point_ids: Sequence[int]) -> None:
        """Hear of points with a new value; from any thread, cheap."""
        if self._listeners:
            self._reports.append(point_ids)

    async def run(self) -> None:
        """Publish to the listeners, beat by beat, until cancelled; then every stream ends."""
        try:
            while True:
                await self._clock.sleep(BEAT_S)
                self.beat()
        finally:
            for listener in self._listeners:
                listener.close()

    def beat(self) -> None:
        """Publish what changed since the last beat."""
        self._written.clear()
        changed: set[int] = set()
        while self._reports:
            changed.update(self._reports.popleft())
        if changed:
            for listener in self._listeners:
                listener.put(changed)

    def listen(self, points: Iterable[int] | None = None) -> Listener:
        """Begin to hear of these points, or of all; end it with ``leave``."""
        listener = Listener(None if points is None else frozenset(points))
        self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """Stop hearing; may be repeated."""
        self._listeners.discard(listener)

    def text_for(self, listener: Listener, write: Callable[[list[LastValue]], bytes]) -> bytes:
        """Return what changed for this listener, written once for all who hear the same.

        What changes after it was written is told with the next beat.
        """
        changed = tuple(sorted(listener.take()))
        text = self._written.get(changed)
        if text is None:
            values = self._values.of_points(changed)
            text = self._written[changed] = write(values) if values else b""
        return text
