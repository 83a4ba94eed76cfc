"""What a run writes down: lines of its history, events of the live stream and of the audit."""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.plans import EmergencyPlan, PlanStep
from server.assets.model import Equipment
from server.core.errors import NotFoundError
from server.core.records import record_event
from server.core.timers import set_timer
from server.plans.model import PlanRun, PlanRunChange, PlanRunStep

RUN = "plan-run"
"""Kind of the timer of a run."""
PLAN_EVENTS = "plans"
"""Topic of their events."""


@lru_cache(maxsize=100)
def _parsed(text: str) -> EmergencyPlan:
    return EmergencyPlan.model_validate_json(text)


def plan_of(run: PlanRun) -> EmergencyPlan:
    """Return the plan as it was when the run started."""
    return _parsed(json.dumps(run.body, sort_keys=True))


def step_of(run: PlanRun, position: int) -> PlanStep:
    """Return a step of the plan as it was."""
    return plan_of(run).steps[position]


def lock_run(session: Session, run_id: int) -> PlanRun:
    """Return a run as it is now, locked against everybody who would move it.

    Raises:
        NotFoundError: No such run.
    """
    session.flush()
    run = session.get(PlanRun, run_id, with_for_update=True, populate_existing=True)
    if run is None:
        raise NotFoundError(f"no plan run {run_id}")
    return run


def steps_of(session: Session, run_id: int) -> Sequence[PlanRunStep]:
    """Return the steps of a run, in their order."""
    query = select(PlanRunStep).where(PlanRunStep.run_id == run_id)
    return session.scalars(query.order_by(PlanRunStep.position)).all()


def current_step(session: Session, run: PlanRun) -> PlanRunStep:
    """Return the row of the current step."""
    query = select(PlanRunStep).where(
        PlanRunStep.run_id == run.id, PlanRunStep.position == run.position
    )
    return session.scalars(query.execution_options(populate_existing=True)).one()


def changes_of(session: Session, run_id: int) -> Sequence[PlanRunChange]:
    """Return the history of a run, oldest first."""
    query = select(PlanRunChange).where(PlanRunChange.run_id == run_id)
    return session.scalars(query.order_by(PlanRunChange.id)).all()


def look_at(session: Session, run: PlanRun, *, at: int) -> None:
    """Let the run be looked at then, by the process that has the values of its site."""
    key = session.get_one(Equipment, run.equipment_id).key
    payload = {"run": run.id, "equipment": key}
    set_timer(session, f"{RUN}/{run.id}", kind=RUN, due_at=at, payload=payload)


def record_change(
    session: Session,
    run: PlanRun,
    *,
    kind: str,
    at: int,
    step: PlanRunStep | None = None,
    by: str | None = None,
    note: str = "",
) -> None:
    """Write a line of the history and its event; what people do goes to the audit as well."""
    position = None if step is None else step.position
    session.add(PlanRunChange(run_id=run.id, position=position, at=at, kind=kind, by=by, note=note))
    payload = summary(run) | {
        "step": None if step is None else step_of(run, step.position).step,
        "step_state": None if step is None else step.state,
        "note": note,
    }
    topics = (PLAN_EVENTS,) if by is None else (PLAN_EVENTS, "audit")
    for topic in topics:
        record_event(
            session,
            at=at,
            topic=topic,
            kind=f"{RUN}.{kind}",
            subject_id=run.id,
            by=by,
            payload=payload,
        )


def summary(run: PlanRun) -> dict[str, Any]:
    """The run in events."""
    plan = plan_of(run)
    return {
        "id": run.id,
        "plan": run.plan,
        "name_en": marked_en(plan.name.en, drill=run.drill),
        "name_zh": marked_zh(plan.name.zh, drill=run.drill),
        "drill": run.drill,
        "state": run.state,
        "position": run.position,
        "incident_id": run.incident_id,
        "equipment_id": run.equipment_id,
    }


def marked_en(text: str, *, drill: bool) -> str:
    """Return a text, with the mark of a drill in front."""
    return f"DRILL: {text}" if drill else text


def marked_zh(text: str, *, drill: bool) -> str:
    """Return a text, with the mark of a drill in front."""
    return f"【演练】{text}" if drill else text
