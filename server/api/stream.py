"""/stream: what happens, as it happens, and again after Last-Event-ID."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.api.context import Caller, Use, problems
from server.api.events import Topic, visible_topics
from server.api.live_stream import CLOCK, VALUES, LiveStream
from server.api.lookup import find_equipment
from server.api.sse import EventStream
from server.assets.model import Point
from server.core.auth import Principal
from server.core.problem import FieldError

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
        **problems(403, 404),
    },
)
async def stream_events(
    request: Request,
    use: Use,
    caller: Caller,
    *,
    topics: Annotated[str, Query(description=f"Of {', '.join(_KNOWN)}; with commas.")] = (
        "alarms,incidents,work-orders,equipment,messages"
    ),
    equipment: Annotated[
        str | None, Query(max_length=200, description="Values of this equipment only; id or key.")
    ] = None,
    last_event_id: Annotated[str | None, Header(description="Replay what came after it.")] = None,
) -> Response:
    """Deliver events live, without gap or double after a reconnect with Last-Event-ID."""
    wanted = _wanted(caller, topics)
    last = _last_id(last_event_id)
    points = None
    if equipment is not None:
        points = await use.records.read_async(partial(_points_of, ref=equipment))
    await use.feed.begun()
    subscription = use.feed.subscribe(frozenset(wanted))
    stream = LiveStream(request.headers, use, subscription)
    if VALUES in wanted:
        stream.add_values(points)
    if CLOCK in wanted:
        stream.add_clock()
    return EventStream(stream.chunks(last), subscription.close)


def _points_of(session: Session, ref: str) -> frozenset[int]:
    equipment_id = find_equipment(session, ref).id
    return frozenset(session.scalars(select(Point.id).where(Point.equipment_id == equipment_id)))


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
