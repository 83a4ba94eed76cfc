"""/stream: what happens, as it happens, and again after Last-Event-ID."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated

from fastapi import Header, Query, Request
from fastapi.responses import Response
from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access.principal import Principal
from server.access.rights import permits
from server.access.roles import Permission
from server.access.scope import Scope
from server.api.context import Use, problems
from server.api.events import EventReader, Topic, visible_topics
from server.api.live_stream import CLOCK, VALUES, LiveStream
from server.api.lookup import equipment_id
from server.api.router import api_router
from server.api.sse import EventStream
from server.api.visible import visible
from server.assets.model import Point
from server.core.errors import ForbiddenError
from server.core.problem import FieldError

router = api_router(prefix="/stream", tag="stream")

Ref = Annotated[str, Field(max_length=200)]
_KNOWN = (*(str(topic) for topic in Topic), VALUES, CLOCK)
_USUAL = "alarms,incidents,work-orders,equipment,messages"
"""What is told when nothing is asked for, as far as the caller may read it."""
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
        **problems(403, 404),
    },
)
async def stream_events(
    request: Request,
    use: Use,
    caller: EventReader,
    *,
    topics: Annotated[str, Query(description=f"Of {', '.join(_KNOWN)}; with commas.")] = (_USUAL),
    equipment: Annotated[
        list[Ref] | None,
        Query(max_length=60, description="Values of this equipment only; id or key, repeatable."),
    ] = None,
    last_event_id: Annotated[str | None, Header(description="Replay what came after it.")] = None,
) -> Response:
    """Deliver events live, without gap or double after a reconnect with Last-Event-ID."""
    wanted = _wanted(caller, topics)
    last = _last_id(last_event_id)
    points = None
    if equipment or not caller.scope.is_everything:
        query = partial(_points_of, refs=equipment or (), scope=caller.scope)
        points = await use.records.read_async(query)
    await use.feed.begun()
    subscription = use.feed.subscribe(frozenset(wanted), caller.scope)
    stream = LiveStream(request.headers, use, subscription, caller)
    if VALUES in wanted:
        stream.add_values(points)
    if CLOCK in wanted:
        stream.add_clock()
    return EventStream(stream.chunks(last), subscription.close)


def _points_of(session: Session, refs: Sequence[str], scope: Scope) -> frozenset[int]:
    if not refs:
        return frozenset(session.scalars(select(Point.id).where(visible(Point, scope))))
    units = {equipment_id(session, ref, scope) for ref in refs}
    return frozenset(session.scalars(select(Point.id).where(Point.equipment_id.in_(units))))


def _wanted(caller: Principal, topics: str) -> set[str]:
    wanted = {topic.strip() for topic in topics.split(",") if topic.strip()}
    unknown = sorted(wanted.difference(_KNOWN))
    if unknown or not wanted:
        raise FieldError("query.topics", f"unknown topics {unknown}", _KNOWN)
    if VALUES in wanted and not permits(caller, Permission.PLANT_READ):
        raise ForbiddenError(f"'values' needs {Permission.PLANT_READ}")
    if topics == _USUAL:
        return wanted & visible_topics(caller)
    return visible_topics(caller, wanted)


def _last_id(text: str | None) -> int | None:
    if text is None or not text.strip():
        return None
    if not (text.isascii() and text.isdecimal() and int(text) < 2**63):
        raise FieldError("header.Last-Event-ID", "not an id of this stream")
    return int(text)
