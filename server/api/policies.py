"""/escalation-policies: who is notified of an incident, and who next."""

from functools import cache
from http import HTTPStatus
from typing import Annotated

from fastapi import Query, Response
from pydantic import BaseModel, computed_field

from config.classes import Severity, Trade
from config.people import PolicySettings
from server.api.context import PAGE, Cursor, Limit, Use, problems
from server.api.entries import (
    AcceptsGapsIn,
    EntryItem,
    EntryPages,
    Key,
    delete_entry,
    save_entry,
    show_entry,
)
from server.api.etag import IfMatch
from server.api.rights import PeopleReader, PeopleWriter
from server.api.rosters import ContactItem, DutyReader, SiteKey, contacts
from server.api.router import api_router
from server.api.visible import require_site
from server.incidents.escalation_rules import DEFAULTS, choose
from server.people.channels import channel_names
from server.people.service import POLICIES, load_directory

router = api_router(tag="people", responses=problems())


class PolicyIn(AcceptsGapsIn, PolicySettings):
    """Who is notified, and who next."""


class PolicyItem(PolicySettings, EntryItem):
    """Who is notified, and who next; version 0 is packaged and holds where no other fits."""

    @computed_field(json_schema_extra={"deprecated": True})
    @property
    def accept_holes(self) -> bool:
        """The name of accept_gaps before."""
        return self.accept_gaps


class StepPreview(BaseModel):
    """One step, and whom it would reach now."""

    after_s: float
    who: list[str]
    persons: list[ContactItem]


class PolicyPreview(BaseModel):
    """The policy that an incident would get now."""

    policy: str
    steps: list[StepPreview]


_PAGES = EntryPages(POLICIES, PolicyItem)


@router.get("/escalation-policies", response_model=_PAGES.model)
def list_escalation_policies(
    use: Use, _caller: PeopleReader, limit: Limit = PAGE, cursor: Cursor = None
) -> Response:
    """List the policies, by key; the packaged ones follow at the end."""
    return _PAGES.list(use, limit=limit, cursor=cursor, after=_packaged())


@router.get("/escalation-policies/{key}", responses=problems(404))
def get_escalation_policy(
    key: Key, use: Use, _caller: PeopleReader, response: Response
) -> PolicyItem:
    """Show one policy; the ETag is the version."""
    return show_entry(use, POLICIES, PolicyItem, key, response)


@router.put("/escalation-policies/{key}", responses=problems(403, 412))
def save_escalation_policy(
    key: Key,
    body: PolicyIn,
    use: Use,
    caller: PeopleWriter,
    response: Response,
    *,
    if_match: IfMatch = None,
) -> PolicyItem:
    """Make or change a policy; open incidents keep the one that they opened with."""
    return save_entry(
        use, POLICIES, PolicyItem, key, body, by=caller.name, if_match=if_match, response=response
    )


@router.delete(
    "/escalation-policies/{key}", status_code=HTTPStatus.NO_CONTENT, responses=problems(403, 404)
)
def delete_escalation_policy(key: Key, use: Use, caller: PeopleWriter) -> None:
    """Delete a policy; open incidents keep it."""
    delete_entry(use, POLICIES, key, by=caller.name)


@router.get("/sites/{site}/escalation")
def preview_escalation(
    site: SiteKey,
    use: Use,
    caller: DutyReader,
    trade: Annotated[Trade, Query(description="Of the equipment.")],
    severity: Annotated[Severity, Query(description="Of the incident.")],
) -> PolicyPreview:
    """Show whom an incident would call if it opened now."""
    use.records.read(lambda session: require_site(session, site, caller.scope))
    channels, now = channel_names(use.settings.messages), use.clock.now_ms()
    directory = use.records.read(lambda session: load_directory(session, channels))
    key, policy = choose(directory.people.policies, site=site, trade=trade, severity=severity)
    return PolicyPreview(
        policy=key,
        steps=[
            StepPreview(
                after_s=step.after_s,
                who=list(step.who),
                persons=[
                    contact
                    for who in step.who
                    for contact in contacts(
                        directory, directory.resolve(who, site=site, trade=trade, at=now)
                    )
                ],
            )
            for step in policy.steps
        ],
    )


@cache
def _packaged() -> list[PolicyItem]:
    about = {"version": 0, "changed_at": None, "changed_by": None}
    return [
        PolicyItem.model_validate(policy.model_dump() | about | {"key": key})
        for key, policy in DEFAULTS.items()
    ]
