"""/messages: what was sent to whom, what failed, and sending a dead letter again."""

from enum import StrEnum
from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import BaseModel
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from server.access.principal import Principal
from server.access.rights import permits
from server.access.roles import Permission
from server.api.context import PAGE, Cursor, Limit, OfIncident, RowId, Use, problems
from server.api.lookup import get_or_404
from server.api.pages import PageOf
from server.api.rights import may
from server.api.router import api_router
from server.api.shapes import Instant, JsonObject, fields_of
from server.api.visible import require_visible
from server.assets.model import Equipment
from server.assets.scoped import scoped, values_of
from server.core.paging import Listing, columns_of
from server.incidents.model import Incident
from server.messages.model import Message
from server.messages.queue import send_again, without_address

MessageReader = Annotated[Principal, may(Permission.MESSAGES_READ)]
MessageSender = Annotated[Principal, may(Permission.MESSAGES_SEND)]

router = api_router(prefix="/messages", tag="messages", responses=problems())


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
    """E-mail address or telephone number; null without the right messages.contact."""
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
    select(*columns_of(Message, "payload", "fallbacks", "quiet"))
    .outerjoin(Incident, Incident.id == Message.incident_id)
    .outerjoin(Equipment, Equipment.id == Incident.equipment_id),
    key=Message.id,
    newest_first=True,
    filters={
        "state": Message.state == bindparam("state"),
        "incident": Message.incident_id == bindparam("incident"),
        **scoped(),
    },
)
_PAGES = PageOf(MessageItem)


def message_item(row: Message, caller: Principal) -> MessageItem:
    """Show a message without what it says."""
    return MessageItem.model_validate(_fields(fields_of(row), row, caller))


def _fields(fields: dict[str, Any], row: Message, caller: Principal) -> dict[str, Any]:
    fields["actions"] = ["send-again"] if row.state == MessageState.DEAD else []
    if not permits(caller, Permission.MESSAGES_CONTACT):
        fields |= {"address": None, "last_error": without_address(row)}
    return fields


@router.get("", response_model=_PAGES.model)
def list_messages(
    use: Use,
    caller: MessageReader,
    *,
    state: Annotated[MessageState | None, Query(description="Only these.")] = None,
    incident: OfIncident = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Response:
    """List the messages, newest first."""
    found = use.records.read(
        lambda session: _MESSAGES.page(
            session,
            limit=limit,
            cursor=cursor,
            state=state,
            incident=incident,
            **values_of(caller.scope),
        )
    )
    return _PAGES.answer(found, lambda row: _fields(_MESSAGES.fields(row), row, caller))


@router.get("/{message_id}", responses=problems(404))
def get_message(message_id: RowId, use: Use, caller: MessageReader) -> MessageDetail:
    """Show one message with what it says."""
    row = use.records.read(
        lambda session: get_or_404(session, Message, message_id, "message", caller.scope)
    )
    fields = _fields(fields_of(row), row, caller)
    if not permits(caller, Permission.MESSAGES_CONTACT):
        fields["payload"] = {name: one for name, one in row.payload.items() if name != "link"}
    return MessageDetail.model_validate(fields)


@router.post("/{message_id}/send-again", responses=problems(403, 404, 409))
def send_message_again(message_id: RowId, use: Use, caller: MessageSender) -> MessageItem:
    """Send a dead letter again, with the same message id."""

    def change(session: Session) -> MessageItem:
        require_visible(session, Message, message_id, "message", caller.scope)
        row = send_again(session, message_id, by=caller.name, now=use.clock.now_ms())
        return message_item(row, caller)

    return use.records.write(change)
