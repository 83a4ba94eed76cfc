"""Tables that every room uses: events, timers, users and their keys."""

from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from server.core.db import Base


class Event(Base):
    """What happened, in order: the live stream, its replay and the audit read these rows."""

    __tablename__ = "events"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[int]
    topic: Mapped[str]
    """alarms, incidents, work-orders, equipment, commands, messages or audit."""
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


class User(Base):
    """A person who logs in."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    role: Mapped[str]
    """administrator, operator or viewer."""
    created_at: Mapped[int]
    disabled_at: Mapped[int | None]
    one_time_until: Mapped[int | None]
    """The password was given by somebody else and must be changed: the end of its use for a login,
    0 after it."""


class Login(Base):
    """A browser session; the cookie's hash is the key."""

    __tablename__ = "logins"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[int]
    expires_at: Mapped[int]


class Token(Base):
    """A key for programs."""

    __tablename__ = "tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    token_hash: Mapped[str] = mapped_column(unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[int]
    last_used_at: Mapped[int | None]
    revoked_at: Mapped[int | None]


class IdempotentReply(Base):
    """The answer that was given to an Idempotency-Key, given again when asked again."""

    __tablename__ = "idempotent_replies"

    key: Mapped[str] = mapped_column(primary_key=True)
    """User id, method, path and the caller's key."""
    created_at: Mapped[int]
    request_hash: Mapped[str]
    status: Mapped[int]
    body: Mapped[dict[str, Any]]
