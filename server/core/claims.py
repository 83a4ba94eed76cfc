"""Which messages leave now: what is due, within every budget, the rest merged or put off."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from server.core.budgets import Budget, Purse, Terms
from server.core.deliveries import give_up
from server.core.model import RECEIPT_DUE, UNDER_WAY, Message
from server.core.outbox import URGENT, Outgoing, outgoing

DIGEST = "digest"
"""Kind of a message that carries several others."""

_ROUNDS = 25
_RANKS = ("urgent", "high", "medium", "low")
_PATIENCE_MS = {True: 60_000, False: 900_000}
"""A wait for a budget that is longer makes an urgent (or other) message use another channel."""

TermsOf = Callable[[str, str, str], Terms]
"""Terms of a channel, a receiver and an address."""


def no_terms(_channel: str, _receiver: str, _address: str) -> Terms:
    """Everything may leave at once and twice."""
    return Terms()


def claim_due(
    session: Session,
    *,
    now: int,
    lease_ms: int,
    limit: int,
    worker: str = "",
    terms: TermsOf = no_terms,
) -> list[Outgoing]:
    """Take messages that are due, urgent ones first; they are due again when the lease ends.

    A message is ``sending`` before its channel is called, so a crash leaves that in the row.
    Messages over budget wait; when a token is free, those of one receiver leave as one digest.
    """
    claimed: list[Outgoing] = []
    # What is put off makes room: it must not hide the messages behind it until the next look.
    for _ in range(_ROUNDS):
        query = (
            select(Message)
            .where(UNDER_WAY, Message.next_attempt_at <= now)
            .order_by(Message.severity != URGENT, Message.next_attempt_at, Message.id)
            .limit(limit - len(claimed))
            .with_for_update(skip_locked=True)
        )
        rows = session.scalars(query).all()
        new = _claim_all(session, rows, worker=worker, now=now, lease_ms=lease_ms, terms=terms)
        claimed += new
        if len(new) == len(rows):
            break
    return claimed


def confirm_claims(session: Session, *, messages: Sequence[int]) -> None:
    """Write claims once more: durable with the commit, as all that was committed before."""
    session.execute(update(Message).where(Message.id.in_(messages)).values(state="sending"))


def release_claims(session: Session, *, now: int, worker: str = "") -> None:
    """Make due again what this worker had claimed when it was killed; called when it starts.

    An unknown outcome has its error and its own time; a claim has none.
    """
    session.execute(
        update(Message)
        .where(
            Message.state == "sending",
            Message.claimed_by == worker,
            Message.last_error.is_(None),
            Message.next_attempt_at > now,
        )
        .values(next_attempt_at=now)
    )


def block_budgets(session: Session, budgets: Iterable[Budget], *, until: int) -> None:
    """The provider throttles: nothing uses these budgets before ``until``, UTC ms."""
    Purse(session, budgets).block(until=until)


def claim_receipts(session: Session, *, now: int, lease_ms: int, limit: int) -> list[Outgoing]:
    """Take sent messages whose provider shall be asked what became of them."""
    query = (
        select(Message)
        .where(RECEIPT_DUE, Message.receipt_due_at <= now)
        .order_by(Message.receipt_due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = session.scalars(query).all()
    for row in rows:
        row.receipt_asks += 1
        row.receipt_due_at = now + lease_ms
    return [outgoing(row) for row in rows]


def _claim_all(
    session: Session,
    rows: Sequence[Message],
    *,
    worker: str,
    now: int,
    lease_ms: int,
    terms: TermsOf,
) -> list[Outgoing]:
    of = {row.id: terms(row.channel, row.receiver, row.address) for row in rows}
    purse = Purse(session, (budget for one in of.values() for budget in one.budgets))
    claimed: list[Outgoing] = []
    for row in rows:
        if row.state == "merged":
            continue
        unsure = row.state == "sending"
        asked = unsure and not of[row.id].repeatable
        if not asked:
            free_at = purse.take(of[row.id].budgets, urgent=row.severity == URGENT, now=now)
            if free_at:
                _put_off(session, row, until=free_at, now=now)
                continue
        before = row.tried_at
        taken = _merged(session, row, now=now) if row.waiting and not asked else row
        _claim(taken, worker=worker, now=now, lease_ms=lease_ms)
        if not asked:
            taken.tried_at = now
        tried_at = before if asked and before is not None else now
        claimed.append(replace(outgoing(taken), unsure=unsure, tried_at=tried_at))
    return claimed


def _claim(row: Message, *, worker: str, now: int, lease_ms: int) -> None:
    row.state = "sending"
    row.claimed_by = worker
    row.attempts += 1
    row.next_attempt_at = now + lease_ms
    row.last_error = None


def _put_off(session: Session, row: Message, *, until: int, now: int) -> None:
    """Wait for the budget; who would wait too long is reached by another channel."""
    urgent = row.severity == URGENT
    row.state = "pending"
    if row.fallbacks and until - now > _PATIENCE_MS[urgent]:
        row.last_error = "over budget"
        give_up(session, row, now=now)
        return
    row.next_attempt_at = until
    row.waiting = not urgent


def _merged(session: Session, row: Message, *, now: int) -> Message:
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
    return Message(
        key=f"{DIGEST}/{first.id}",
        channel=first.channel,
        receiver=first.receiver,
        kind=DIGEST,
        severity=min((part.severity for part in parts), key=_rank),
        incident_id=None,
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
        }
    ]


def _rank(severity: str) -> int:
    return _RANKS.index(severity) if severity in _RANKS else len(_RANKS)
