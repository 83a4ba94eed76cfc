"""One message for everything that waits for the same receiver."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.messages.model import UNDER_WAY, Message
from server.messages.queue import DIGEST, URGENT

_RANKS = ("urgent", "high", "medium", "low")


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
