"""/assurance-periods: days on which nothing may fail; what opens then is a class higher."""

from http import HTTPStatus

from fastapi import Response

from config.people import AssuranceSettings
from server.api.context import PAGE, Cursor, Limit, Use, problems
from server.api.entries import EntryItem, EntryPages, Key, delete_entry, save_entry, show_entry
from server.api.etag import IfMatch
from server.api.rights import PeopleReader, PeopleWriter
from server.api.router import api_router
from server.people.service import ASSURANCES

router = api_router(prefix="/assurance-periods", tag="people", responses=problems())


class AssuranceItem(AssuranceSettings, EntryItem):
    """Days on which nothing may fail."""


_PAGES = EntryPages(ASSURANCES, AssuranceItem)


@router.get("", response_model=_PAGES.model)
def list_assurance_periods(
    use: Use, _caller: PeopleReader, limit: Limit = PAGE, cursor: Cursor = None
) -> Response:
    """List the periods, by key."""
    return _PAGES.list(use, limit=limit, cursor=cursor)


@router.get("/{key}", responses=problems(404))
def get_assurance_period(
    key: Key, use: Use, _caller: PeopleReader, response: Response
) -> AssuranceItem:
    """Show one period; the ETag is the version."""
    return show_entry(use, ASSURANCES, AssuranceItem, key, response)


@router.put("/{key}", responses=problems(403, 412))
def save_assurance_period(
    key: Key,
    body: AssuranceSettings,
    use: Use,
    caller: PeopleWriter,
    response: Response,
    *,
    if_match: IfMatch = None,
) -> AssuranceItem:
    """Make or change a period; what is open keeps its class."""
    return save_entry(
        use,
        ASSURANCES,
        AssuranceItem,
        key,
        body,
        by=caller.name,
        if_match=if_match,
        response=response,
    )


@router.delete("/{key}", status_code=HTTPStatus.NO_CONTENT, responses=problems(403, 404))
def delete_assurance_period(key: Key, use: Use, caller: PeopleWriter) -> None:
    """Delete a period."""
    delete_entry(use, ASSURANCES, key, by=caller.name)
