"""Which equipment was there at an instant of the past, from the events of its births and ends."""

from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from server.assets.model import Equipment
from server.core.model import Event

_BORN: Final = "equipment.born"
_CHANGES: Final = ("equipment.removed", "equipment.retired", "equipment.restored")


class Change(NamedTuple):
    """One event of a piece of equipment."""

    kind: str
    by_person: bool


def there_at(session: Session, equipment: ColumnElement[bool], at: int) -> set[int]:
    """Return the ids of the equipment that was in the ledger at an instant, UTC ms.

    What came later is not among them, nor what was removed or retired then, whatever became of it
    since.
    """
    rows = session.execute(
        select(Equipment.id, Equipment.removed_at, Equipment.retired_at).where(equipment)
    ).all()
    ids = {row.id for row in rows}
    births = (
        select(Event.subject_id, func.min(Event.at).label("first"))
        .where(Event.topic == "equipment", Event.kind == _BORN)
        .group_by(Event.subject_id)
    )
    born = {row.subject_id: row.first for row in session.execute(births)}
    changes = _changes(session, ids, at)
    return {
        row.id
        for row in rows
        if born.get(row.id, at) <= at
        and was_there(
            changes.get(row.id, ()),
            gone_now=any(when is not None and when <= at for when in (row[1], row[2])),
        )
    }


def was_there(changes: Iterable[Change], *, gone_now: bool) -> bool:
    """Return whether equipment is there after its changes.

    Args:
        changes: In their order.
        gone_now: Its row says that it went before the instant, and has not come back; so it is
            also where the event of that was left out because there were too many.
    """
    removed = retired = False
    for kind, by_person in changes:
        if kind == "equipment.removed":
            removed = True
        elif kind == "equipment.retired":
            retired = True
        else:
            # A birth brings it back from both, a person from the retirement.
            removed, retired = removed and by_person, False
    return not (removed or retired or gone_now)


def _changes(session: Session, ids: Collection[int], at: int) -> Mapping[int, list[Change]]:
    query = (
        select(Event.subject_id, Event.kind, Event.by)
        .where(Event.topic == "equipment", Event.kind.in_(_CHANGES), Event.at <= at)
        .order_by(Event.id)
    )
    found: dict[int, list[Change]] = {}
    for subject, kind, by in session.execute(query):
        if subject is not None and subject in ids:
            found.setdefault(subject, []).append(Change(kind, by is not None))
    return found
