"""Tables of messages: what waits to be sent, what a provider lets through, used links."""

from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, false, text
from sqlalchemy.orm import Mapped, mapped_column

from server.core.db import Base

UNDER_WAY = text("state IN ('pending', 'sending')")
RECEIPT_DUE = text("receipt_due_at IS NOT NULL")
_MERGED = text("merged_into IS NOT NULL")


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
    """Held back (budget, quiet hours), so it may leave in a digest with others."""
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
    """Since when it is known to reach nobody, or not in time."""
    source: Mapped[str] = mapped_column(default="", server_default="")
    """Key of the gateway whose equipment it is about; empty when it is about none."""
    turn: Mapped[int] = mapped_column(default=0, server_default="0")
    """Place in the order of sending: sources take turns (start-time fair queueing)."""


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
