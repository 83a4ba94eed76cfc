"""Messages that are written with what caused them and delivered afterwards, at least once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.core.errors import ConflictError, NotFoundError
from server.core.records import record_event
from server.core.upsert import insert_new
from server.messages.model import UNDER_WAY, Message
from server.messages.receivers import Receiver, hold_until, quiet_row

QUEUED = "message.queued"
"""Kind of the event that wakes the outbox for a message that is not part of an incident event."""
DIGEST = "digest"
"""Kind of a message that carries several others."""
CANCELLED = "cancelled"
"""State of a message that was withdrawn before it left."""
_PHONE_DIGITS = 11
URGENT = "urgent"
"""The severity that is never held back, merged or refused its part of a budget."""


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
    address: str = ""
    language: str = "zh"
    tried_at: int = 0
    """When it was handed to the channel; of the attempt before when its outcome is unknown."""
    outcome_unknown: bool = False
    """Whether the attempt before arrived is not known."""
    receipt: str | None = None
    receipt_asks: int = 0
    others: int = 0
    """How many other channels of the same person are left."""
    link: str = ""
    """Acknowledges the incident once, without login."""


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
    address: str = "",
    language: str = "zh",
    fallbacks: Sequence[tuple[str, str]] = (),
    quiet: dict[str, Any] | None = None,
    not_before: int = 0,
    source: str = "",
) -> bool:
    """Write the message into the transaction; False when its key exists already.

    Args:
        session: The transaction.
        key: Names occasion and receiver; a second message with it is not written.
        channel: Name of the channel.
        receiver: Who gets it, by name.
        kind: What it tells, such as incident.opened.
        severity: Of what it tells.
        incident_id: The incident that it is about, if any.
        payload: What the channel's text is made of.
        now: UTC ms.
        address: Where the receiver is reached on this channel.
        language: Of its text.
        fallbacks: Further channels and addresses of the receiver, in order.
        quiet: The receiver's quiet hours as kept in the row.
        not_before: It is not sent earlier, UTC ms.
        source: Key of the gateway whose equipment it is about; sources take turns.
    """
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
        next_attempt_at=max(now, not_before),
        attempts=0,
        address=address,
        language=language,
        fallbacks=[list(way) for way in fallbacks],
        waiting=not_before > now,
        quiet=quiet,
        source=source,
        turn=_turn(session, source, now=now),
    )


def _turn(session: Session, source: str, *, now: int) -> int:
    """Return the place of a new message: behind its source's last, not before what is served."""
    served = (
        select(Message.turn)
        .where(UNDER_WAY, Message.next_attempt_at <= now)
        .order_by(Message.turn)
        .limit(1)
    )
    last = select(func.max(Message.turn)).where(UNDER_WAY, Message.source == source)
    own = session.scalar(last)
    return max(session.scalar(served) or 0, 0 if own is None else own + 1)


def send_to(
    session: Session,
    ways: Sequence[Receiver],
    *,
    key: str,
    kind: str,
    severity: str,
    incident_id: int | None,
    payload: dict[str, Any],
    now: int,
    source: str = "",
) -> bool:
    """Write one message to one person: by the first way, by the others only when it fails.

    Quiet hours hold it back unless it is urgent. False when its key exists already.
    """
    first, *others = ways
    return enqueue(
        session,
        key=key,
        channel=first.channel,
        receiver=first.name,
        kind=kind,
        severity=severity,
        incident_id=incident_id,
        payload=payload,
        now=now,
        address=first.address,
        language=first.language,
        fallbacks=[(way.channel, way.address) for way in others],
        quiet=None if first.quiet_hours is None else quiet_row(first.quiet_hours),
        not_before=hold_until(first.quiet_hours, severity, now),
        source=source,
    )


def send_again(session: Session, message_id: int, *, by: str, now: int) -> Message:
    """Give a dead letter a new life, under the same key.

    Raises:
        NotFoundError: No such message.
        ConflictError: It is not dead.
    """
    row = row_of(session, message_id)
    if row.state != "dead":
        raise ConflictError(f"message {message_id} is {row.state}; only a dead one is sent again")
    row.state = "pending"
    row.attempts = 0
    row.last_error = None
    row.receipt = None
    row.receipt_asks = 0
    row.waiting = False
    row.cancelled_at = row.unreached_at = None
    # Whoever presses the button means now.
    row.quiet = None
    row.next_attempt_at = now
    record_message_event(session, row, kind=QUEUED, now=now, by=by)
    return row


def summary(message: Message) -> dict[str, Any]:
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
        "last_error": without_address(message),
    }


def without_address(message: Message) -> str | None:
    """What went wrong, without the number or address, which not everybody may see."""
    error = message.last_error
    if error is None or not message.address:
        return error
    digits = "".join(one for one in message.address if one.isdigit())[-_PHONE_DIGITS:]
    for secret in (message.address, digits if len(digits) == _PHONE_DIGITS else ""):
        error = error.replace(secret, "…") if secret else error
    return error


def outgoing(row: Message) -> Outgoing:
    """The row as a value."""
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
        address=row.address,
        language=row.language,
        tried_at=row.tried_at or row.created_at,
        receipt=row.receipt,
        receipt_asks=row.receipt_asks,
        others=len(row.fallbacks),
    )


def row_of(session: Session, message_id: int) -> Message:
    """Return the row, locked.

    Raises:
        NotFoundError: No such message.
    """
    row = session.get(Message, message_id, with_for_update=True)
    if row is None:
        raise NotFoundError(f"no message {message_id}")
    return row


def record_message_event(
    session: Session, row: Message, *, kind: str, now: int, by: str | None = None
) -> None:
    """Write the event of a change."""
    record_event(
        session,
        at=now,
        topic="messages",
        kind=kind,
        subject_id=row.id,
        by=by,
        payload=summary(row),
    )
