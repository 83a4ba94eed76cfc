"""/events: what happened, newest first. The same rows that /stream delivers live."""

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel
from sqlalchemy import bindparam, select

from server.api.context import PAGE, Caller, Cursor, Limit, Use, problems
from server.api.pages import PageOf
from server.api.shapes import Instant, InstantIn, JsonObject
from server.core.auth import Principal, Role
from server.core.errors import ForbiddenError
from server.core.model import Event
from server.core.paging import Listing, columns_of

router = APIRouter(prefix="/events", tags=["events"], responses=problems(403))


class Topic(StrEnum):
    """Kinds of things that happen."""

    ALARMS = "alarms"
    INCIDENTS = "incidents"
    WORK_ORDERS = "work-orders"
    EQUIPMENT = "equipment"
    COMMANDS = "commands"
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


_EVENTS = Listing(
    select(*columns_of(Event)),
    key=Event.id,
    newest_first=True,
    filters={
        "topic": Event.topic == bindparam("topic"),
        "without": {"audit": Event.topic != Topic.AUDIT},
        "start": Event.at >= bindparam("start"),
        "end": Event.at < bindparam("end"),
    },
)
_PAGES = PageOf(EventItem)


def visible_topics(caller: Principal, wanted: set[str] | None) -> set[str]:
    """Topics that the caller may read; who logged in is for administrators.

    Raises:
        ForbiddenError: The audit was asked for by name.
    """
    known = {str(topic) for topic in Topic}
    if caller.role.may_act_as(Role.ADMINISTRATOR):
        return known if wanted is None else wanted
    if wanted is not None and Topic.AUDIT in wanted:
        raise ForbiddenError("only an administrator reads the audit")
    return known - {Topic.AUDIT} if wanted is None else wanted


@router.get("", response_model=_PAGES.model)
def list_events(
    use: Use,
    caller: Caller,
    *,
    topic: Annotated[Topic | None, Query(description="Only these.")] = None,
    start: Annotated[InstantIn | None, Query(alias="from", description="Not before.")] = None,
    end: Annotated[InstantIn | None, Query(alias="to", description="Before.")] = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Response:
    """List what happened, newest first."""
    topics = visible_topics(caller, None if topic is None else {str(topic)})
    found = use.records.read(
        lambda session: _EVENTS.page(
            session,
            limit=limit,
            cursor=cursor,
            topic=topic,
            without=None if Topic.AUDIT in topics or topic is not None else "audit",
            start=start,
            end=end,
        )
    )
    return _PAGES.answer(found, _EVENTS.fields)
