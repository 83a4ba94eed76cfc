"""/persons and /teams: who is called, and by which ways."""

from http import HTTPStatus

from fastapi import Response

from config.people import PersonSettings, TeamSettings
from server.access.principal import Principal
from server.access.rights import permits
from server.access.roles import Permission
from server.api.context import PAGE, Cursor, Limit, Use, problems
from server.api.entries import (
    AcceptGaps,
    EntryItem,
    EntryPages,
    Key,
    delete_entry,
    save_entry,
    show_entry,
)
from server.api.etag import IfMatch
from server.api.rights import PeopleReader, PeopleWriter
from server.api.router import api_router
from server.people.service import PERSONS, TEAMS

router = api_router(tag="people", responses=problems())


class PersonItem(PersonSettings, EntryItem):
    """Somebody who is called; numbers and addresses are null without people.contact."""


class TeamItem(TeamSettings, EntryItem):
    """People who work together."""


_PERSON_PAGES = EntryPages(PERSONS, PersonItem)
_TEAM_PAGES = EntryPages(TEAMS, TeamItem)


def _shown(item: PersonItem, caller: Principal) -> PersonItem:
    if permits(caller, Permission.PEOPLE_CONTACT):
        return item
    hidden = tuple(one.model_copy(update={"address": None}) for one in item.channels)
    return item.model_copy(update={"phone": None, "channels": hidden})


@router.get("/persons", response_model=_PERSON_PAGES.model)
def list_persons(
    use: Use, caller: PeopleReader, limit: Limit = PAGE, cursor: Cursor = None
) -> Response:
    """List everybody, by key."""
    return _PERSON_PAGES.list(
        use, limit=limit, cursor=cursor, shown=lambda one: _shown(one, caller)
    )


@router.get("/persons/{key}", responses=problems(404))
def get_person(key: Key, use: Use, caller: PeopleReader, response: Response) -> PersonItem:
    """Show one person; the ETag is the version."""
    return _shown(show_entry(use, PERSONS, PersonItem, key, response), caller)


@router.put("/persons/{key}", responses=problems(403, 412))
def save_person(
    key: Key,
    body: PersonSettings,
    use: Use,
    caller: PeopleWriter,
    response: Response,
    *,
    if_match: IfMatch = None,
    accept_gaps: AcceptGaps,
) -> PersonItem:
    """Make or change a person; refused when somebody would not be reached any more."""
    return save_entry(
        use,
        PERSONS,
        PersonItem,
        key,
        body,
        by=caller.name,
        if_match=if_match,
        response=response,
        accept_gaps=accept_gaps,
    )


@router.delete(
    "/persons/{key}", status_code=HTTPStatus.NO_CONTENT, responses=problems(403, 404, 409)
)
def delete_person(key: Key, use: Use, caller: PeopleWriter, *, accept_gaps: AcceptGaps) -> None:
    """Delete a person whom no roster, team or policy names."""
    delete_entry(use, PERSONS, key, by=caller.name, accept_gaps=accept_gaps)


@router.get("/teams", response_model=_TEAM_PAGES.model)
def list_teams(
    use: Use, _caller: PeopleReader, limit: Limit = PAGE, cursor: Cursor = None
) -> Response:
    """List the teams, by key."""
    return _TEAM_PAGES.list(use, limit=limit, cursor=cursor)


@router.get("/teams/{key}", responses=problems(404))
def get_team(key: Key, use: Use, _caller: PeopleReader, response: Response) -> TeamItem:
    """Show one team; the ETag is the version."""
    return show_entry(use, TEAMS, TeamItem, key, response)


@router.put("/teams/{key}", responses=problems(403, 412))
def save_team(
    key: Key,
    body: TeamSettings,
    use: Use,
    caller: PeopleWriter,
    response: Response,
    *,
    if_match: IfMatch = None,
    accept_gaps: AcceptGaps,
) -> TeamItem:
    """Make or change a team; refused when that leaves hours without anybody."""
    return save_entry(
        use,
        TEAMS,
        TeamItem,
        key,
        body,
        by=caller.name,
        if_match=if_match,
        response=response,
        accept_gaps=accept_gaps,
    )


@router.delete("/teams/{key}", status_code=HTTPStatus.NO_CONTENT, responses=problems(403, 404, 409))
def delete_team(key: Key, use: Use, caller: PeopleWriter, *, accept_gaps: AcceptGaps) -> None:
    """Delete a team that no roster or policy names."""
    delete_entry(use, TEAMS, key, by=caller.name, accept_gaps=accept_gaps)
