"""Rows that are due: what shall happen later survives every crash and happens once."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import delete, select, tuple_, update
from sqlalchemy.orm import Session

from server.core.model import Timer
from server.core.upsert import insert_new


class DueTimer(NamedTuple):
    """A timer as it was read; taking it proves that it did not change meanwhile."""

    key: str
    kind: str
    due_at: int
    payload: dict[str, Any]


def set_timer(
    session: Session, key: str, *, kind: str, due_at: int, payload: dict[str, Any]
) -> None:
    """Start the timer, or move it when it runs already."""
    if insert_new(session, Timer, key=key, kind=kind, due_at=due_at, payload=payload):
        return
    session.execute(
        update(Timer).where(Timer.key == key).values(kind=kind, due_at=due_at, payload=payload)
    )


def cancel_timer(session: Session, key: str) -> None:
    """Stop the timer; nothing happens when it does not run."""
    session.execute(delete(Timer).where(Timer.key == key))


def take_timer(session: Session, timer: DueTimer) -> bool:
    """Remove the timer for good; False when somebody else took or moved it."""
    taken = delete(Timer).where(Timer.key == timer.key, Timer.due_at == timer.due_at)
    return session.scalar(taken.returning(Timer.key)) is not None


def postpone_timer(session: Session, timer: DueTimer, *, due_at: int) -> None:
    """Let it be due later, unless it moved meanwhile."""
    session.execute(
        update(Timer)
        .where(Timer.key == timer.key, Timer.due_at == timer.due_at)
        .values(due_at=due_at)
    )


def due_timers(
    session: Session,
    *,
    now: int,
    kinds: Collection[str] | None = None,
    limit: int = 200,
    after: DueTimer | None = None,
) -> list[DueTimer]:
    """Return what is due at ``now`` (UTC ms), oldest first; only of these kinds.

    Args:
        after: Begin behind this one.
    """
    query = select(Timer).where(Timer.due_at <= now)
    if kinds is not None:
        query = query.where(Timer.kind.in_(kinds))
    if after is not None:
        query = query.where(tuple_(Timer.due_at, Timer.key) > (after.due_at, after.key))
    return _read(session.scalars(query.order_by(Timer.due_at, Timer.key).limit(limit)).all())


def timers_of(session: Session, kind: str) -> list[DueTimer]:
    """Return all running timers of a kind."""
    return _read(session.scalars(select(Timer).where(Timer.kind == kind)).all())


def _read(rows: Sequence[Timer]) -> list[DueTimer]:
    return [DueTimer(row.key, row.kind, row.due_at, row.payload) for row in rows]
