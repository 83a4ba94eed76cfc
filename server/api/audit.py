"""/audit: who wrote what, and what was refused; rows that are only added."""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Annotated, Any, Final

from fastapi import Depends, Query, Response
from pydantic import BaseModel
from sqlalchemy import ColumnElement, String, bindparam, or_, select

from server.access.principal import Principal
from server.access.roles import Permission
from server.api.context import PAGE, Cursor, Limit, Services, Use, problems
from server.api.pages import PageOf
from server.api.rights import may
from server.api.router import api_router
from server.api.shapes import Instant, InstantIn, JsonObject
from server.api.spreadsheet import CSV_ANSWER, Row, csv_answer
from server.core.audit import AuditEntry, Outcome, Verified, verify
from server.core.errors import AuditError
from server.core.instant import rfc3339
from server.core.paging import Listing, columns_of

AuditReader = Annotated[Principal, may(Permission.AUDIT_READ)]

router = api_router(prefix="/audit", tag="audit", responses=problems(403))


class AuditChange(BaseModel):
    """One thing that the request changed."""

    kind: str
    """In the past tense: alarm.acknowledged."""
    subject_id: int | None
    payload: JsonObject


class AuditItem(BaseModel):
    """One write or refusal."""

    id: int
    """Counts from 1 without a gap."""
    at: Instant
    by: str | None
    """Name of the login or command; null: nobody was logged in."""
    user_id: int | None
    token_id: int | None
    address: str
    """Where it came from; empty: this machine's command line."""
    request: str
    """Method and path, or the command."""
    outcome: Outcome
    status: int | None
    """Of a refusal."""
    what: list[AuditChange]
    hash: str
    """Of the hash before and of all that this row says."""


class Verification(BaseModel):
    """Whether each row fits the one before it."""

    checked_at: Instant
    fits: bool
    rows: int | None
    """How many there are; null when one does not fit."""
    hash: str | None
    """Of the newest row; kept elsewhere, and given back as `expect`, it shows what is missing."""
    problem: str | None
    """The first row that does not fit."""


_ESCAPE: Final = "\\"
_EXPORTED: Final = 1000
"""Rows that are read at once."""
_HEAD: Final = (
    "id",
    "at",
    "by",
    "address",
    "request",
    "outcome",
    "status",
    "user_id",
    "token_id",
    "what",
    "hash",
)


def _says(text: str) -> Any:  # noqa: ANN401 (a condition)
    value: ColumnElement[str] = bindparam(text, type_=String())
    return or_(
        AuditEntry.request.ilike(value, escape=_ESCAPE),
        AuditEntry.what.ilike(value, escape=_ESCAPE),
    )


_AUDIT = Listing(
    select(*columns_of(AuditEntry)),
    key=AuditEntry.id,
    newest_first=True,
    filters={
        "by": AuditEntry.by == bindparam("by"),
        "outcome": AuditEntry.outcome == bindparam("outcome"),
        "start": AuditEntry.at >= bindparam("start"),
        "end": AuditEntry.at < bindparam("end"),
        "says": _says("says"),
    },
)
_PAGES = PageOf(AuditItem)


def _filters(
    by: Annotated[str | None, Query(max_length=64, description="Name of a login.")] = None,
    outcome: Annotated[Outcome | None, Query(description="Only these.")] = None,
    start: Annotated[InstantIn | None, Query(alias="from", description="Not before.")] = None,
    end: Annotated[InstantIn | None, Query(alias="to", description="Before.")] = None,
    q: Annotated[
        str | None,
        Query(max_length=100, description="Part of the request, or of what it changed."),
    ] = None,
) -> Mapping[str, Any]:
    return {
        "by": by,
        "outcome": outcome,
        "start": start,
        "end": end,
        "says": None if not q else _anywhere(q),
    }


Filters = Annotated[Mapping[str, Any], Depends(_filters)]


def _anywhere(text: str) -> str:
    for one in (_ESCAPE, "%", "_"):
        text = text.replace(one, _ESCAPE + one)
    return f"%{text}%"


@router.get("", response_model=_PAGES.model)
def list_audit(
    use: Use, _caller: AuditReader, filters: Filters, limit: Limit = PAGE, cursor: Cursor = None
) -> Response:
    """List writes and refusals, newest first."""
    found = use.records.read(
        lambda session: _AUDIT.page(session, limit=limit, cursor=cursor, **filters)
    )
    return _PAGES.answer(found, _fields)


@router.get("/export", response_class=Response, responses=CSV_ANSWER)
def export_audit(use: Use, _caller: AuditReader, filters: Filters) -> Response:
    """Return writes and refusals as CSV, newest first."""
    return csv_answer("audit", _HEAD, _lines(use, filters))


@router.get("/verification")
def verify_audit(
    use: Use,
    _caller: AuditReader,
    *,
    expect: Annotated[
        str | None,
        Query(
            pattern=r"^[1-9][0-9]{0,17}:[0-9a-f]{64}$",
            description="NUMBER:HASH of a row that was the newest once.",
        ),
    ] = None,
) -> Verification:
    """Look whether a row was changed, inserted or taken out since it was written."""
    now = use.clock.now_ms()
    number, _, digest = (expect or "").partition(":")
    expected = Verified(int(number), digest) if expect else None
    try:
        found = use.records.read(partial(verify, expected=expected))
    except AuditError as error:
        return Verification(checked_at=now, fits=False, rows=None, hash=None, problem=str(error))
    return Verification(
        checked_at=now, fits=True, rows=found.rows, hash=found.hash or None, problem=None
    )


def _lines(use: Services, filters: Mapping[str, Any]) -> Iterator[Row]:
    """Yield the rows a page at a time: nothing is held while somebody reads slowly."""
    cursor: str | None = None
    while True:
        after = cursor
        found = use.records.read(
            lambda session: _AUDIT.page(session, limit=_EXPORTED, cursor=after, **filters)  # noqa: B023 (read at once)
        )
        for row in found.rows:
            fields = _AUDIT.fields(row)
            yield [rfc3339(row.at) if name == "at" else fields[name] for name in _HEAD]
        cursor = found.next_cursor
        if cursor is None:
            return


def _fields(row: Any) -> dict[str, Any]:  # noqa: ANN401 (a row of _AUDIT)
    fields = _AUDIT.fields(row)
    return fields | {"what": json.loads(fields["what"])}
