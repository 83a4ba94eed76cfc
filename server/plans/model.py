"""Tables of emergency plans: runs, their steps, and what happened in them."""

from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from server.core.db import Base

_LIVE = text("ended_at IS NULL AND incident_id IS NOT NULL AND NOT drill")


class PlanRun(Base):
    """One run of a plan, with the plan as it was when it started. Never deleted: it is evidence."""

    __tablename__ = "plan_runs"
    __table_args__ = (
        Index(
            "uq_plan_runs_live",
            "plan",
            "incident_id",
            unique=True,
            sqlite_where=_LIVE,
            postgresql_where=_LIVE,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    plan: Mapped[str]
    """Key of the plan."""
    body: Mapped[dict[str, Any]]
    """The plan as it was."""
    equipment_id: Mapped[int] = mapped_column(ForeignKey("equipment.id"), index=True)
    """What it is about: the incident's equipment, else the first of the plan's."""
    incident_id: Mapped[int | None] = mapped_column(ForeignKey("incidents.id"), index=True)
    drill: Mapped[bool]
    """Nothing is commanded; whoever is told is told so."""
    equipment: Mapped[dict[str, Any]]
    """Key in the plan to id of the equipment."""
    parameters: Mapped[dict[str, Any]]
    reason: Mapped[str]
    state: Mapped[str]
    """running, completed, stopped or aborted."""
    position: Mapped[int]
    """Of the current step, from 0."""
    started_at: Mapped[int]
    started_by: Mapped[str]
    ended_at: Mapped[int | None]


class PlanRunStep(Base):
    """How far a step of a run has come."""

    __tablename__ = "plan_run_steps"
    __table_args__ = (UniqueConstraint("run_id", "position"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("plan_runs.id"))
    position: Mapped[int]
    state: Mapped[str]
    attempts: Mapped[int] = mapped_column(default=0)
    since_at: Mapped[int]
    """Since when it is in its state."""
    began_at: Mapped[int | None]
    """When its turn came."""
    ended_at: Mapped[int | None]
    confirmed_by: Mapped[str | None]
    confirmed_at: Mapped[int | None]
    command_id: Mapped[int | None] = mapped_column(ForeignKey("commands.id"))
    """Its last command."""
    refusal: Mapped[str] = mapped_column(default="")
    """Why the server itself did not give the command."""
    note: Mapped[str] = mapped_column(default="")
    """How it ended, or what has to be decided."""


class PlanRunChange(Base):
    """One line of a run's history; only ever added."""

    __tablename__ = "plan_run_changes"

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("plan_runs.id"), index=True)
    position: Mapped[int | None]
    """Of the step; none when it is about the run."""
    at: Mapped[int]
    kind: Mapped[str]
    by: Mapped[str | None]
    note: Mapped[str]
