"""/events: what happened, newest first. The same rows that /stream delivers live."""

from enum import StrEnum
from typing import Annotated

from fastapi import Query, Response
from pydantic import BaseModel
from sqlalchemy import bindparam, select

from server.access.principal import Principal
from server.access.roles import Permission
from server.api.context import PAGE, Cursor, Limit, Use, problems
from server.api.pages import PageOf
from server.api.rights import may
from server.api.router import api_router
from server.api.shapes import Instant, InstantIn, JsonObject
from server.api.visible import may_read_topic, visible_events
from server.core.errors import ForbiddenError
from server.core.model import Event
from server.core.paging import Listing, columns_of

EventReader = Annotated[Principal, may(Permission.EVENTS_READ)]

router = api_router(prefix="/events", tag="events", responses=problems(403))


class Topic(StrEnum):
    """Kinds of things that happen."""

    ALARMS = "alarms"
    INCIDENTS = "incidents"
    WORK_ORDERS = "work-orders"
    EQUIPMENT = "equipment"
    COMMANDS = "commands"
    PLANS = "plans"
    MESSAGES = "messages"
    AUDIT = "audit"


class EventItem(BaseModel):
    """One thing that happened."""

    id: int
    at: Instant
    topic: str
    kind: str
    """In the past tense: alarm.raised, work-order.closed."""
    subject_id: int | None
    by: str | None
    payload: JsonObject

    @classmethod
    def of(cls, row: Event) -> "EventItem":
        """Show the row."""
        return cls.model_validate(row, from_attributes=True)


_TOPICS = [str(topic) for topic in Topic]
_EVENTS = Listing(
    select(*columns_of(Event)),
    key=Event.id,
    newest_first=True,
    filters={
        "topic": Event.topic == bindparam("topic"),
        "without": Event.topic.not_in(bindparam("without", expanding=True)),
        "start": Event.at >= bindparam("start"),
        "end": Event.at < bindparam("end"),
    },
)
_PAGES = PageOf(EventItem)


def visible_topics(caller: Principal, wanted: set[str] | None = None) -> set[str]:
    """Topics that the caller may read, of those that it wants.

    Raises:
        ForbiddenError: One that it may not read was asked for by name.
    """
    seen = {topic for topic in _TOPICS if may_read_topic(caller, topic)}
    if wanted is None:
        return seen
    refused = sorted(wanted.intersection(_TOPICS) - seen)
    if refused:
        raise ForbiddenError(
            f"the role {caller.role} does not read the topics {', '.join(refused)}; "
            f"it reads: {', '.join(sorted(seen))}"
        )
    return wanted


@router.get("", response_model=_PAGES.model)
def list_events(
    use: Use,
    caller: EventReader,
    *,
    topic: Annotated[Topic | None, Query(description="Only these.")] = None,
    start: Annotated[InstantIn | None, Query(alias="from", description="Not before.")] = None,
    end: Annotated[InstantIn | None, Query(alias="to", description="Before.")] = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Response:
    """List what happened, newest first."""
    topics = visible_topics(caller, None if topic is None else {str(topic)})
    without = sorted(set(_TOPICS) - topics) if topic is None else []
    found = use.records.read(
        lambda session: _EVENTS.page(
            session,
            limit=limit,
            cursor=cursor,
            topic=topic,
            without=without or None,
            start=start,
            end=end,
            where=None if caller.scope.is_everything else visible_events(caller.scope),
        )
    )
    return _PAGES.answer(found, _EVENTS.fields)
