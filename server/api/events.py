"""/events: what happened, newest first. The same rows that /stream delivers live."""

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel
from sqlalchemy import select

from server.api.context import PAGE, Caller, Cursor, Limit, Use, problems
from server.api.shapes import Instant, InstantIn, JsonObject
from server.core.auth import Principal, Role
from server.core.errors import ForbiddenError
from server.core.model import Event
from server.core.paging import Page, page_of, read_page

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


@router.get("", response_model=Page[EventItem])
def list_events(
    use: Use,
    caller: Caller,
    *,
    topic: Annotated[Topic | None, Query(description="Only these.")] = None,
    start: Annotated[InstantIn | None, Query(alias="from", description="Not before.")] = None,
    end: Annotated[InstantIn | None, Query(alias="to", description="Before.")] = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> dict[str, object]:
    """List what happened, newest first."""
    topics = visible_topics(caller, None if topic is None else {str(topic)})
    query = select(Event).where(Event.topic.in_(topics))
    if start is not None:
        query = query.where(Event.at >= start)
    if end is not None:
        query = query.where(Event.at < end)
    rows = use.records.read(
        lambda session: read_page(
            session, query, key=Event.id, newest_first=True, limit=limit, cursor=cursor
        )
    )
    return page_of(rows, EventItem.of)
