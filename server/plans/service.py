"""What people do with plans: start, confirm, skip, try again, abort. Each a transaction's part."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.plans import EmergencyPlan, serves
from server.assets.model import Equipment, Site
from server.commands.model import Command
from server.commands.second_person import confirm as confirm_command
from server.commands.second_person import withdraw
from server.commands.service import UNDER_WAY, CommandState
from server.core.errors import ArgumentError, ConflictError
from server.core.timers import cancel_timer
from server.incidents.model import Incident
from server.plans.choosing import choose, parameters_of
from server.plans.machine import WAITS_FOR_PEOPLE, StepState, after_confirmation
from server.plans.model import PlanRun, PlanRunStep
from server.plans.record import (
    RUN,
    current_step,
    lock_run,
    look_at,
    record_change,
    step_of,
)
from server.plans.runner import begin_step, end_run, end_step


@dataclass(frozen=True, slots=True)
class Wish:
    """How a plan shall run.

    Attributes:
        plan: Which.
        incident: From which incident; None when somebody called.
        equipment: What was chosen, by key in the plan.
        parameters: What was given.
        drill: Nothing is commanded.
        reason: Why; it goes on record.
    """

    plan: EmergencyPlan
    incident: Incident | None
    equipment: Mapping[str, Equipment]
    parameters: Mapping[str, float]
    drill: bool
    reason: str


def start(session: Session, wish: Wish, *, by: str, now: int) -> PlanRun:
    """Start a plan; its first step begins at once.

    Raises:
        ConflictError: It runs already for the incident, or there is nothing for it.
        InvalidError: Equipment or a parameter that does not fit.
    """
    plan, incident = wish.plan, wish.incident
    of = _about(session, wish)
    site = session.get_one(Site, of.site_id).key
    if not serves(plan, site):
        raise ConflictError(
            f"{plan.plan} is not a plan of {site}; it is for: {', '.join(plan.sites)}"
        )
    if incident is not None and not wish.drill:
        _refuse_second(session, plan, incident)
    run = PlanRun(
        plan=plan.plan,
        body=plan.model_dump(mode="json", by_alias=True),
        equipment_id=of.id,
        incident_id=None if incident is None else incident.id,
        drill=wish.drill,
        equipment=choose(session, plan, of, wish.equipment),
        parameters=parameters_of(plan, wish.parameters),
        reason=wish.reason,
        state="running",
        position=0,
        started_at=now,
        started_by=by,
    )
    session.add(run)
    session.flush()
    rows = [
        PlanRunStep(run_id=run.id, position=position, state=StepState.PENDING, since_at=now)
        for position in range(len(plan.steps))
    ]
    session.add_all(rows)
    session.flush()
    record_change(session, run, kind="started", at=now, by=by, note=wish.reason)
    begin_step(session, run, rows[0], now=now)
    return run


def confirm(session: Session, run_id: int, key: str, *, by: str, note: str, now: int) -> PlanRun:
    """A person says that the step shall be done, or is done; or is the second person.

    Raises:
        NotFoundError: No such run.
        ConflictError: It is not the current step, or waits for nobody.
        ForbiddenError: The second person is the first one.
        InvalidError: Something that was not done in time needs a note.
    """
    run, row = _current(session, run_id, key)
    state = StepState(row.state)
    command = _command(session, row)
    if command is not None and command.state == CommandState.PROPOSED:
        confirm_command(session, command.id, by=by, at=now)
        record_change(session, run, kind="seconded", step=row, at=now, by=by, note=note)
        look_at(session, run, at=now)
        return run
    if state not in WAITS_FOR_PEOPLE:
        raise ConflictError(f"step {key} is {state}; it waits for no confirmation")
    if state is StepState.ATTENTION and not note:
        raise ArgumentError("note", "say how it was done; the plan could not")
    row.confirmed_by, row.confirmed_at = by, now
    following = after_confirmation(state)
    if following is StepState.DONE:
        end_step(session, run, row, following, note=note, now=now, by=by)
    else:
        row.state, row.since_at, row.note = following, now, note
        record_change(session, run, kind=str(following), step=row, at=now, by=by, note=note)
        look_at(session, run, at=now)
    return run


def skip(session: Session, run_id: int, key: str, *, by: str, reason: str, now: int) -> PlanRun:
    """Leave a step out.

    Raises:
        NotFoundError: No such run.
        ConflictError: It is not the current step, or its command is under way.
    """
    run, row = _current(session, run_id, key)
    command = _command(session, row)
    if command is not None and command.state == CommandState.PROPOSED:
        withdraw(session, command.id, by=by, at=now)
    elif command is not None and command.state in UNDER_WAY:
        raise ConflictError(f"command {command.id} of step {key} is under way; wait for its answer")
    end_step(session, run, row, StepState.SKIPPED, note=reason, now=now, by=by)
    return run


def retry(session: Session, run_id: int, key: str, *, by: str, reason: str, now: int) -> PlanRun:
    """Do a step again that a person has to decide on.

    Raises:
        NotFoundError: No such run.
        ConflictError: It is not the current step, or nothing has to be decided.
    """
    run, row = _current(session, run_id, key)
    if row.state != StepState.ATTENTION:
        raise ConflictError(f"step {key} is {row.state}; only one that needs attention is retried")
    row.state, row.since_at, row.note = StepState.CONFIRMED, now, reason
    row.confirmed_by, row.confirmed_at = by, now
    record_change(session, run, kind="retried", step=row, at=now, by=by, note=reason)
    look_at(session, run, at=now)
    return run


def abort(session: Session, run_id: int, *, by: str, reason: str, now: int) -> PlanRun:
    """End a run where it is. A command that is under way is not called back.

    Raises:
        NotFoundError: No such run.
        ConflictError: It is over.
    """
    run = _running(session, run_id)
    row = current_step(session, run)
    command = _command(session, row)
    if command is not None and command.state == CommandState.PROPOSED:
        withdraw(session, command.id, by=by, at=now)
    if row.ended_at is None:
        end_step(session, run, row, StepState.FAILED, note=f"aborted: {reason}", now=now, by=by)
    end_run(session, run, "aborted", now=now, by=by, note=reason)
    cancel_timer(session, f"{RUN}/{run.id}")
    return run


def _about(session: Session, wish: Wish) -> Equipment:
    """Return the equipment that a run is about, which says where it is."""
    if wish.incident is not None:
        return session.get_one(Equipment, wish.incident.equipment_id)
    for key in wish.plan.equipment:
        if key in wish.equipment:
            return wish.equipment[key]
    named = ", ".join(wish.plan.equipment) or "none"
    raise ArgumentError("incident", f"give one, or equipment of the plan (it has: {named})")


def _refuse_second(session: Session, plan: EmergencyPlan, incident: Incident) -> None:
    session.get_one(Incident, incident.id, with_for_update=True)
    query = select(PlanRun.id).where(
        PlanRun.plan == plan.plan,
        PlanRun.incident_id == incident.id,
        PlanRun.ended_at.is_(None),
        PlanRun.drill.is_(False),
    )
    running = session.scalar(query)
    if running is not None:
        raise ConflictError(f"{plan.plan} runs already for incident {incident.id}: run {running}")


def _running(session: Session, run_id: int) -> PlanRun:
    run = lock_run(session, run_id)
    if run.ended_at is not None:
        raise ConflictError(f"plan run {run.id} is {run.state}")
    return run


def _current(session: Session, run_id: int, key: str) -> tuple[PlanRun, PlanRunStep]:
    run = _running(session, run_id)
    row = current_step(session, run)
    current = step_of(run, row.position).step
    if key != current or row.ended_at is not None:
        at = current if row.ended_at is None else f"the one after {current}"
        raise ConflictError(f"step {key} is not the current one; that is {at}")
    return run, row


def _command(session: Session, row: PlanRunStep) -> Command | None:
    if row.command_id is None:
        return None
    return session.get_one(Command, row.command_id, with_for_update=True, populate_existing=True)
