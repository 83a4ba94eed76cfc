"""/alarm-rule-proposals: what weakens a rule of life safety, which two persons do."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, String, bindparam, cast, or_, select
from sqlalchemy.orm import Session

from server.access.scope import Scope as Reach
from server.alarms.model import AlarmRuleProposal
from server.alarms.overrides import StaleRuleError, find_override
from server.alarms.proposals import (
    ProposalState,
    confirm,
    locked,
    place_of,
    propose,
    state_of,
    withdraw,
)
from server.api.alarm_rules import OfEquipment, OfSite, RuleId, RuleReader, RuleWriter
from server.api.context import PAGE, Cursor, Limit, RowId, Services, Use, problems
from server.api.pages import PageOf
from server.api.router import api_router
from server.api.rule_checks import check_change, check_without
from server.api.rule_shapes import Scope, scope_of, writable_place
from server.api.shapes import Instant, fields_of
from server.api.strict import Body
from server.assets.model import Equipment, Site
from server.assets.scoped import conditions
from server.core.errors import ConflictError, NotFoundError
from server.core.paging import Found, Listing, columns_of
from server.core.problem import ProblemError

router = api_router(tag="alarms", responses=problems())


class Proposal(Body):
    """What shall differ of a rule of life safety, and why."""

    changes: dict[str, Any] | None
    """As of PUT /alarm-rules/{rule}; null: what this place changes is taken back."""
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class ProposalItem(BaseModel):
    """A change that holds once another person has confirmed it."""

    id: int
    rule: str
    scope: str
    """class, site or equipment."""
    target: str
    """Key of the site, id of the equipment; empty for the class."""
    changes: dict[str, Any] | None
    """Null: what this place changes is taken back."""
    weakens: str
    """In which way the rule would be less."""
    reason: str
    proposed_by: str
    proposed_at: Instant
    expires_at: Instant
    """Until then another person may confirm it."""
    confirmed_by: str | None
    confirmed_at: Instant | None
    withdrawn_by: str | None
    withdrawn_at: Instant | None
    state: ProposalState


_PROPOSALS = Listing(
    select(*columns_of(AlarmRuleProposal)),
    key=AlarmRuleProposal.id,
    newest_first=True,
    filters={"rule": AlarmRuleProposal.rule == bindparam("rule")},
)
_PAGES = PageOf(ProposalItem)


@router.post(
    "/alarm-rules/{rule}/proposals",
    status_code=HTTPStatus.CREATED,
    responses=problems(403, 404, 409),
)
def propose_alarm_rule(
    rule: RuleId,
    use: Use,
    caller: RuleWriter,
    body: Proposal,
    *,
    site: OfSite = None,
    equipment: OfEquipment = None,
) -> ProposalItem:
    """Propose to weaken a rule of life safety; another person confirms it within an hour."""
    now = use.clock.now_ms()

    def write(session: Session) -> ProposalItem:
        scope = scope_of(session, site, equipment, caller.scope)
        place = writable_place(scope, rule, caller.scope)
        if body.changes is not None:
            less = check_change(session, use, place, scope, body.changes)
        elif find_override(session, place) is None:
            raise NotFoundError(f"{rule} is not changed for this {place.scope}")
        else:
            less = check_without(session, use, place)
        if not less:
            raise ConflictError(
                "this weakens no rule of life safety; one person does it: /alarm-rules/{rule}"
            )
        row = propose(
            session,
            place,
            changes=body.changes,
            weakens=less,
            reason=body.reason,
            by=caller.name,
            now=now,
        )
        return _item(row, now)

    return use.records.write(write)


@router.get("/alarm-rule-proposals", response_model=_PAGES.model)
def list_alarm_rule_proposals(
    use: Use,
    caller: RuleReader,
    rule: Annotated[str | None, Query(max_length=130, description="<class>.<rule>")] = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Response:
    """List what was proposed for rules of life safety, newest first."""
    now = use.clock.now_ms()

    def read(session: Session) -> Found:
        seen = None if caller.scope.is_everything else _seen(caller.scope)
        return _PROPOSALS.page(session, limit=limit, cursor=cursor, where=seen, rule=rule)

    return _PAGES.answer(
        use.records.read(read),
        lambda row: _PROPOSALS.fields(row) | {"state": state_of(row, at=now)},
    )


@router.post("/alarm-rule-proposals/{proposal_id}/confirm", responses=problems(403, 404, 409, 412))
def confirm_alarm_rule_proposal(proposal_id: RowId, use: Use, caller: RuleWriter) -> ProposalItem:
    """Confirm it as the second person; it holds within a second."""
    now = use.clock.now_ms()

    def write(session: Session) -> ProposalItem:
        row, scope = _decidable(session, proposal_id, caller.scope)
        if state_of(row, at=now) is ProposalState.PROPOSED:
            _check_again(session, use, row, scope)
        confirm(session, row, by=caller.name, now=now)
        return _item(row, now)

    try:
        return use.records.write(write)
    except StaleRuleError as error:
        words = f"{error}; propose it again"
        raise ProblemError(HTTPStatus.PRECONDITION_FAILED, words) from error


@router.post("/alarm-rule-proposals/{proposal_id}/withdraw", responses=problems(403, 404, 409))
def withdraw_alarm_rule_proposal(proposal_id: RowId, use: Use, caller: RuleWriter) -> ProposalItem:
    """Take it back, or refuse it."""
    now = use.clock.now_ms()

    def write(session: Session) -> ProposalItem:
        row, _ = _decidable(session, proposal_id, caller.scope)
        withdraw(session, row, by=caller.name, now=now)
        return _item(row, now)

    return use.records.write(write)


def _check_again(session: Session, use: Services, row: AlarmRuleProposal, scope: Scope) -> None:
    """Refuse what would not do any more what was proposed: something else was changed since.

    Raises:
        ConflictError: The rule would be less in another way, or narrower changes stand on it.
        FieldError: It would make no rule.
    """
    place = place_of(row)
    less = (
        check_without(session, use, place)
        if row.changes is None
        else check_change(session, use, place, scope, row.changes)
    )
    # Nothing that is less: its own place was changed, which its version says.
    if less and less != row.weakens:
        raise ConflictError(f"it would now do something else ({less}); propose it again")


def _decidable(session: Session, proposal_id: int, reach: Reach) -> tuple[AlarmRuleProposal, Scope]:
    """Return a proposal that is in somebody's reach, and where it is for.

    Raises:
        NotFoundError: There is none that this caller sees.
        ForbiddenError: It holds for more than the caller's equipment.
    """
    row = locked(session, proposal_id)
    seen = select(AlarmRuleProposal.id).where(AlarmRuleProposal.id == row.id, _seen(reach))
    if session.scalar(seen) is None:
        raise NotFoundError(f"no proposal {proposal_id}")
    site = row.target if row.scope == "site" else None
    equipment = row.target if row.scope == "equipment" else None
    scope = scope_of(session, site, equipment, reach)
    writable_place(scope, row.rule, reach)
    return row, scope


def _seen(reach: Reach) -> ColumnElement[bool]:
    """Return the condition on proposals that somebody may see; those of classes all may."""
    equipment = select(Equipment.id).where(*conditions(reach))
    sites = select(Site.key).join(Equipment).where(*conditions(reach))
    scope, target = AlarmRuleProposal.scope, AlarmRuleProposal.target
    return or_(
        scope == "class",
        (scope == "site") & target.in_(sites),
        (scope == "equipment")
        & target.in_(equipment.with_only_columns(cast(Equipment.id, String))),
    )


def _item(row: AlarmRuleProposal, now: int) -> ProposalItem:
    return ProposalItem.model_validate(fields_of(row) | {"state": state_of(row, at=now)})
