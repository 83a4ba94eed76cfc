"""Table of incidents."""

from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from server.core.db import Base

_OPEN = text("closed_at IS NULL")
_DEFERRED = text("deferred_call_at IS NOT NULL")


class Incident(Base):
    """Alarms of one (equipment, cause), open until all of them are closed."""

    __tablename__ = "incidents"
    __table_args__ = (
        Index(
            "uq_incidents_open",
            "equipment_id",
            "cause",
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
        Index(
            "ix_incidents_deferred_call",
            "deferred_call_at",
            sqlite_where=_DEFERRED,
            postgresql_where=_DEFERRED,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    equipment_id: Mapped[int] = mapped_column(ForeignKey("equipment.id"), index=True)
    cause: Mapped[str]
    severity: Mapped[str]
    title_en: Mapped[str]
    title_zh: Mapped[str]
    opened_at: Mapped[int]
    closed_at: Mapped[int | None] = mapped_column(index=True)
    acknowledged_at: Mapped[int | None]
    acknowledged_by: Mapped[str | None]
    assignee: Mapped[str | None]
    """Who goes on with it since it was handed over; none: whoever acknowledged it."""
    policy: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """The escalation policy as it was when the incident opened; none when there was nobody."""
    deferred_call_at: Mapped[int | None]
    """Since when a call waits for the end of a flood; none when no call waits."""
    activity_since_at: Mapped[int | None]
    """Since when its order is worked on; none while it is not."""


class IncidentStep(Base):
    """One step of the escalation: planned with the incident, run once or cancelled."""

    __tablename__ = "incident_steps"
    __table_args__ = (UniqueConstraint("incident_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incidents.id"))
    number: Mapped[int]
    """Counts from 1 over all plans and rounds."""
    plan: Mapped[int]
    """The policy is frozen anew when the incident becomes more severe; counts that, from 1."""
    round: Mapped[int]
    """0 is the first time, then the repetitions."""
    position: Mapped[int]
    """Of the step in the policy, from 0."""
    due_at: Mapped[int]
    state: Mapped[str]
    """pending, done, nobody (no one to call), unreached (no message arrived) or cancelled."""
    ran_at: Mapped[int | None]
    who: Mapped[dict[str, Any]]
    """The step of the policy."""
    notified: Mapped[dict[str, Any]]
    """Key of a person to name, channel and key of the message."""


class IncidentChange(Base):
    """One line of the incident's history."""

    __tablename__ = "incident_changes"

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incidents.id"), index=True)
    at: Mapped[int]
    kind: Mapped[str]
    """opened, called_anew, acknowledged, confirmed, moved, handed_over, acknowledgement_timed_out
    or closed."""
    by: Mapped[str | None]
    note: Mapped[str | None]
