"""Messages that are written with what caused them and delivered afterwards, at least once."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from server.core.errors import ConflictError, NotFoundError
from server.core.model import Message
from server.core.records import record_event
from server.core.upsert import insert_new

QUEUED = "message.queued"
"""Kind of the event that wakes the outbox for a message that is not part of an incident event."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A claimed message, free of the session."""

    id: int
    key: str
    channel: str
    receiver: str
    kind: str
    severity: str
    incident_id: int | None
    payload: dict[str, Any]
    created_at: int
    attempts: int
    """This attempt included."""


def enqueue(
    session: Session,
    *,
    key: str,
    channel: str,
    receiver: str,
    kind: str,
    severity: str,
    incident_id: int | None,
    payload: dict[str, Any],
    now: int,
) -> bool:
    """Write the message into the transaction; False when its key exists already."""
    return insert_new(
        session,
        Message,
        key=key,
        channel=channel,
        receiver=receiver,
        kind=kind,
        severity=severity,
        incident_id=incident_id,
        payload=payload,
        state="pending",
        created_at=now,
        next_attempt_at=now,
        attempts=0,
    )


def claim_due(session: Session, *, now: int, lease_ms: int, limit: int) -> list[Outgoing]:
    """Take pending messages that are due; they are due again when the lease ends without a result.

    A claimed row has attempts but no error, which is how ``release_claims`` knows it.
    """
    query = (
        select(Message)
        .where(Message.state == "pending", Message.next_attempt_at <= now)
        .order_by(Message.next_attempt_at, Message.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = session.scalars(query).all()
    for row in rows:
        row.attempts += 1
        row.next_attempt_at = now + lease_ms
        row.last_error = None
    return [_outgoing(row) for row in rows]


def release_claims(session: Session, *, now: int) -> None:
    """Make due again what a killed worker had claimed; called before a worker starts."""
    session.execute(
        update(Message)
        .where(
            Message.state == "pending",
            Message.attempts > 0,
            Message.last_error.is_(None),
            Message.next_attempt_at > now,
        )
        .values(next_attempt_at=now)
    )


def mark_sent(session: Session, message_id: int, *, now: int) -> None:
    """The receiver has it."""
    row = _get(session, message_id)
    row.state = "sent"
    row.sent_at = now
    row.last_error = None
    record_event(
        session,
        at=now,
        topic="messages",
        kind="message.sent",
        subject_id=row.id,
        payload=short(row),
    )


def mark_failed(
    session: Session, message_id: int, *, error: str, retry_at: int | None, now: int
) -> None:
    """It did not arrive; it is tried again at ``retry_at`` or is a dead letter."""
    row = _get(session, message_id)
    row.last_error = error
    if retry_at is None:
        row.state = "dead"
    else:
        row.next_attempt_at = retry_at
    kind = "message.dead" if retry_at is None else "message.failed"
    record_event(
        session, at=now, topic="messages", kind=kind, subject_id=row.id, payload=short(row)
    )


def send_again(session: Session, message_id: int, *, by: str, now: int) -> Message:
    """Give a dead letter a new life, under the same key.

    Raises:
        NotFoundError: No such message.
        ConflictError: It is not dead.
    """
    row = _get(session, message_id)
    if row.state != "dead":
        raise ConflictError(f"message {message_id} is {row.state}; only a dead one is sent again")
    row.state = "pending"
    row.attempts = 0
    row.last_error = None
    row.next_attempt_at = now
    record_event(
        session, at=now, topic="messages", kind=QUEUED, subject_id=row.id, by=by, payload=short(row)
    )
    return row


def short(message: Message) -> dict[str, Any]:
    """The message in events and lists; what it says is left out."""
    return {
        "id": message.id,
        "key": message.key,
        "channel": message.channel,
        "receiver": message.receiver,
        "kind": message.kind,
        "severity": message.severity,
        "state": message.state,
        "incident_id": message.incident_id,
        "attempts": message.attempts,
        "last_error": message.last_error,
    }


def _get(session: Session, message_id: int) -> Message:
    row = session.get(Message, message_id, with_for_update=True)
    if row is None:
        raise NotFoundError(f"no message {message_id}")
    return row


def _outgoing(row: Message) -> Outgoing:
    return Outgoing(
        id=row.id,
        key=row.key,
        channel=row.channel,
        receiver=row.receiver,
        kind=row.kind,
        severity=row.severity,
        incident_id=row.incident_id,
        payload=row.payload,
        created_at=row.created_at,
        attempts=row.attempts,
    )
