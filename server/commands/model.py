"""The table of commands."""

from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from server.core.db import Base, PointValue

UNDER_WAY = text("state IN ('proposed', 'asked', 'sent')")


class Command(Base):
    """A wish that a point have a value, and what became of it. Never deleted: it is evidence."""

    __tablename__ = "commands"
    __table_args__ = (
        Index("ix_commands_due", "due_at", sqlite_where=UNDER_WAY, postgresql_where=UNDER_WAY),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    """Payload.uuid of its DCMD; the gateway carries a key out once."""
    point_id: Mapped[int] = mapped_column(ForeignKey("points.id"), index=True)
    equipment_id: Mapped[int] = mapped_column(ForeignKey("equipment.id"), index=True)
    value: Mapped[Any] = mapped_column(PointValue)
    reason: Mapped[str]
    """Why it was given."""
    asked_by: Mapped[str]
    asked_at: Mapped[int]
    expires_at: Mapped[int]
    """No gateway carries it out after this."""
    confirmed_by: Mapped[str | None]
    """The second person, where the class of the point demands one."""
    confirmed_at: Mapped[int | None]
    state: Mapped[str]
    """proposed (waits for a second person), asked, sent, done, unconfirmed, refused, failed,
    expired, withdrawn or unanswered."""
    due_at: Mapped[int]
    """When it is sent, sent again, or given up; of a proposed one: when nobody confirmed it."""
    sent_at: Mapped[int | None]
    settled_at: Mapped[int | None]
    refusal: Mapped[str] = mapped_column(default="", server_default="")
    """Why it was not done, in the gateway's words."""
    before: Mapped[Any] = mapped_column(PointValue, nullable=True)
    after: Mapped[Any] = mapped_column(PointValue, nullable=True)
