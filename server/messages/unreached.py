"""Persons whom no message reaches: whoever wrote it hears of that, and calls somebody else."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.core.timers import set_timer
from server.messages.model import Message
from server.messages.places import parts_of
from server.messages.queue import DIGEST

UNREACHED = "message.dead"
"""Kind of the timer that says that a message is dead or waits too long."""
_STILL_NOT = ("pending", "sending", "dead")


def note_unreached(session: Session, row: Message, *, now: int) -> None:
    """It is dead, or without another channel fails or waits for too long: said once, at once.

    Said by a timer row in the same transaction, so that a crash in between loses nothing. Of a
    digest it is said for each message that it carries.
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
