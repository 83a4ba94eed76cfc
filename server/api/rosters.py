"""/rosters: who is on duty, its exceptions, and the hours without anybody on duty."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Path, Query, Response
from pydantic import AliasChoices, BaseModel, Field, computed_field
from sqlalchemy import select

from config.base import Identifier
from config.classes import Trade
from config.people import RosterSettings
from server.access.principal import Principal
from server.access.roles import Permission
from server.api.context import PAGE, Cursor, Limit, RowId, Use, problems
from server.api.entries import (
    AcceptGaps,
    AcceptsGapsIn,
    CoverageGapItem,
    EntryItem,
    EntryPages,
    Key,
    delete_entry,
    gap_item,
    save_entry,
    show_entry,
)
from server.api.etag import IfMatch
from server.api.rights import PeopleReader, PeopleWriter, may
from server.api.router import api_router
from server.api.shapes import Instant, InstantIn
from server.api.strict import Body
from server.api.visible import require_site
from server.core.problem import FieldError
from server.jobs.coverage import all_gaps, needs_of
from server.people.channels import channel_names
from server.people.directory import Directory
from server.people.model import RosterChange
from server.people.service import ROSTERS, get_entry, load_directory
from server.people.swaps import NewChange, change_roster, undo_change

router = api_router(tag="people", responses=problems())

_MAX_SPAN_MS = 92 * 86_400_000
RosterChanger = Annotated[Principal, may(Permission.ROSTERS_CHANGE)]
DutyReader = Annotated[Principal, may(Permission.DUTY_READ)]
SiteKey = Annotated[str, Path(max_length=64, description="Key of a site.")]


class RosterIn(AcceptsGapsIn, RosterSettings):
    """Who is on duty for some trades at some estates."""


class RosterItem(RosterSettings, EntryItem):
    """Who is on duty for some trades at some estates."""

    @computed_field(json_schema_extra={"deprecated": True})
    @property
    def accept_holes(self) -> bool:
        """The name of accept_gaps before."""
        return self.accept_gaps


class SpanItem(BaseModel):
    """Somebody's duty without a break."""

    start: Instant
    end: Instant
    person: str
    """Key of the person."""
    name: str
    part: str
    """duty or leader."""


class DutyPlan(BaseModel):
    """The pattern with all exceptions applied."""

    items: list[SpanItem]


class ChangeIn(Body):
    """An exception: somebody is away, somebody is there, or one for the other."""

    start: InstantIn
    end: InstantIn
    off: Identifier | None = None
    """Key of the person who is not on duty."""
    on: Identifier | None = None
    """Key of the person who is."""
    reason: Annotated[str, Field(max_length=200)] = ""


class ChangesIn(Body):
    """Exceptions that belong together; a swap is two of them."""

    changes: Annotated[list[ChangeIn], Field(min_length=1, max_length=100)]
    accept_gaps: Annotated[
        bool, Field(validation_alias=AliasChoices("accept_gaps", "accept_holes"))
    ] = False
    """True: hours without anybody are a warning, not a refusal."""


class ChangeItem(BaseModel):
    """An exception as it is kept."""

    id: int
    start_at: Instant
    end_at: Instant
    off: str | None
    on: str | None
    reason: str
    changed_at: Instant
    changed_by: str


class ChangeList(BaseModel):
    """The exceptions of a roster, oldest first."""

    items: list[ChangeItem]


class ChangesOut(ChangeList):
    """What was written, and the gaps that were accepted."""

    warnings: list[CoverageGapItem]


class ContactItem(BaseModel):
    """Somebody who would be called."""

    key: str
    name: str
    channels: list[str]
    """Those that the server has; none: this person cannot be reached."""


class OnDuty(BaseModel):
    """Who would come, for one trade at one instant."""

    at: Instant
    on_duty: list[ContactItem]
    leaders: list[ContactItem]
    managers: list[ContactItem]


class Coverage(BaseModel):
    """What is missing for what the estates have; empty when everything is in order."""

    checked_at: Instant
    gaps: list[CoverageGapItem]

    @computed_field(json_schema_extra={"deprecated": True})
    @property
    def holes(self) -> list[CoverageGapItem]:
        """The name of gaps before."""
        return self.gaps


_PAGES = EntryPages(ROSTERS, RosterItem)


@router.get("/rosters", response_model=_PAGES.model)
def list_rosters(
    use: Use, _caller: PeopleReader, limit: Limit = PAGE, cursor: Cursor = None
) -> Response:
    """List the rosters, by key."""
    return _PAGES.list(use, limit=limit, cursor=cursor)


@router.get("/rosters/{key}", responses=problems(404))
def get_roster(key: Key, use: Use, _caller: PeopleReader, response: Response) -> RosterItem:
    """Show one roster; the ETag is the version."""
    return show_entry(use, ROSTERS, RosterItem, key, response)


@router.put("/rosters/{key}", responses=problems(403, 412))
def save_roster(
    key: Key,
    body: RosterIn,
    use: Use,
    caller: PeopleWriter,
    response: Response,
    *,
    if_match: IfMatch = None,
) -> RosterItem:
    """Make or change a roster; hours without anybody are refused unless accept_gaps is true."""
    return save_entry(
        use, ROSTERS, RosterItem, key, body, by=caller.name, if_match=if_match, response=response
    )


@router.delete("/rosters/{key}", status_code=HTTPStatus.NO_CONTENT, responses=problems(403, 404))
def delete_roster(key: Key, use: Use, caller: PeopleWriter, *, accept_gaps: AcceptGaps) -> None:
    """Delete a roster with its exceptions; refused when that leaves hours without anybody."""
    delete_entry(use, ROSTERS, key, by=caller.name, accept_gaps=accept_gaps)


@router.get("/rosters/{key}/duty", responses=problems(404))
def get_duty_plan(
    key: Key,
    use: Use,
    _caller: PeopleReader,
    start: Annotated[InstantIn, Query(alias="from", description="First instant.")],
    end: Annotated[InstantIn, Query(alias="to", description="Instant after the last.")],
) -> DutyPlan:
    """Show who is on duty when, the exceptions applied."""
    if not start < end <= start + _MAX_SPAN_MS:
        raise FieldError("query.to", "after from, at most 92 days")
    directory = use.records.read(load_directory)
    if key not in directory.people.rosters:
        use.records.read(lambda session: get_entry(session, ROSTERS, key))
    persons = directory.people.persons
    return DutyPlan(
        items=[
            SpanItem(
                start=one.start,
                end=one.end,
                person=one.person,
                name=persons[one.person].name,
                part=one.part,
            )
            for one in directory.spans_of(key, start=start, end=end)
        ]
    )


@router.get("/rosters/{key}/changes", responses=problems(404))
def list_roster_changes(key: Key, use: Use, _caller: PeopleReader) -> ChangeList:
    """List the exceptions of a roster, oldest first."""
    query = select(RosterChange).where(RosterChange.roster == key).order_by(RosterChange.id)
    rows = use.records.read(lambda session: session.scalars(query).all())
    return ChangeList(items=[ChangeItem.model_validate(row, from_attributes=True) for row in rows])


@router.post("/rosters/{key}/changes", status_code=HTTPStatus.CREATED, responses=problems(403, 404))
def change_roster_(key: Key, body: ChangesIn, use: Use, caller: RosterChanger) -> ChangesOut:
    """Write exceptions, all or none: leave, standing in, a swap."""
    changes = [NewChange(one.start, one.end, one.off, one.on, one.reason) for one in body.changes]
    rows, gaps = use.records.write(
        lambda session: change_roster(
            session,
            key,
            changes,
            accept_gaps=body.accept_gaps,
            by=caller.name,
            now=use.clock.now_ms(),
            channels=channel_names(use.settings.messages),
        )
    )
    return ChangesOut(
        items=[ChangeItem.model_validate(row, from_attributes=True) for row in rows],
        warnings=[gap_item(gap) for gap in gaps],
    )


@router.delete(
    "/rosters/{key}/changes/{change_id}",
    status_code=HTTPStatus.NO_CONTENT,
    responses=problems(403, 404),
)
def undo_roster_change(
    key: Key, change_id: RowId, use: Use, caller: RosterChanger, *, accept_gaps: AcceptGaps
) -> None:
    """Take an exception back; refused when that leaves hours without anybody."""
    use.records.write(
        lambda session: undo_change(
            session,
            key,
            change_id,
            accept_gaps=accept_gaps,
            by=caller.name,
            now=use.clock.now_ms(),
            channels=channel_names(use.settings.messages),
        )
    )


@router.get("/sites/{site}/duty")
def get_duty(
    site: SiteKey,
    use: Use,
    caller: DutyReader,
    trade: Annotated[Trade, Query(description="Who is needed.")],
    at: Annotated[InstantIn | None, Query(description="Default: now.")] = None,
) -> OnDuty:
    """Show who would come: on duty, leading, managing."""
    use.records.read(lambda session: require_site(session, site, caller.scope))
    moment = use.clock.now_ms() if at is None else at
    directory = _directory(use)
    return OnDuty(
        at=moment,
        on_duty=contacts(directory, directory.on_duty(site, trade, moment)),
        leaders=contacts(directory, directory.leaders(site, trade, moment)),
        managers=contacts(directory, directory.managers(site, trade)),
    )


@router.get("/coverage")
def get_coverage(use: Use, _caller: PeopleReader) -> Coverage:
    """Look for hours and steps in which a call would reach nobody, as the daily check does."""
    now = use.clock.now_ms()
    directory = _directory(use)
    needs = use.records.read(lambda session: list(needs_of(session, use.classes)))
    gaps = all_gaps(directory, needs, now=now)
    return Coverage(checked_at=now, gaps=[gap_item(gap) for gap in gaps])


def contacts(directory: Directory, keys: list[str]) -> list[ContactItem]:
    """Show persons with the channels that work."""
    return [
        ContactItem(
            key=key,
            name=directory.people.persons[key].name,
            channels=[channel for channel, _ in directory.ways(key)],
        )
        for key in keys
    ]


def _directory(use: Use) -> Directory:
    channels = channel_names(use.settings.messages)
    return use.records.read(lambda session: load_directory(session, channels))
