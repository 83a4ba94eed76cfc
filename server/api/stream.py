"""/stream: what happens, as it happens, and again after Last-Event-ID."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response

from server.api.context import Caller, Services, Use, problems
from server.api.events import EventItem, Topic, visible_topics
from server.api.feed import Subscription, events_between, newest_id
from server.api.gate import authenticate
from server.api.sse import EventStream, sse
from server.core.auth import Principal
from server.core.instant import rfc3339
from server.core.model import Event
from server.core.problem import FieldError

HEARTBEAT_S = 15.0
VALUES = "values"
CLOCK = "clock"
"""Topic that carries the server's time with each heartbeat: a page sees no comments."""

router = APIRouter(prefix="/stream", tags=["stream"])

_KNOWN = (*(str(topic) for topic in Topic), VALUES, CLOCK)
_EXAMPLE = "id: 17\nevent: alarms\ndata: {...EventItem...}\n\n"


@router.get(
    "",
    response_class=Response,
    responses={
        200: {
            "description": "Server-sent events. The event is the topic, the data an EventItem; "
            "'values' carries {items: [LiveValue]} and has no id: first all, then changes.",
            "content": {"text/event-stream": {"example": _EXAMPLE}},
        },
        **problems(403),
    },
)
async def stream_events(
    request: Request,
    use: Use,
    caller: Caller,
    topics: Annotated[str, Query(description=f"Of {', '.join(_KNOWN)}; with commas.")] = (
        "alarms,incidents,work-orders,equipment,messages"
    ),
    last_event_id: Annotated[str | None, Header(description="Replay what came after it.")] = None,
) -> Response:
    """Deliver events live, without gap or double after a reconnect with Last-Event-ID."""
    wanted = _wanted(caller, topics)
    last = _last_id(last_event_id)
    subscription = use.feed.subscribe(frozenset(wanted))
    stream = _Stream(request, use, subscription, wanted)
    return EventStream(stream.chunks(last), subscription.close)


def _wanted(caller: Principal, topics: str) -> set[str]:
    wanted = {topic.strip() for topic in topics.split(",") if topic.strip()}
    unknown = sorted(wanted.difference(_KNOWN))
    if unknown or not wanted:
        raise FieldError("query.topics", f"unknown topics {unknown}", _KNOWN)
    return visible_topics(caller, wanted)


def _last_id(text: str | None) -> int | None:
    if text is None or not text.strip():
        return None
    if not (text.isascii() and text.isdecimal() and int(text) < 2**63):
        raise FieldError("header.Last-Event-ID", "not an id of this stream")
    return int(text)


class _Stream:
    """One open stream."""

    def __init__(
        self, request: Request, use: Services, subscription: Subscription, wanted: set[str]
    ) -> None:
        self._headers = request.headers
        self._use = use
        self._subscription = subscription
        self._wanted = wanted

    async def chunks(self, last: int | None) -> AsyncGenerator[bytes]:
        """Everything after ``last``, then what comes, and a heartbeat when nothing does."""
        subscription = self._subscription
        try:
            yield b"retry: 2000\n: connected\n\n"
            if CLOCK in self._wanted:
                yield self._time()
            if last is not None and last > await self._use.records.read_async(newest_id):
                last = None  # the records are older than the client: another database
            async for chunk in self._replay(last):
                yield chunk
            while not subscription.closed:
                subscription.news.clear()
                if chunk := self._new(last):
                    yield chunk
                    continue
                if not await self._news() and not subscription.closed:
                    yield b": heartbeat\n\n"
                    if CLOCK in self._wanted:
                        yield self._time()
                    if (
                        await authenticate(self._headers, self._use.records, self._use.clock)
                        is None
                    ):
                        return
        finally:
            self._use.feed.unsubscribe(subscription)

    async def _replay(self, last: int | None) -> AsyncGenerator[bytes]:
        """From the table, up to where the subscription begins."""
        after = last
        while after is not None:
            query = partial(
                events_between,
                after=after,
                until=self._subscription.position,
                topics=self._subscription.topics,
            )
            events = await self._use.records.read_async(query)
            if not events:
                return
            yield _text(events)
            after = events[-1].id

    def _new(self, last: int | None) -> bytes:
        """What the subscription holds; a client may know more than this process has read."""
        events = self._subscription.take()
        return _text([event for event in events if last is None or event.id > last])

    async def _news(self) -> bool:
        try:
            async with asyncio.timeout(HEARTBEAT_S):
                return await self._subscription.news.wait()
        except TimeoutError:
            return False

    def _time(self) -> bytes:
        return sse(CLOCK, {"at": rfc3339(self._use.clock.now_ms())})


def _text(events: Sequence[Event]) -> bytes:
    return b"".join(
        sse(event.topic, EventItem.of(event).model_dump(mode="json"), event_id=event.id)
        for event in events
    )
