"""/power-links: which feeder supplies which equipment, so that an outage is one cause."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session, aliased

from server.access.principal import Principal
from server.access.roles import Permission
from server.alarms.overrides import load_overrides
from server.alarms.rulebook import RuleBook
from server.alarms.rules import Rule
from server.alarms.suppression.feeders import feeders_above
from server.api.context import PAGE, Cursor, Limit, RowId, Use, problems
from server.api.lookup import equipment_id, find_equipment, get_or_404
from server.api.pages import PageOf
from server.api.rights import PlantReader, may
from server.api.router import api_router
from server.api.shapes import Instant
from server.api.strict import Body
from server.assets.model import Equipment, PowerLink
from server.assets.scoped import both_scoped, values_of
from server.core.paging import Found, Listing, columns_of
from server.core.problem import FieldError
from server.core.records import record_event
from server.core.upsert import insert_new

LinkWriter = Annotated[Principal, may(Permission.LINKS_WRITE)]

router = api_router(prefix="/power-links", tag="equipment", responses=problems())

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


_FEEDER, _SUPPLIED = aliased(Equipment), aliased(Equipment)
_LINKS = Listing(
    select(
        *columns_of(PowerLink),
        _FEEDER.key.label("feeder"),
        _FEEDER.equipment_class.label("feeder_class"),
        _SUPPLIED.key.label("equipment"),
    )
    .join(_FEEDER, _FEEDER.id == PowerLink.feeder_id)
    .join(_SUPPLIED, _SUPPLIED.id == PowerLink.equipment_id),
    key=PowerLink.id,
    filters={
        "equipment": (PowerLink.equipment_id == bindparam("equipment"))
        | (PowerLink.feeder_id == bindparam("equipment")),
        "id": PowerLink.id == bindparam("id"),
        **both_scoped(_FEEDER, _SUPPLIED),
    },
)
_PAGES = PageOf(PowerLinkItem)


@router.get("", response_model=_PAGES.model)
def list_power_links(
    use: Use,
    caller: PlantReader,
    *,
    equipment: Annotated[
        str | None, Query(max_length=200, description="Id or key; as feeder or supplied.")
    ] = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Response:
    """List who feeds whom."""

    def read(session: Session) -> tuple[Found, RuleBook]:
        of = equipment_id(session, equipment, caller.scope)
        found = _LINKS.page(
            session, limit=limit, cursor=cursor, equipment=of, **values_of(caller.scope)
        )
        return found, RuleBook(use.classes, load_overrides(session))

    found, book = use.records.read(read)
    return _PAGES.answer(found, lambda row: _fields(row, book))


@router.post("", status_code=HTTPStatus.CREATED, responses=problems(403, 404))
def create_power_link(use: Use, caller: LinkWriter, body: PowerLinkIn) -> PowerLinkItem:
    """Record that a feeder supplies equipment; repeating it changes the cause."""

    def change(session: Session) -> PowerLinkItem:
        feeder = find_equipment(session, body.feeder, caller.scope)
        supplied = find_equipment(session, body.equipment, caller.scope)
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
        item = _item(session, row.id, book)
        _record(session, item, kind="power-link.created", by=caller.name, now=use.clock.now_ms())
        return item

    return use.records.write(change)


@router.delete("/{link_id}", status_code=HTTPStatus.NO_CONTENT, responses=problems(403, 404))
def delete_power_link(link_id: RowId, use: Use, caller: LinkWriter) -> None:
    """Forget that a feeder supplies equipment."""

    def change(session: Session) -> None:
        get_or_404(session, PowerLink, link_id, "power link", caller.scope)
        item = _item(session, link_id, RuleBook(use.classes, load_overrides(session)))
        _record(session, item, kind="power-link.deleted", by=caller.name, now=use.clock.now_ms())
        session.execute(delete(PowerLink).where(PowerLink.id == link_id))

    use.records.write(change)


def _check_cause(book: RuleBook, feeder: Equipment, cause: str) -> None:
    rules = _announcing(book, key=feeder.key, kind=feeder.equipment_class, feeder_id=feeder.id)
    causes = {rule.settings.cause for rule in rules}
    if cause in causes:
        return
    known = ", ".join(sorted(causes))
    has = f"its alarms have: {known}" if known else "it has none"
    raise FieldError("body.cause", f"no alarm rule of {feeder.key} has the cause {cause!r}; {has}")


def _announcing(book: RuleBook, *, key: str, kind: str, feeder_id: int) -> list[Rule]:
    rules = book.rules_of(kind, site=key.partition("/")[0], equipment_id=feeder_id)
    return [rule for rule in rules if rule.settings.mode == "announce"]


def _record(session: Session, item: PowerLinkItem, *, kind: str, by: str, now: int) -> None:
    payload = item.model_dump(mode="json")
    record_event(
        session, at=now, topic="audit", kind=kind, subject_id=item.id, by=by, payload=payload
    )


def _item(session: Session, link_id: int, book: RuleBook) -> PowerLinkItem:
    (row,) = _LINKS.all(session, id=link_id)
    return PowerLinkItem.model_validate(_fields(row, book))


def _fields(row: Any, book: RuleBook) -> dict[str, Any]:  # noqa: ANN401 (a row of _LINKS)
    fields = _LINKS.fields(row)
    rules = _announcing(
        book, key=fields["feeder"], kind=fields["feeder_class"], feeder_id=fields["feeder_id"]
    )
    fields["rules"] = [rule.id for rule in rules if rule.settings.cause == fields["cause"]]
    return fields
