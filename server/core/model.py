"""Tables that every room uses: events, timers, what was answered."""

from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from server.core.db import Base


class Event(Base):
    """What happened, in order: the live stream, its replay and the audit read these rows."""

    __tablename__ = "events"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[int]
    topic: Mapped[str]
    """alarms, incidents, work-orders, equipment, commands, plans, messages or audit."""
    kind: Mapped[str]
    """What happened, in the past tense: alarm.raised, work-order.closed."""
    subject_id: Mapped[int | None]
    by: Mapped[str | None]
    payload: Mapped[dict[str, Any]]


class Timer(Base):
    """Something that is due; survives everything."""

    __tablename__ = "timers"

    key: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    due_at: Mapped[int] = mapped_column(index=True)
    payload: Mapped[dict[str, Any]]


class SignOfLife(Base):
    """What a process writes before it tells the outside that it works."""

    __tablename__ = "signs_of_life"

    process: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[int]


class IdempotentReply(Base):
    """The answer that was given to an Idempotency-Key, given again when asked again."""

    __tablename__ = "idempotent_replies"

    key: Mapped[str] = mapped_column(primary_key=True)
    """User id, method, path and the caller's key."""
    created_at: Mapped[int]
    request_hash: Mapped[str]
    status: Mapped[int]
    """Of the answer; 0 while nothing is written."""
    body: Mapped[dict[str, Any]]
    owner: Mapped[str] = mapped_column(default="", server_default="")
    """Process and request that do the work."""
