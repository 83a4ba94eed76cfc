"""/power-links: which feeder supplies which equipment, so that an outage is one cause."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from server.alarms.feeders import feeders_above
from server.alarms.overrides import load_overrides
from server.alarms.rulebook import RuleBook
from server.alarms.rules import Rule
from server.api.context import PAGE, Caller, Cursor, Limit, RowId, Use, problems
from server.api.lookup import find_equipment, get_or_404
from server.api.shapes import Instant
from server.api.strict import Body
from server.assets.model import Equipment, PowerLink
from server.core.paging import Page, read_page
from server.core.problem import FieldError
from server.core.records import record_event
from server.core.upsert import insert_new

router = APIRouter(prefix="/power-links", tags=["equipment"], responses=problems())

Ref = Annotated[str, Field(min_length=1, max_length=200)]


class PowerLinkIn(Body):
    """A feeder and what it supplies."""

    feeder: Ref
    """Id or key of equipment."""
    equipment: Ref
    """Id or key of equipment."""
    cause: Annotated[str, Field(min_length=1, max_length=64)]
    """An active alarm of the feeder with this cause means that there is no power: the cause of one
    of its alarm rules."""


class PowerLinkItem(BaseModel):
    """A feeder and what it supplies."""

    id: int
    feeder_id: int
    feeder: str
    equipment_id: int
    equipment: str
    cause: str
    rules: list[str]
    """Rules of the feeder that have this cause now; without any the link explains nothing."""
    created_at: Instant
    created_by: str


@router.get("")
def list_power_links(
    use: Use,
    *,
    equipment: Annotated[
        str | None, Query(max_length=200, description="Id or key; as feeder or supplied.")
    ] = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Page[PowerLinkItem]:
    """List who feeds whom."""

    def read(session: Session) -> Page[PowerLinkItem]:
        query = select(PowerLink)
        if equipment is not None:
            row = find_equipment(session, equipment)
            query = query.where(
                (PowerLink.equipment_id == row.id) | (PowerLink.feeder_id == row.id)
            )
        rows, following = read_page(
            session, query, key=PowerLink.id, newest_first=False, limit=limit, cursor=cursor
        )
        book = RuleBook(use.classes, load_overrides(session))
        return Page(items=[_item(session, row, book) for row in rows], next_cursor=following)

    return use.records.read(read)


@router.post("", status_code=HTTPStatus.CREATED, responses=problems(403, 404))
def create_power_link(use: Use, caller: Caller, body: PowerLinkIn) -> PowerLinkItem:
    """Say that a feeder supplies equipment; saying it again changes the cause."""

    def change(session: Session) -> PowerLinkItem:
        feeder = find_equipment(session, body.feeder)
        supplied = find_equipment(session, body.equipment)
        if feeder.id == supplied.id:
            raise FieldError("body.equipment", "a feeder does not supply itself")
        if supplied.id in feeders_above(session, feeder.id):
            message = f"{supplied.key} supplies {feeder.key}; a link back would be a circle"
            raise FieldError("body.equipment", message)
        book = RuleBook(use.classes, load_overrides(session))
        _check_cause(book, feeder, body.cause)
        insert_new(
            session,
            PowerLink,
            feeder_id=feeder.id,
            equipment_id=supplied.id,
            cause=body.cause,
            created_at=use.clock.now_ms(),
            created_by=caller.name,
        )
        found = select(PowerLink).where(
            PowerLink.feeder_id == feeder.id, PowerLink.equipment_id == supplied.id
        )
        row = session.scalars(found).one()
        row.cause = body.cause
        session.flush()
        item = _item(session, row, book)
        _tell(session, item, kind="power-link.created", by=caller.name, now=use.clock.now_ms())
        return item

    return use.records.write(change)


@router.delete("/{link_id}", responses=problems(403, 404))
def delete_power_link(link_id: RowId, use: Use, caller: Caller) -> Response:
    """Forget that a feeder supplies equipment."""

    def change(session: Session) -> None:
        row = get_or_404(session, PowerLink, link_id, "power link")
        item = _item(session, row, RuleBook(use.classes, load_overrides(session)))
        _tell(session, item, kind="power-link.deleted", by=caller.name, now=use.clock.now_ms())
        session.execute(delete(PowerLink).where(PowerLink.id == link_id))

    use.records.write(change)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _check_cause(book: RuleBook, feeder: Equipment, cause: str) -> None:
    causes = {rule.settings.cause for rule in _announcing(book, feeder)}
    if cause in causes:
        return
    known = ", ".join(sorted(causes))
    has = f"its alarms have: {known}" if known else "it has none"
    raise FieldError("body.cause", f"no alarm rule of {feeder.key} has the cause {cause!r}; {has}")


def _announcing(book: RuleBook, feeder: Equipment) -> list[Rule]:
    site = feeder.key.partition("/")[0]
    rules = book.rules_of(feeder.equipment_class, site=site, equipment_id=feeder.id)
    return [rule for rule in rules if rule.settings.mode == "announce"]


def _tell(session: Session, item: PowerLinkItem, *, kind: str, by: str, now: int) -> None:
    told = item.model_dump(mode="json")
    record_event(session, at=now, topic="audit", kind=kind, subject_id=item.id, by=by, payload=told)


def _item(session: Session, row: PowerLink, book: RuleBook) -> PowerLinkItem:
    feeder = session.get_one(Equipment, row.feeder_id)
    supplied = session.get_one(Equipment, row.equipment_id)
    return PowerLinkItem(
        id=row.id,
        feeder_id=feeder.id,
        feeder=feeder.key,
        equipment_id=supplied.id,
        equipment=supplied.key,
        cause=row.cause,
        rules=[r.id for r in _announcing(book, feeder) if r.settings.cause == row.cause],
        created_at=row.created_at,
        created_by=row.created_by,
    )
