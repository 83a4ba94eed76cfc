"""Committed events, read once per process and spread to every open stream."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from functools import partial

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from structlog import get_logger

from server.access.scope import EVERYTHING, Place, Scope
from server.api.visible import places_of_events, visible_events
from server.core.errors import StoreError
from server.core.model import Event
from server.core.records import Records

MAX_QUEUED = 2000
"""Events that a slow stream may owe; then it is cut and its client asks again by id."""

_POLL_S = 1.0
_CHUNK = 500
log = get_logger()


class Subscription:
    """One open stream's share of the events; bounded. Used in the event loop only."""

    def __init__(self, topics: frozenset[str], scope: Scope, position: int) -> None:
        self.topics = topics
        self.scope = scope
        self.position = position
        """Id of the newest event that came before it."""
        self.closed = False
        self.news = asyncio.Event()
        self._queue: deque[Event] = deque()

    def put(self, events: Sequence[Event], places: Mapping[int, Place]) -> None:
        """Take new events, or give up when too many wait.

        Args:
            events: What happened.
            places: Where, by the id of the event; asked only when the scope has limits.
        """
        self._queue.extend(event for event in events if self._hears(event, places))
        if len(self._queue) > MAX_QUEUED:
            log.warning("stream_cut", waiting=len(self._queue))
            self.close()
        if self._queue:
            self.news.set()

    def _hears(self, event: Event, places: Mapping[int, Place]) -> bool:
        if event.topic not in self.topics:
            return False
        if self.scope.is_everything:
            return True
        place = places.get(event.id)
        return place is not None and self.scope.has(place)

    def take(self) -> list[Event]:
        """Return what waits, oldest first."""
        taken = list(self._queue)
        self._queue.clear()
        return taken

    def close(self) -> None:
        """End the stream; may be repeated."""
        self.closed = True
        self._queue.clear()
        self.news.set()


class EventFeed:
    """Follows the events table: woken by commits, and by the clock.

    Reading the table instead of passing objects on keeps the order of ids and hears what other
    processes wrote.
    """

    def __init__(self, records: Records) -> None:
        self._records = records
        self._subscriptions: set[Subscription] = set()
        self._news = asyncio.Event()
        self._position = 0
        self._begun = asyncio.Event()

    async def run(self) -> None:
        """Follow until cancelled; then every stream ends."""
        loop = asyncio.get_running_loop()
        self._records.listen(partial(self._heard, loop))
        self._position = await self._records.read_async(newest_id)
        self._begun.set()
        try:
            while True:
                await self._follow()
                try:
                    async with asyncio.timeout(_POLL_S):
                        await self._news.wait()
                except TimeoutError:
                    pass
                self._news.clear()
        finally:
            self.close()

    def wake(self) -> None:
        """Look now: something was committed."""
        self._news.set()

    async def begun(self) -> None:
        """Wait until it follows: who subscribed before would miss what is between."""
        await self._begun.wait()

    def subscribe(self, topics: frozenset[str], scope: Scope = EVERYTHING) -> Subscription:
        """Hear of every event in the scope after ``position`` of the subscription."""
        subscription = Subscription(topics, scope, self._position)
        self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Stop hearing; may be repeated."""
        self._subscriptions.discard(subscription)

    def close(self) -> None:
        """End every stream; may be repeated."""
        for subscription in self._subscriptions:
            subscription.close()

    async def _follow(self) -> None:
        while True:
            query = partial(events_between, after=self._position, until=None, topics=None)
            try:
                events = await self._records.read_async(query)
                places = await self._places(events)
            except StoreError as error:
                log.warning("feed_waits", error=str(error))
                return
            if not events:
                return
            self._position = events[-1].id
            for subscription in list(self._subscriptions):
                subscription.put(events, places)

    async def _places(self, events: Sequence[Event]) -> Mapping[int, Place]:
        if all(one.scope.is_everything for one in self._subscriptions):
            return {}
        return await self._records.read_async(partial(places_of_events, events=events))

    def _heard(self, loop: asyncio.AbstractEventLoop, _events: Sequence[Event]) -> None:
        """In the thread that tells of commits."""
        if not loop.is_closed():
            loop.call_soon_threadsafe(self.wake)


def newest_id(session: Session) -> int:
    """Id of the newest event, 0 when there is none."""
    return session.scalar(select(func.max(Event.id))) or 0


def events_between(
    session: Session,
    *,
    after: int,
    until: int | None,
    topics: frozenset[str] | None,
    scope: Scope = EVERYTHING,
) -> Sequence[Event]:
    """Return the next events, oldest first, a bounded number at a time."""
    query = select(Event).where(Event.id > after).order_by(Event.id).limit(_CHUNK)
    if until is not None:
        query = query.where(Event.id <= until)
    if topics is not None:
        query = query.where(Event.topic.in_(topics))
    if not scope.is_everything:
        query = query.where(visible_events(scope))
    return session.scalars(query).all()
