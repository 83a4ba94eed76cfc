"""Tables that every room uses: events, timers, the outbox, users and their keys."""

from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, false, text
from sqlalchemy.orm import Mapped, mapped_column

from server.core.db import Base

UNDER_WAY = text("state IN ('pending', 'sending')")
RECEIPT_DUE = text("receipt_due_at IS NOT NULL")
_MERGED = text("merged_into IS NOT NULL")


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


class Message(Base):
    """One message to one receiver, written with what caused it and delivered afterwards."""

    __tablename__ = "messages"
    __table_args__ = (
        Index(
            "ix_messages_due",
            "next_attempt_at",
            sqlite_where=UNDER_WAY,
            postgresql_where=UNDER_WAY,
        ),
        Index(
            "ix_messages_turn",
            "turn",
            sqlite_where=UNDER_WAY,
            postgresql_where=UNDER_WAY,
        ),
        Index(
            "ix_messages_source",
            "source",
            "turn",
            sqlite_where=UNDER_WAY,
            postgresql_where=UNDER_WAY,
        ),
        Index(
            "ix_messages_receipt_due",
            "receipt_due_at",
            sqlite_where=RECEIPT_DUE,
            postgresql_where=RECEIPT_DUE,
        ),
        Index(
            "ix_messages_merged_into",
            "merged_into",
            sqlite_where=_MERGED,
            postgresql_where=_MERGED,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    """Idempotency key; a second row for the same cause and receiver cannot exist."""
    channel: Mapped[str]
    receiver: Mapped[str]
    kind: Mapped[str]
    severity: Mapped[str]
    incident_id: Mapped[int | None] = mapped_column(index=True)
    payload: Mapped[dict[str, Any]]
    state: Mapped[str]
    """pending, sending, sent, delivered, merged, passed_on, cancelled or dead."""
    created_at: Mapped[int]
    next_attempt_at: Mapped[int]
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None]
    sent_at: Mapped[int | None]
    address: Mapped[str] = mapped_column(default="", server_default="")
    language: Mapped[str] = mapped_column(default="zh", server_default="zh")
    fallbacks: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
    """[channel, address] pairs of the same person, tried in this order when this one fails."""
    waiting: Mapped[bool] = mapped_column(default=False, server_default=false())
    """It was held back (budget, quiet hours), so it may leave in a digest with others."""
    claimed_by: Mapped[str | None]
    """The worker that is sending it."""
    tried_at: Mapped[int | None]
    """When it was handed to the channel last."""
    receipt: Mapped[str | None]
    """The provider's own number of the message."""
    receipt_due_at: Mapped[int | None]
    """When the provider is asked next whether it arrived."""
    receipt_asks: Mapped[int] = mapped_column(default=0, server_default="0")
    merged_into: Mapped[int | None]
    """The digest that carries it."""
    quiet: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """The receiver's quiet hours; they hold for every attempt and every channel."""
    cancelled_at: Mapped[int | None]
    """Somebody has taken care: it is neither repeated nor passed on from then on."""
    unreached_at: Mapped[int | None]
    """When it was clear that it reaches nobody, or not in time."""
    source: Mapped[str] = mapped_column(default="", server_default="")
    """Key of the gateway whose equipment it is about; empty when it is about none."""
    turn: Mapped[int] = mapped_column(default=0, server_default="0")
    """Place in the order of sending: sources take turns (start-time fair queueing)."""


class SignOfLife(Base):
    """What a process writes before it tells the outside that it works."""

    __tablename__ = "signs_of_life"

    process: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[int]


class Bucket(Base):
    """Tokens of a provider's budget, shared by all workers."""

    __tablename__ = "message_buckets"

    key: Mapped[str] = mapped_column(primary_key=True)
    taken: Mapped[list[Any]]
    """When each token that is not back was taken, UTC ms."""
    blocked_until_at: Mapped[int]


class UsedLink(Base):
    """A one-time link that was used; the key makes a second use impossible."""

    __tablename__ = "used_links"

    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id"), primary_key=True)
    used_at: Mapped[int]


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
