"""Rows of an escalation: steps, their timers, and the answer that stops them."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.people import PolicySettings
from server.core.timers import cancel_timer, set_timer
from server.incidents.escalation_rules import PlannedStep
from server.incidents.model import Incident, IncidentChange, IncidentStep
from server.messages.attempts import is_unreached
from server.messages.withdrawals import withdraw

STEP = "incident-step"
"""Timer of a step."""
IDLE = "incident-idle"
"""Timer of an acknowledgement that must be followed by work."""

PENDING, DONE, NOBODY, CANCELLED = "pending", "done", "nobody", "cancelled"
UNREACHED = "unreached"
"""None of the messages of the step reached anybody."""


def policy_of(incident: Incident) -> PolicySettings | None:
    """Return the policy that is frozen into the incident."""
    return (
        None
        if incident.policy is None
        else PolicySettings.model_validate(incident.policy["policy"])
    )


def write_plan(
    session: Session, incident: Incident, policy: PolicySettings, planned: Iterable[PlannedStep]
) -> None:
    """Write the steps with their timers; what is due at once runs without one."""
    plan = (incident.policy or {}).get("plan", 1)
    for one in planned:
        step = policy.steps[one.position]
        session.add(
            IncidentStep(
                incident_id=incident.id,
                number=one.number,
                plan=plan,
                round=one.round,
                position=one.position,
                due_at=one.due_at,
                state=PENDING,
                who=step.model_dump(mode="json"),
                notified={},
            )
        )
        set_timer(
            session,
            step_key(incident.id, one.number),
            kind=STEP,
            due_at=one.due_at,
            payload={"incident": incident.id, "number": one.number},
        )
    session.flush()


def steps_of(session: Session, incident_id: int) -> Sequence[IncidentStep]:
    """Return all steps, the first first."""
    query = select(IncidentStep).where(IncidentStep.incident_id == incident_id)
    return session.scalars(query.order_by(IncidentStep.number)).all()


def changes_of(session: Session, incident_id: int) -> Sequence[IncidentChange]:
    """Return the incident's history, oldest first."""
    query = select(IncidentChange).where(IncidentChange.incident_id == incident_id)
    return session.scalars(query.order_by(IncidentChange.id)).all()


def next_number(session: Session, incident_id: int) -> int:
    """Return the number of the next new step."""
    newest = select(func.max(IncidentStep.number)).where(IncidentStep.incident_id == incident_id)
    return (session.scalar(newest) or 0) + 1


def next_pending(session: Session, incident_id: int) -> IncidentStep | None:
    """Return the first step that has not run."""
    query = (
        select(IncidentStep)
        .where(IncidentStep.incident_id == incident_id, IncidentStep.state == PENDING)
        .order_by(IncidentStep.number)
        .limit(1)
    )
    return session.scalar(query)


def step_key(incident_id: int, number: int) -> str:
    """Return the key of a step's timer."""
    return f"{STEP}/{incident_id}/{number}"


def message_key(incident_id: int, number: int, person: str) -> str:
    """Return the key of the first message of a step to a person."""
    return f"{STEP}/{incident_id}/{number}/{person}"


def unreached_step(session: Session, incident: Incident, key: str) -> IncidentStep | None:
    """Return the step that wrote the message with this key when it has reached nobody at all.

    None for a step of an older plan, and for one of which that is known already.
    """
    kind, _, rest = key.partition("/")
    number = rest.split("/")[1] if kind == STEP and "/" in rest else ""
    if not number.isdecimal():
        return None
    query = select(IncidentStep).where(
        IncidentStep.incident_id == incident.id,
        IncidentStep.number == int(number),
        IncidentStep.plan == (incident.policy or {}).get("plan", 1),
        IncidentStep.state == DONE,
    )
    step = session.scalar(query)
    if step is None or not all(is_unreached(session, one["key"]) for one in step.notified.values()):
        return None
    return step


def idle_key(incident_id: int) -> str:
    """Return the key of the idle timer of an acknowledgement."""
    return f"{IDLE}/{incident_id}"


def stop(session: Session, incident_id: int, *, now: int) -> None:
    """Cancel the steps that have not run, the messages that have not left, and the idle timer."""
    withdraw(session, incident_id=incident_id, keys=f"{STEP}/{incident_id}/", now=now)
    cancel_timer(session, idle_key(incident_id))
    for step in steps_of(session, incident_id):
        if step.state == PENDING:
            step.state = CANCELLED
            cancel_timer(session, step_key(incident_id, step.number))
    session.flush()


def clear_acknowledgement(session: Session, incident: Incident) -> None:
    """Clear it: something new has happened since, or no activity followed."""
    incident.acknowledged_at = incident.acknowledged_by = incident.assignee = None
    cancel_timer(session, idle_key(incident.id))


def start_idle_timer(session: Session, incident: Incident, *, now: int) -> None:
    """Start the idle time of an acknowledged incident: by its end the work must have begun."""
    policy = policy_of(incident)
    waits = incident.acknowledged_at is not None and incident.closed_at is None
    if policy is None or policy.idle_s is None or not waits:
        return
    set_timer(
        session,
        idle_key(incident.id),
        kind=IDLE,
        due_at=now + round(policy.idle_s * 1000),
        payload={"incident": incident.id},
    )


def add_change(
    session: Session,
    incident: Incident,
    *,
    kind: str,
    at: int,
    by: str | None = None,
    note: str | None = None,
) -> None:
    """Write one line of the incident's history."""
    session.add(IncidentChange(incident_id=incident.id, at=at, kind=kind, by=by, note=note))


def planned(steps: Iterable[IncidentStep]) -> list[PlannedStep]:
    """Return rows as values."""
    return [PlannedStep(one.number, one.round, one.position, one.due_at) for one in steps]


def frozen(key: str, policy: PolicySettings, *, plan: int, site: str, trade: str) -> dict[str, Any]:
    """Return what the incident keeps of a policy, whatever becomes of the policy later."""
    body = policy.model_dump(mode="json")
    return {"key": key, "plan": plan, "site": site, "trade": trade, "policy": body}
