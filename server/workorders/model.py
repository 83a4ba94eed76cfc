"""Tables of work orders."""

from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from server.core.db import Base

_OPEN = text("closed_at IS NULL")


class WorkOrder(Base):
    """Work to do: on a piece of equipment, or in a room because a resident asked for it.

    On equipment at most one is open per cause; in a room a request joins the one that it is about.
    """

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
        CheckConstraint("(equipment_id IS NULL) <> (room_id IS NULL)", name="ck_work_orders_place"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"), index=True)
    equipment_id: Mapped[int | None] = mapped_column(ForeignKey("equipment.id"), index=True)
    room_id: Mapped[int | None] = mapped_column(ForeignKey("rooms.id"), index=True)
    """Set of an order that residents asked for; it has no equipment then."""
    incident_id: Mapped[int | None] = mapped_column(ForeignKey("incidents.id"), index=True)
    cause: Mapped[str]
    trade: Mapped[str]
    severity: Mapped[str]
    life_safety: Mapped[bool]
    title_en: Mapped[str]
    title_zh: Mapped[str]
    state: Mapped[str]
    assignee: Mapped[str | None]
    """Key of a person or contractor, or name of a login."""
    assignee_kind: Mapped[str | None]
    """An ``AssigneeKind``; none without assignee."""
    opened_at: Mapped[int]
    on_site_due_at: Mapped[int | None]
    """Somebody must be on site by then; set for urgent orders."""
    version: Mapped[int] = mapped_column(default=1)
    """Counts changes; the ETag."""
    closed_at: Mapped[int | None] = mapped_column(index=True)
    recovered_at: Mapped[int | None]
    """Since when the equipment is normal again without anybody on site; the order stays open."""
    repeat_failures: Mapped[int] = mapped_column(default=0, server_default="0")
    """How often the same fault came back soon after the work was done."""

    @property
    def of_resident(self) -> bool:
        """Whether residents asked for it: somebody calls them when it is done."""
        return self.room_id is not None


class WorkOrderEvent(Base):
    """A transition: who, when, from where to where; or a line that changes no state."""

    __tablename__ = "work_order_events"

    id: Mapped[int] = mapped_column(primary_key=True)
    work_order_id: Mapped[int] = mapped_column(ForeignKey("work_orders.id"), index=True)
    at: Mapped[int]
    kind: Mapped[str] = mapped_column(server_default="step")
    """An ``EventKind``."""
    from_state: Mapped[str | None]
    to_state: Mapped[str]
    by: Mapped[str]
    reason: Mapped[str | None]
    """Why the clock pauses: parts, vendor or resident; of an opening the severity."""
    note: Mapped[str | None]
    device: Mapped[str | None]
    """What it was done with, as the device says."""
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    accuracy_m: Mapped[float | None]
    targets: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """Of a line that says a severity: by when what is due, as it was set then."""
    appointment_at: Mapped[int | None]
    """Of an appointment: when somebody comes."""
    satisfaction: Mapped[str | None]
    """Of a return call: a ``Satisfaction``; none when it was not asked."""
    from_assignee: Mapped[str | None]
    """Who had the order before, when it changed hands; none: nobody."""
    to_assignee: Mapped[str | None]
    """Who has it since."""


class WorkOrderEvidence(Base):
    """An alarm that is evidence on a work order."""

    __tablename__ = "work_order_evidence"

    work_order_id: Mapped[int] = mapped_column(ForeignKey("work_orders.id"), primary_key=True)
    alarm_id: Mapped[int] = mapped_column(ForeignKey("alarms.id"), primary_key=True)
    added_at: Mapped[int]


class WorkOrderFile(Base):
    """A photo, a document or a signature; what it holds is in the folder of attachments."""

    __tablename__ = "work_order_files"

    id: Mapped[int] = mapped_column(primary_key=True)
    work_order_id: Mapped[int] = mapped_column(ForeignKey("work_orders.id"), index=True)
    kind: Mapped[str]
    """photo, document or signature."""
    name: Mapped[str]
    """What people call it; of a signature who signed."""
    media_type: Mapped[str]
    size: Mapped[int]
    """Bytes."""
    sha256: Mapped[str] = mapped_column(index=True)
    """Its name on disk."""
    has_thumbnail: Mapped[bool]
    added_at: Mapped[int]
    added_by: Mapped[str]


class WorkOrderLine(Base):
    """A part that was used, or time that was worked."""

    __tablename__ = "work_order_lines"

    id: Mapped[int] = mapped_column(primary_key=True)
    work_order_id: Mapped[int] = mapped_column(ForeignKey("work_orders.id"), index=True)
    kind: Mapped[str]
    """part or labour."""
    name: Mapped[str]
    """Of the part, or who worked."""
    quantity: Mapped[float]
    unit: Mapped[str]
    """Of the quantity; labour is in hours."""
    unit_price_fen: Mapped[int]
    """0.01 yuan for one unit."""
    added_at: Mapped[int]
    added_by: Mapped[str]
    removed_at: Mapped[int | None]
    removed_by: Mapped[str | None]
