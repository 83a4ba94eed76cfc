"""/plan-runs: emergency plans that are carried out, or drilled."""

from functools import partial
from typing import Annotated, Literal, Protocol

from fastapi import Path, Query, Response
from pydantic import Field
from sqlalchemy.orm import Session

from config.base import IDENTIFIER_PATTERN
from server.access.principal import Principal
from server.access.roles import Permission
from server.api.context import PAGE, Cursor, Limit, OfIncident, RowId, Services, Use, problems
from server.api.lookup import find_equipment, get_or_404
from server.api.plan_page import PAPER, page_of_run
from server.api.plan_shapes import (
    RUN_PAGES,
    RUNS,
    PlanRunDetail,
    run_detail,
    run_fields,
)
from server.api.plans import PageLanguage, find_plan
from server.api.rights import PlantReader, may
from server.api.router import api_router
from server.api.shapes import Reason
from server.api.strict import Body
from server.api.visible import require_visible
from server.assets.model import Equipment
from server.assets.scoped import values_of
from server.core.paging import Found
from server.incidents.model import Incident
from server.incidents.service import get_incident
from server.plans.model import PlanRun
from server.plans.record import plan_of
from server.plans.service import Wish, abort, confirm, retry, skip, start

Runner = Annotated[Principal, may(Permission.PLANS_RUN)]
StepKey = Annotated[
    str, Path(max_length=64, pattern=IDENTIFIER_PATTERN, description="Key of the current step.")
]

router = api_router(prefix="/plan-runs", tag="plans", responses=problems(403))


class PlanWish(Body):
    """A plan that shall run."""

    plan: str = Field(max_length=64, pattern=IDENTIFIER_PATTERN, description="Key of the plan.")
    incident: Annotated[int, Field(ge=1, le=2**63 - 1)] | None = Field(
        default=None, description="Id of the incident; without one, choose equipment."
    )
    equipment: dict[str, Annotated[str, Field(max_length=200)]] = Field(
        default={},
        max_length=50,
        description="Key in the plan to id or key of equipment, where several fit.",
    )
    parameters: dict[str, float] = Field(
        default={}, max_length=50, description="What the plan asks for."
    )
    drill: bool = Field(
        default=False, description="Command nothing; whoever is told is told that it is one."
    )
    reason: Reason


class Confirmation(Body):
    """A person's word."""

    note: str = Field(
        default="",
        max_length=500,
        description="What was seen; demanded where the step was not done in its time.",
    )


class Decision(Body):
    """Why something else than the plan says is done."""

    reason: Reason


@router.post("", status_code=201, responses=problems(404, 409))
def start_plan(wish: PlanWish, use: Use, caller: Runner, response: Response) -> PlanRunDetail:
    """Start a plan, or hold a drill of it. Its first step begins at once."""

    def write(session: Session) -> PlanRunDetail:
        plan = find_plan(use, wish.plan)
        incident = None
        if wish.incident is not None:
            require_visible(session, Incident, wish.incident, "incident", caller.scope)
            incident = get_incident(session, wish.incident)
        chosen = {
            key: find_equipment(session, ref, caller.scope) for key, ref in wish.equipment.items()
        }
        run = start(
            session,
            Wish(plan, incident, chosen, wish.parameters, wish.drill, wish.reason),
            by=caller.name,
            now=use.clock.now_ms(),
        )
        _require_all(session, run, caller)
        return run_detail(session, run)

    detail = use.records.write(write)
    response.headers["Location"] = f"/api/v1/plan-runs/{detail.id}"
    return detail


@router.get("", response_model=RUN_PAGES.model)
def list_plan_runs(
    use: Use,
    caller: PlantReader,
    *,
    state: Annotated[
        Literal["running", "ended", "all"], Query(description="Which ones.")
    ] = "running",
    incident: OfIncident = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Response:
    """List runs, newest first."""

    def read(session: Session) -> Found:
        return RUNS.page(
            session,
            limit=limit,
            cursor=cursor,
            state=state,
            incident=incident,
            **values_of(caller.scope),
        )

    return RUN_PAGES.answer(use.records.read(read), run_fields)


@router.get("/{run_id}", responses=problems(404))
def get_plan_run(run_id: RowId, use: Use, caller: PlantReader) -> PlanRunDetail:
    """Show one run: its steps, what may be done now, and its history."""
    return use.records.read(lambda session: run_detail(session, _find(session, run_id, caller)))


@router.get("/{run_id}/print", response_class=Response, responses=PAPER)
def print_plan_run(
    run_id: RowId, use: Use, caller: PlantReader, language: PageLanguage = "zh"
) -> Response:
    """Return the run as a page for A4 paper: what was done when, by whom, with which result."""

    def read(session: Session) -> Response:
        run = _find(session, run_id, caller)
        return page_of_run(plan_of(run), run_detail(session, run), language)

    return use.records.read(read)


@router.post("/{run_id}/steps/{step}/confirm", responses=problems(404, 409))
def confirm_plan_step(
    run_id: RowId, step: StepKey, use: Use, caller: Runner, word: Confirmation | None = None
) -> PlanRunDetail:
    """Say that the step shall be done, or is done; or confirm its command as the second person."""
    note = "" if word is None else word.note
    return _change(use, caller, run_id, partial(confirm, key=step, note=note))


@router.post("/{run_id}/steps/{step}/skip", responses=problems(404, 409))
def skip_plan_step(
    run_id: RowId, step: StepKey, decision: Decision, use: Use, caller: Runner
) -> PlanRunDetail:
    """Leave the current step out."""
    return _change(use, caller, run_id, partial(skip, key=step, reason=decision.reason))


@router.post("/{run_id}/steps/{step}/retry", responses=problems(404, 409))
def retry_plan_step(
    run_id: RowId, step: StepKey, decision: Decision, use: Use, caller: Runner
) -> PlanRunDetail:
    """Do a step again that needs a decision; a command goes out anew."""
    return _change(use, caller, run_id, partial(retry, key=step, reason=decision.reason))


@router.post("/{run_id}/abort", responses=problems(404, 409))
def abort_plan_run(run_id: RowId, decision: Decision, use: Use, caller: Runner) -> PlanRunDetail:
    """End a run where it is; a command that is under way is not called back."""
    return _change(use, caller, run_id, partial(abort, reason=decision.reason))


class _Verb(Protocol):
    """What people do with a run."""

    def __call__(self, session: Session, run_id: int, *, by: str, now: int) -> PlanRun:
        """Do it."""
        ...


def _change(use: Services, caller: Principal, run_id: int, verb: _Verb) -> PlanRunDetail:
    def write(session: Session) -> PlanRunDetail:
        _require_all(session, _find(session, run_id, caller), caller)
        run = verb(session, run_id, by=caller.name, now=use.clock.now_ms())
        return run_detail(session, run)

    return use.records.write(write)


def _find(session: Session, run_id: int, caller: Principal) -> PlanRun:
    return get_or_404(session, PlanRun, run_id, "plan run", caller.scope)


def _require_all(session: Session, run: PlanRun, caller: Principal) -> None:
    """Go on when everything that the run commands is in the caller's scope.

    Raises:
        NotFoundError: Some of it is not there for this caller.
    """
    for equipment in run.equipment.values():
        require_visible(session, Equipment, equipment, "equipment", caller.scope)
