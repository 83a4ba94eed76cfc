"""Several messages that leave as one; the others are ``merged`` into it.

A digest carries everything that waits for the same receiver. Of an announcement, each destination
(a group, a mailbox, a telephone) gets one message, whoever shares it; when that one cannot be
delivered, each of the others goes on by its own next channel.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.messages.model import UNDER_WAY, Message
from server.messages.queue import DIGEST, QUEUED, URGENT, record_message_event

_RANKS = ("urgent", "high", "medium", "low")
DestinationOf = Callable[[str, str, str], str | None]
"""From channel, receiver and address to a destination; None for what is never shared."""
GROUP = "group "
"""How the destination of a robot begins: an address there is only a mention."""
BETWEEN_MENTIONS = ","


def merged(session: Session, row: Message, *, now: int) -> Message:
    """Return one digest of everything that waits for the same receiver, or the row itself."""
    if row.severity == URGENT:
        return row
    query = (
        select(Message)
        .where(
            UNDER_WAY,
            Message.state == "pending",
            Message.waiting,
            Message.severity != URGENT,
            Message.channel == row.channel,
            Message.receiver == row.receiver,
            Message.address == row.address,
            Message.id != row.id,
        )
        .order_by(Message.id)
        .with_for_update(skip_locked=True)
    )
    session.flush()
    others = session.scalars(query).all()
    if not others:
        return row
    parts = sorted([row, *others], key=lambda one: one.id)
    digest = _digest(parts, now=now)
    session.add(digest)
    session.flush()
    for part in parts:
        part.state = "merged"
        part.merged_into = digest.id
    return digest


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


def merge_by_destination(
    session: Session, rows: Sequence[Message], destination_of: DestinationOf
) -> None:
    """Let one message of each destination leave, the soonest; the others are merged into it."""
    destinations: dict[str, list[Message]] = {}
    for row in rows:
        destination = destination_of(row.channel, row.receiver, row.address)
        if destination is not None:
            destinations.setdefault(destination, []).append(row)
    for destination, same in destinations.items():
        if len(same) > 1:
            _share(same, mentions=destination.startswith(GROUP))
    session.flush()


def parts_of(session: Session, row: Message) -> Sequence[Message]:
    """Return what a message carries beside itself; of a digest, what it consists of."""
    return session.scalars(
        select(Message).where(Message.merged_into == row.id).order_by(Message.id)
    ).all()


def release(session: Session, row: Message, *, now: int) -> None:
    """What shares the destination of a message that does not leave, leaves itself."""
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


def _digest(parts: Sequence[Message], *, now: int) -> Message:
    first = parts[0]
    lines = [line for part in parts for line in _lines(part)]
    incidents = {line["incident_id"] for line in lines}
    return Message(
        key=f"{DIGEST}/{first.id}",
        channel=first.channel,
        receiver=first.receiver,
        kind=DIGEST,
        severity=min((part.severity for part in parts), key=_rank),
        # A digest of one incident keeps the link that acknowledges it.
        incident_id=incidents.pop() if len(incidents) == 1 else None,
        payload={"count": len(lines), "messages": lines},
        state="pending",
        created_at=now,
        next_attempt_at=now,
        attempts=0,
        address=first.address,
        language=first.language,
        fallbacks=first.fallbacks,
        waiting=True,
        receipt_asks=0,
        quiet=first.quiet,
    )


def _lines(row: Message) -> list[dict[str, Any]]:
    """What a digest says of a message; of a digest, what that one says."""
    if row.kind == DIGEST:
        return row.payload["messages"]
    about: dict[str, Any] = row.payload.get("incident") or row.payload
    return [
        {
            "kind": row.kind,
            "severity": row.severity,
            "at": row.created_at,
            "incident_id": row.incident_id,
            "title_en": about.get("title_en") or row.kind,
            "title_zh": about.get("title_zh") or row.kind,
            "site_name_en": about.get("site_name_en") or about.get("site_key") or "",
            "site_name_zh": about.get("site_name_zh") or about.get("site_key") or "",
        }
    ]


def _rank(severity: str) -> int:
    return _RANKS.index(severity) if severity in _RANKS else len(_RANKS)


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
