"""Messages that need not arrive any more, because somebody has taken care."""

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from server.messages.digests import parts_of, release
from server.messages.model import Message
from server.messages.queue import CANCELLED, DIGEST, record_message_event


def withdraw(session: Session, *, incident_id: int, keys: str, now: int) -> None:
    """Cancel what waits; what is on its way gets neither a repetition nor another channel.

    Args:
        keys: What the keys of the messages begin with.
    """
    open_ones = or_(
        Message.state.in_(("pending", "sending", "merged")),
        # The provider may still say that it did not arrive.
        (Message.state == "sent") & Message.receipt_due_at.is_not(None),
    )
    query = select(Message).where(
        Message.incident_id == incident_id,
        Message.key.startswith(keys, autoescape=True),
        Message.cancelled_at.is_(None),
        open_ones,
    )
    session.flush()
    for row in session.scalars(query.order_by(Message.id).with_for_update()).all():
        _withdraw(session, row, now=now)


def _withdraw(session: Session, row: Message, *, now: int) -> None:
    row.cancelled_at = now
    if row.state == "pending":
        row.state = CANCELLED
        record_message_event(session, row, kind="message.cancelled", now=now)
        if row.kind != DIGEST:
            release(session, row, now=now)
    elif row.state == "merged" and row.merged_into is not None:
        _withdraw_carrier(session, row.merged_into, now=now)


def _withdraw_carrier(session: Session, carrier_id: int, *, now: int) -> None:
    """A digest goes with the last message that it carries; others are withdrawn by themselves."""
    session.flush()
    carrier = session.get(Message, carrier_id, with_for_update=True)
    if carrier is None or carrier.kind != DIGEST or carrier.cancelled_at is not None:
        return
    if all(part.cancelled_at is not None for part in parts_of(session, carrier)):
        _withdraw(session, carrier, now=now)
