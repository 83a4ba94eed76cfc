"""How an attempt went, written into the message's row."""

from sqlalchemy.orm import Session

from server.messages.model import Message
from server.messages.places import parts_of, release
from server.messages.queue import (
    CANCELLED,
    DIGEST,
    QUEUED,
    URGENT,
    enqueue,
    record_message_event,
    row_of,
)
from server.messages.unreached import next_key, note_unreached


def mark_sent(
    session: Session,
    message_id: int,
    *,
    now: int,
    receipt: str | None = None,
    ask_at: int | None = None,
    silent: bool = False,
) -> None:
    """The receiver has it, or the provider does and is asked at ``ask_at`` what became of it."""
    row = row_of(session, message_id)
    row.state = "sent"
    row.sent_at = now
    row.last_error = None
    row.receipt = receipt
    row.receipt_due_at = ask_at
    if not silent:
        record_message_event(session, row, kind="message.sent", now=now)


def mark_delivered(session: Session, message_id: int, *, now: int) -> None:
    """The provider says that it has arrived."""
    row = row_of(session, message_id)
    row.state = "delivered"
    row.sent_at = row.sent_at or now
    row.last_error = None
    row.receipt_due_at = None
    record_message_event(session, row, kind="message.delivered", now=now)


def mark_undelivered(session: Session, message_id: int, *, error: str, now: int) -> None:
    """The provider had accepted it and says that it did not arrive."""
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
    """It did not arrive: it is tried again at ``retry_at``, by another channel, or is dead.

    Attributes:
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
        note_unreached(session, row, now=now)


def mark_unknown(
    session: Session,
    message_id: int,
    *,
    error: str,
    ask_at: int | None,
    now: int,
    unreached: bool = False,
) -> None:
    """Nobody knows whether it arrived; the provider is asked at ``ask_at`` before a repetition.

    Attributes:
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
        note_unreached(session, row, now=now)


def give_up(session: Session, row: Message, *, now: int) -> None:
    """Pass it on to the person's next channel; without one it is a dead letter.

    What was withdrawn meanwhile ends here, for nobody needs it any more. Others who share the place
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
        note_unreached(session, row, now=now)
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
