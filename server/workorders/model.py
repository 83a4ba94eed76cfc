"""Tables of work orders."""

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from server.core.db import Base

_OPEN = text("closed_at IS NULL")


class WorkOrder(Base):
    """Work to do on one piece of equipment; at most one open per cause."""

    __tablename__ = "work_orders"
    __table_args__ = (
        Index(
            "uq_work_orders_open",
            "equipment_id",
            "cause",
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    equipment_id: Mapped[int] = mapped_column(ForeignKey("equipment.id"), index=True)
    incident_id: Mapped[int | None] = mapped_column(ForeignKey("incidents.id"), index=True)
    cause: Mapped[str]
    trade: Mapped[str]
    severity: Mapped[str]
    life_safety: Mapped[bool]
    title_en: Mapped[str]
    title_zh: Mapped[str]
    state: Mapped[str]
    assignee: Mapped[str | None]
    opened_at: Mapped[int]
    on_site_due_at: Mapped[int | None]
    """Somebody must be on site by then; set for urgent orders."""
    version: Mapped[int] = mapped_column(default=1)
    """Counts changes; the ETag."""
    closed_at: Mapped[int | None] = mapped_column(index=True)


class WorkOrderEvent(Base):
    """A transition: who, when, from where to where."""

    __tablename__ = "work_order_events"

    id: Mapped[int] = mapped_column(primary_key=True)
    work_order_id: Mapped[int] = mapped_column(ForeignKey("work_orders.id"), index=True)
    at: Mapped[int]
    from_state: Mapped[str | None]
    to_state: Mapped[str]
    by: Mapped[str]
    reason: Mapped[str | None]
    """Why the clock pauses: parts, vendor or resident."""
    note: Mapped[str | None]


class WorkOrderEvidence(Base):
    """An alarm that is evidence on a work order."""

    __tablename__ = "work_order_evidence"

    work_order_id: Mapped[int] = mapped_column(ForeignKey("work_orders.id"), primary_key=True)
    alarm_id: Mapped[int] = mapped_column(ForeignKey("alarms.id"), primary_key=True)
    added_at: Mapped[int]
