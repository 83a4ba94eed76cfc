"""One place gets one message of an announcement, whoever is behind it.

A place is a group (a robot), a mailbox or a telephone. Whoever shares one keeps a message row,
``merged`` into the one that leaves; when that one cannot be delivered, each goes on by its own next
channel.
"""

from collections.abc import Callable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.messages.model import UNDER_WAY, Message
from server.messages.queue import DIGEST, QUEUED, record_message_event

PlaceOf = Callable[[str, str, str], str | None]
"""From channel, receiver and address to a place; None for what is never shared."""
GROUP = "group "
"""How the place of a robot begins: an address there is only a mention."""
BETWEEN_MENTIONS = ","


def new_of_incident(session: Session, incident_id: int, *, now: int) -> Sequence[Message]:
    """Return what was written about an incident at this instant and has not left."""
    query = select(Message).where(
        Message.incident_id == incident_id,
        Message.created_at == now,
        Message.state == "pending",
        Message.attempts == 0,
        Message.kind != DIGEST,
    )
    return session.scalars(query.order_by(Message.id)).all()


def new_of_keys(session: Session, keys: str, *, now: int) -> Sequence[Message]:
    """Return what was written at this instant, waits, and has a key that begins so."""
    query = select(Message).where(
        # What left long ago is never looked through: an index holds what is under way.
        UNDER_WAY,
        Message.next_attempt_at >= now,
        Message.key.startswith(keys, autoescape=True),
        Message.created_at == now,
        Message.state == "pending",
    )
    # In the order of the index: by id SQLite would go through the whole table.
    by_index = query.order_by(Message.next_attempt_at, Message.id)
    return session.scalars(by_index).all()


def share_places(session: Session, rows: Sequence[Message], place_of: PlaceOf) -> None:
    """Let one message of each place leave, the soonest; the others are merged into it."""
    places: dict[str, list[Message]] = {}
    for row in rows:
        place = place_of(row.channel, row.receiver, row.address)
        if place is not None:
            places.setdefault(place, []).append(row)
    for place, same in places.items():
        if len(same) > 1:
            _share(same, mentions=place.startswith(GROUP))
    session.flush()


def parts_of(session: Session, row: Message) -> Sequence[Message]:
    """Return what a message carries beside itself; of a digest, what it consists of."""
    return session.scalars(
        select(Message).where(Message.merged_into == row.id).order_by(Message.id)
    ).all()


def release(session: Session, row: Message, *, now: int) -> None:
    """What shares the place of a message that does not leave, leaves itself."""
    waiting = [one for one in parts_of(session, row) if one.cancelled_at is None]
    if not waiting:
        return
    first = waiting[0]
    first.state, first.merged_into = "pending", None
    first.next_attempt_at = max(first.next_attempt_at, now)
    for one in waiting[1:]:
        one.merged_into = first.id
    record_message_event(session, first, kind=QUEUED, now=now)


def mentioned(address: str) -> list[str]:
    """Return whom a robot's message mentions."""
    return [one.strip() for one in address.split(BETWEEN_MENTIONS) if one.strip()]


def _share(same: list[Message], *, mentions: bool) -> None:
    # Of those that leave now one that mentions somebody, for its link acknowledges.
    carrier = min(same, key=lambda row: (row.next_attempt_at, not row.address, row.id))
    if mentions:
        now = [row for row in same if row.next_attempt_at <= carrier.next_attempt_at]
        names = dict.fromkeys(name for row in now for name in mentioned(row.address))
        carrier.address = BETWEEN_MENTIONS.join(names)
    if any(row.quiet is None for row in same):
        carrier.quiet = None
    for row in same:
        if row is not carrier:
            row.state = "merged"
            row.merged_into = carrier.id
