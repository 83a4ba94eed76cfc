"""How an attempt went, written into the message's row, and whether the receiver was reached."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.core.timers import set_timer
from server.messages.digests import parts_of, release
from server.messages.model import Message
from server.messages.queue import (
    CANCELLED,
    DIGEST,
    QUEUED,
    URGENT,
    enqueue,
    record_message_event,
    row_of,
)

UNREACHED = "message.dead"
"""Kind of the timer for a message that is dead or waits too long."""
_STILL_NOT = ("pending", "sending", "dead")


def mark_sent(
    session: Session,
    message_id: int,
    *,
    now: int,
    receipt: str | None = None,
    ask_at: int | None = None,
    silent: bool = False,
) -> None:
    """Write that the receiver has it, or the provider, which is asked at ``ask_at``."""
    row = row_of(session, message_id)
    row.state = "sent"
    row.sent_at = now
    row.last_error = None
    row.receipt = receipt
    row.receipt_due_at = ask_at
    if not silent:
        record_message_event(session, row, kind="message.sent", now=now)


def mark_delivered(session: Session, message_id: int, *, now: int) -> None:
    """Write that the provider reports its arrival."""
    row = row_of(session, message_id)
    row.state = "delivered"
    row.sent_at = row.sent_at or now
    row.last_error = None
    row.receipt_due_at = None
    record_message_event(session, row, kind="message.delivered", now=now)


def mark_undelivered(session: Session, message_id: int, *, error: str, now: int) -> None:
    """Write that the provider had accepted it and reports that it did not arrive."""
    row = row_of(session, message_id)
    row.last_error = error
    give_up(session, row, now=now)


def mark_failed(
    session: Session,
    message_id: int,
    *,
    error: str,
    retry_at: int | None,
    now: int,
    hold: bool = False,
    unreached: bool = False,
) -> None:
    """Write a failure: another attempt at ``retry_at``, by another channel, or a dead letter.

    Args:
        hold: It may leave in a digest with others that wait.
        unreached: That takes too long when there is no other channel.
    """
    row = row_of(session, message_id)
    if row.state != "sending":
        # A slow worker's lease ended and another one knows better.
        return
    row.last_error = error
    if retry_at is None or row.cancelled_at is not None:
        give_up(session, row, now=now)
        return
    row.state = "pending"
    row.next_attempt_at = retry_at
    row.waiting = row.waiting or (hold and row.severity != URGENT)
    record_message_event(session, row, kind="message.failed", now=now)
    if unreached and not row.fallbacks:
        record_unreached(session, row, now=now)


def mark_unknown(
    session: Session,
    message_id: int,
    *,
    error: str,
    ask_at: int | None,
    now: int,
    unreached: bool = False,
) -> None:
    """Write an unknown outcome: the provider is asked at ``ask_at`` before a repetition.

    Args:
        unreached: That takes too long when there is no other channel.
    """
    row = row_of(session, message_id)
    if row.state != "sending":
        return
    row.last_error = error
    if ask_at is None or row.cancelled_at is not None:
        give_up(session, row, now=now)
        return
    row.next_attempt_at = ask_at
    record_message_event(session, row, kind="message.failed", now=now)
    if unreached and not row.fallbacks:
        record_unreached(session, row, now=now)


def give_up(session: Session, row: Message, *, now: int) -> None:
    """Pass it on to the person's next channel; without one it is a dead letter.

    What was withdrawn meanwhile ends here. Others who share the destination
    go on by channels of their own.
    """
    if row.kind != DIGEST and row.cancelled_at is not None:
        release(session, row, now=now)
    elif row.kind != DIGEST:
        for part in parts_of(session, row):
            if part.state == "merged":
                part.merged_into = None
                give_up(session, part, now=now)
    row.receipt_due_at = None
    if row.cancelled_at is not None:
        row.state = CANCELLED
        record_message_event(session, row, kind="message.cancelled", now=now)
        return
    if not row.fallbacks:
        row.state = "dead"
        record_message_event(session, row, kind="message.dead", now=now)
        record_unreached(session, row, now=now)
        return
    (channel, address), *rest = row.fallbacks
    row.state = "passed_on"
    enqueue(
        session,
        key=next_key(row),
        channel=channel,
        receiver=row.receiver,
        kind=row.kind,
        severity=row.severity,
        incident_id=row.incident_id,
        payload=row.payload,
        now=now,
        address=address,
        language=row.language,
        fallbacks=rest,
        quiet=row.quiet,
        source=row.source,
    )
    record_message_event(session, row, kind="message.passed_on", now=now)
    record_message_event(session, row, kind=QUEUED, now=now)


def record_unreached(session: Session, row: Message, *, now: int) -> None:
    """Report once that a message is dead, or fails or waits too long without another channel.

    It is a timer row in the same transaction, so that a crash in between loses nothing. Of a digest
    it is one for each message that it carries.
    """
    if row.unreached_at is not None:
        return
    row.unreached_at = now
    for one in _carried(session, row):
        if one.incident_id is not None:
            set_timer(
                session,
                f"message-dead/{one.id}",
                kind=UNREACHED,
                due_at=now,
                payload={"incident": one.incident_id, "key": one.key},
            )


def is_unreached(session: Session, key: str) -> bool:
    """Say whether the last message of the chain that began with this key reaches nobody."""
    row = _with_key(session, key)
    while row is not None:
        if row.state == "passed_on":
            row = _with_key(session, next_key(row))
        elif row.state == "merged":
            row = session.get(Message, row.merged_into)
        else:
            return row.unreached_at is not None and row.state in _STILL_NOT
    return False


def next_key(row: Message) -> str:
    """Return the key of the message by the person's next channel."""
    (channel, _), *rest = row.fallbacks
    return f"{row.key}/{channel}-{len(rest)}"


def _with_key(session: Session, key: str) -> Message | None:
    return session.scalar(select(Message).where(Message.key == key))


def _carried(session: Session, row: Message) -> Iterable[Message]:
    if row.kind != DIGEST:
        yield row
    for part in parts_of(session, row):
        yield from _carried(session, part)
