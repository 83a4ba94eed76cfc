"""One open stream: events from the feed, values from the hub, heartbeats from the clock."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.datastructures import Headers

from server.access.principal import Principal
from server.api.context import Services
from server.api.events import EventItem
from server.api.feed import Subscription, events_between, newest_id
from server.api.gate import authenticate
from server.api.shapes import live_value
from server.api.sse import sse
from server.assets.model import Equipment, Point
from server.core.instant import rfc3339
from server.core.model import Event
from server.live.values import LastValue

if TYPE_CHECKING:
    from server.live.hub import Listener

HEARTBEAT_S = 15.0
VALUES = "values"
"""Topic of live values: first all, then changes; without ids, so never replayed."""
CLOCK = "clock"
"""Topic that carries the server's time with each heartbeat: a page sees no comments."""

_CHUNK = 500
_texts: WeakKeyDictionary[Event, bytes] = WeakKeyDictionary()


class LiveStream:
    """What one client receives."""

    def __init__(
        self, headers: Headers, use: Services, subscription: Subscription, caller: Principal
    ) -> None:
        self._headers = headers
        self._caller = caller
        self._use = use
        self._subscription = subscription
        self._tells_time = False
        self._listener: Listener | None = None
        self._known = 0
        """Id that the client has shown, when it is one of these records."""
        self._points: frozenset[int] | None = None

    def add_values(self, points: frozenset[int] | None) -> None:
        """Also tell the values of these points, or of all."""
        self._points = points
        self._listener = self._use.hub.listen(points)
        # One event to wait for: what comes from either side ends the wait.
        self._listener.news = self._subscription.news

    def add_clock(self) -> None:
        """Also tell the server's time."""
        self._tells_time = True

    async def chunks(self, last: int | None) -> AsyncGenerator[bytes]:
        """Everything after ``last``, then what comes, and a heartbeat when nothing does."""
        subscription, clock = self._subscription, self._use.clock
        try:
            yield b"retry: 2000\n: connected\n\n" + self._time()
            async for chunk in self._beginning(last):
                yield chunk
            beat_at = clock.monotonic_s() + HEARTBEAT_S
            while not subscription.closed:
                subscription.news.clear()
                if chunk := self._new() + self._changed():
                    yield chunk
                else:
                    await self._news(beat_at)
                if clock.monotonic_s() < beat_at:
                    continue
                # A stream outlives a logout, a revoked token or other rights by one heartbeat at
                # most; whoever has others asks again.
                if not _is_as_before(await authenticate(self._headers, self._use), self._caller):
                    return
                beat_at = clock.monotonic_s() + HEARTBEAT_S
                yield b": heartbeat\n\n" + self._time()
        finally:
            self.close()

    def close(self) -> None:
        """Hear no more; may be repeated."""
        self._use.feed.unsubscribe(self._subscription)
        if self._listener is not None:
            self._use.hub.leave(self._listener)

    async def _beginning(self, last: int | None) -> AsyncGenerator[bytes]:
        """What was missed since ``last``, and the values as they are now."""
        if last is not None and last <= await self._use.records.read_async(newest_id):
            self._known = last
            async for chunk in self._replay(last):
                yield chunk
        if self._listener is not None:
            for chunk in await asyncio.to_thread(self._snapshot):
                yield chunk

    async def _replay(self, last: int) -> AsyncGenerator[bytes]:
        """From the table, up to where the subscription begins."""
        after = last
        while True:
            query = partial(
                events_between,
                after=after,
                until=self._subscription.position,
                topics=self._subscription.topics,
                scope=self._subscription.scope,
            )
            events = await self._use.records.read_async(query)
            if not events:
                return
            yield _text(events)
            after = events[-1].id

    def _new(self) -> bytes:
        """What the subscription holds; the client may know more than the feed had read then."""
        return _text([event for event in self._subscription.take() if event.id > self._known])

    def _snapshot(self) -> list[bytes]:
        """All values as they are now, in events of bounded size; an empty one if there is none."""
        query = select(Point.id, Equipment.online).join(
            Equipment, Equipment.id == Point.equipment_id
        )
        if self._points is not None:
            query = query.where(Point.id.in_(self._points))

        def read(session: Session) -> dict[int, bool]:
            return {row[0]: row[1] for row in session.execute(query)}

        online = self._use.records.read(read)
        away = {point_id for point_id, answers in online.items() if not answers}
        known = self._use.values.of_points(online)
        return [
            self._values(known[start : start + _CHUNK], away)
            for start in range(0, max(1, len(known)), _CHUNK)
        ]

    def _changed(self) -> bytes:
        if self._listener is None:
            return b""
        return self._use.hub.text_for(
            self._listener, lambda values: self._values(values, frozenset())
        )

    def _values(self, values: Sequence[LastValue], away: Collection[int]) -> bytes:
        now = self._use.clock.now_ms()
        items: list[dict[str, Any]] = []
        for last in values:
            silence = self._use.values.max_silence_ms(last.point_id)
            online = last.point_id not in away
            value = live_value(last, max_silence_ms=silence, now=now, online=online)
            items.append(value.model_dump(mode="json"))
        return sse(VALUES, {"items": items})

    async def _news(self, beat_at: float) -> None:
        wait_s = max(0.0, beat_at - self._use.clock.monotonic_s())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._subscription.news.wait()

    def _time(self) -> bytes:
        if not self._tells_time:
            return b""
        return sse(CLOCK, {"at": rfc3339(self._use.clock.now_ms())})


def _is_as_before(now: Principal | None, before: Principal) -> bool:
    if now is None:
        return False
    return (now.role, now.scope, now.permissions) == (before.role, before.scope, before.permissions)


def _text(events: Sequence[Event]) -> bytes:
    return b"".join(map(_event_text, events))


def _event_text(event: Event) -> bytes:
    """The feed hands the same event to every stream; it is written once for all."""
    text = _texts.get(event)
    if text is None:
        item = EventItem.of(event).model_dump(mode="json")
        text = _texts[event] = sse(event.topic, item, event_id=event.id)
    return text
