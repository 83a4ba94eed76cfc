"""/messages: what was sent to whom, what failed, and sending a dead letter again."""

from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel
from sqlalchemy import bindparam, select

from server.api.context import PAGE, Caller, Cursor, Limit, RowId, Use, problems
from server.api.lookup import get_or_404
from server.api.pages import PageOf
from server.api.shapes import Instant, JsonObject, fields_of
from server.core.auth import Principal, Role
from server.core.paging import Listing, columns_of
from server.messages.model import Message
from server.messages.queue import send_again, without_address

router = APIRouter(prefix="/messages", tags=["messages"], responses=problems())


class MessageState(StrEnum):
    """Where a message is."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    MERGED = "merged"
    PASSED_ON = "passed_on"
    CANCELLED = "cancelled"
    DEAD = "dead"


class MessageItem(BaseModel):
    """One message to one receiver."""

    id: int
    key: str
    channel: str
    receiver: str
    kind: str
    severity: str
    incident_id: int | None
    state: MessageState
    created_at: Instant
    next_attempt_at: Instant
    attempts: int
    last_error: str | None
    sent_at: Instant | None
    address: str | None
    """E-mail address or telephone number; a viewer does not see it."""
    language: str
    receipt: str | None
    """The provider's own number of it."""
    merged_into: int | None
    """The digest that carries it."""
    actions: list[str]
    """What may be done with it now."""


class MessageDetail(MessageItem):
    """One message with what it says."""

    payload: JsonObject


_MESSAGES = Listing(
    select(*columns_of(Message, "payload", "fallbacks", "quiet")),
    key=Message.id,
    newest_first=True,
    filters={
        "state": Message.state == bindparam("state"),
        "incident": Message.incident_id == bindparam("incident"),
    },
)
_PAGES = PageOf(MessageItem)


def message_item(row: Message, caller: Principal) -> MessageItem:
    """Show a message without what it says."""
    return MessageItem.model_validate(_fields(fields_of(row), row, caller))


def _fields(fields: dict[str, Any], row: Message, caller: Principal) -> dict[str, Any]:
    fields["actions"] = ["send-again"] if row.state == MessageState.DEAD else []
    if not caller.role.may_act_as(Role.OPERATOR):
        fields |= {"address": None, "last_error": without_address(row)}
    return fields


@router.get("", response_model=_PAGES.model)
def list_messages(
    use: Use,
    caller: Caller,
    *,
    state: Annotated[MessageState | None, Query(description="Only these.")] = None,
    incident: Annotated[
        int | None, Query(ge=1, le=2**63 - 1, description="Id of an incident.")
    ] = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Response:
    """List the messages, newest first."""
    found = use.records.read(
        lambda session: _MESSAGES.page(
            session, limit=limit, cursor=cursor, state=state, incident=incident
        )
    )
    return _PAGES.answer(found, lambda row: _fields(_MESSAGES.fields(row), row, caller))


@router.get("/{message_id}", responses=problems(404))
def get_message(message_id: RowId, use: Use, caller: Caller) -> MessageDetail:
    """Show one message with what it says."""
    row = use.records.read(lambda session: get_or_404(session, Message, message_id, "message"))
    return MessageDetail.model_validate(_fields(fields_of(row), row, caller))


@router.post("/{message_id}/send-again", responses=problems(403, 404, 409))
def send_message_again(message_id: RowId, use: Use, caller: Caller) -> MessageItem:
    """Send a dead letter again, with the same message id."""
    return use.records.write(
        lambda session: message_item(
            send_again(session, message_id, by=caller.name, now=use.clock.now_ms()), caller
        )
    )
