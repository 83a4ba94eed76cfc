"""Tables of alarms. An alarm stores facts; its state name is derived (server/alarms/state.py)."""

from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from server.core.db import Base

_OPEN = text("closed_at IS NULL")


class Alarm(Base):
    """One occurrence, open until it has returned to normal and was acknowledged."""

    __tablename__ = "alarms"
    __table_args__ = (
        Index(
            "uq_alarms_open",
            "rule",
            "point_id",
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    rule: Mapped[str]
    """<class>.<rule>, for example heating_pump.fault."""
    point_id: Mapped[int] = mapped_column(ForeignKey("points.id"), index=True)
    equipment_id: Mapped[int] = mapped_column(ForeignKey("equipment.id"), index=True)
    incident_id: Mapped[int | None] = mapped_column(ForeignKey("incidents.id"), index=True)
    cause: Mapped[str]
    severity: Mapped[str]
    life_safety: Mapped[bool]
    name_en: Mapped[str]
    name_zh: Mapped[str]
    active: Mapped[bool]
    active_since_at: Mapped[int]
    """Event time of the onset: when the condition began, not when its delay ended."""
    inactive_since_at: Mapped[int | None]
    acknowledged_at: Mapped[int | None]
    acknowledged_by: Mapped[str | None]
    comment: Mapped[str | None]
    onset_value: Mapped[Any] = mapped_column(JSON)
    onset_quality: Mapped[int]
    activations: Mapped[int] = mapped_column(default=1)
    raised_at: Mapped[int]
    """Server time at which the row was written."""
    closed_at: Mapped[int | None] = mapped_column(index=True)


class AlarmChange(Base):
    """One line of an alarm's history."""

    __tablename__ = "alarm_changes"

    id: Mapped[int] = mapped_column(primary_key=True)
    alarm_id: Mapped[int] = mapped_column(ForeignKey("alarms.id"), index=True)
    at: Mapped[int]
    """Event time."""
    recorded_at: Mapped[int]
    kind: Mapped[str]
    """raised, returned, acknowledged, raised_again, commented, closed."""
    by: Mapped[str | None]
    comment: Mapped[str | None]
    value: Mapped[Any] = mapped_column(JSON)
