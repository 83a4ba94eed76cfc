"""Shapes of emergency plans and their runs."""

from typing import Any

from pydantic import BaseModel
from sqlalchemy import bindparam, select, true
from sqlalchemy.orm import Session

from config.plans import EmergencyPlan
from server.api.pages import PageOf
from server.api.shapes import Instant, JsonValue, PointWords, fields_of
from server.assets.model import Equipment, Point
from server.assets.scoped import scoped
from server.commands.model import Command
from server.commands.service import UNDER_WAY, CommandState
from server.core.paging import Listing, columns_of
from server.plans.machine import WAITS_FOR_PEOPLE, StepState, over_at
from server.plans.model import PlanRun, PlanRunStep
from server.plans.record import changes_of, marked_en, marked_zh, plan_of, steps_of

_TIMED = {StepState.CONFIRMING, StepState.CONFIRMED, StepState.WAITING}


class CandidateItem(BaseModel):
    """Equipment that a key of the plan may mean."""

    id: int
    key: str
    name_en: str
    name_zh: str
    online: bool


class PlanOffer(BaseModel):
    """A plan that may be started from an incident."""

    plan: EmergencyPlan
    suggested: bool
    """The plan is made for incidents of this class and cause."""
    candidates: dict[str, list[CandidateItem]]
    """By key of the plan's equipment; choose one where there are several."""


class PlanRunItem(BaseModel):
    """One run of a plan."""

    id: int
    plan: str
    name_en: str
    """Begins with the mark of a drill."""
    name_zh: str
    drill: bool
    """Nothing is commanded."""
    state: str
    """running, completed, stopped (by a step) or aborted (by a person)."""
    step: str
    """Key of the current, else the last step."""
    step_state: str
    incident_id: int | None
    equipment_id: int
    equipment: str
    """Key of what it is about."""
    reason: str
    started_at: Instant
    started_by: str
    ended_at: Instant | None


class PlanCommandItem(BaseModel):
    """The last command of a step."""

    id: int
    state: CommandState
    value: JsonValue
    before: JsonValue
    after: JsonValue
    refusal: str
    words: PointWords
    """What people say for the states of its point."""


class PlanStepItem(BaseModel):
    """A step of a run."""

    step: str
    kind: str
    name_en: str
    name_zh: str
    text_en: str | None
    """What people are told; null for a command."""
    text_zh: str | None
    state: StepState
    attempts: int
    began_at: Instant | None
    since_at: Instant
    """Since when it is in its state."""
    due_at: Instant | None
    """When its time is over; null while nothing is waited for."""
    ended_at: Instant | None
    confirmed_by: str | None
    confirmed_at: Instant | None
    note: str
    """How it ended, or what has to be decided."""
    command: PlanCommandItem | None
    actions: list[str]
    """What a person may do now: confirm, second (confirm, by another person), skip, retry."""


class PlanChangeItem(BaseModel):
    """One line of a run's history."""

    at: Instant
    step: str | None
    kind: str
    by: str | None
    note: str


class PlanRunDetail(PlanRunItem):
    """One run with its steps and its history."""

    chosen: dict[str, str]
    """Key in the plan to key of the equipment."""
    parameters: dict[str, float]
    steps: list[PlanStepItem]
    changes: list[PlanChangeItem]


RUNS = Listing(
    select(
        *columns_of(PlanRun, "equipment", "parameters"),
        Equipment.key.label("equipment"),
        PlanRunStep.state.label("step_state"),
    )
    .join(Equipment, Equipment.id == PlanRun.equipment_id)
    .join(
        PlanRunStep,
        (PlanRunStep.run_id == PlanRun.id) & (PlanRunStep.position == PlanRun.position),
    ),
    key=PlanRun.id,
    newest_first=True,
    filters={
        "state": {
            "running": PlanRun.ended_at.is_(None),
            "ended": PlanRun.ended_at.is_not(None),
            "all": true(),
        },
        "incident": PlanRun.incident_id == bindparam("incident"),
        "id": PlanRun.id == bindparam("id"),
        **scoped(),
    },
)
RUN_PAGES = PageOf(PlanRunItem)


def run_fields(row: Any) -> dict[str, Any]:  # noqa: ANN401 (a row of RUNS)
    """Return what is shown of a run."""
    fields = RUNS.fields(row)
    body = fields.pop("body")
    name, step = body["name"], body["steps"][fields.pop("position")]
    fields["name_en"] = marked_en(name["en"], drill=fields["drill"])
    fields["name_zh"] = marked_zh(name["zh"], drill=fields["drill"])
    fields["step"] = step["step"]
    return fields


def run_detail(session: Session, run: PlanRun) -> PlanRunDetail:
    """Show a run."""
    (row,) = RUNS.all(session, id=run.id)
    plan = plan_of(run)
    keys = {
        key: session.get_one(Equipment, equipment).key for key, equipment in run.equipment.items()
    }
    return PlanRunDetail(
        **run_fields(row),
        chosen=keys,
        parameters=run.parameters,
        steps=[_step(session, run, one, plan) for one in steps_of(session, run.id)],
        changes=[
            PlanChangeItem(
                at=one.at,
                step=None if one.position is None else plan.steps[one.position].step,
                kind=one.kind,
                by=one.by,
                note=one.note,
            )
            for one in changes_of(session, run.id)
        ],
    )


def _step(session: Session, run: PlanRun, row: PlanRunStep, plan: EmergencyPlan) -> PlanStepItem:
    step = plan.steps[row.position]
    command = None if row.command_id is None else session.get_one(Command, row.command_id)
    state = StepState(row.state)
    text = None if step.kind == "command" else step.text
    return PlanStepItem(
        step=step.step,
        kind=step.kind,
        name_en=step.name.en,
        name_zh=step.name.zh,
        text_en=None if text is None else text.en,
        text_zh=None if text is None else text.zh,
        state=state,
        attempts=row.attempts,
        began_at=row.began_at,
        since_at=row.since_at,
        due_at=over_at(step, row.since_at) if state in _TIMED else None,
        ended_at=row.ended_at,
        confirmed_by=row.confirmed_by,
        confirmed_at=row.confirmed_at,
        note=row.note,
        command=None if command is None else _command(session, command),
        actions=_actions(run, row, command),
    )


def _command(session: Session, row: Command) -> PlanCommandItem:
    words = session.get_one(Point, row.point_id).words
    return PlanCommandItem.model_validate(fields_of(row) | {"words": words})


def _actions(run: PlanRun, row: PlanRunStep, command: Command | None) -> list[str]:
    if run.ended_at is not None or row.position != run.position or row.ended_at is not None:
        return []
    if command is not None and command.state == CommandState.PROPOSED:
        return ["second", "skip"]
    if command is not None and command.state in UNDER_WAY:
        return []
    if row.state == StepState.ATTENTION:
        return ["confirm", "retry", "skip"]
    return ["confirm", "skip"] if row.state in WAITS_FOR_PEOPLE else ["skip"]
