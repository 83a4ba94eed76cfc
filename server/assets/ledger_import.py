"""A ledger from a workbook into the records: all of it or, with any mistake, nothing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.assets.contract_hours import parse_hours
from server.assets.model import Equipment, Room
from server.assets.particulars import save_particulars, save_room
from server.assets.workbook import HOURS, WARRANTY, CellError, Ledger, Line

MaySee = Callable[[Equipment], bool]


class Imported(NamedTuple):
    """What became of it; with errors nothing was written."""

    rooms: int
    equipment: int
    errors: list[CellError]


class _Known(NamedTuple):
    """What a row may name."""

    rooms: Mapping[str, int]
    contractors: Mapping[str, str]
    equipment: Mapping[str, Equipment]


def import_ledger(
    session: Session,
    ledger: Ledger,
    site_id: int,
    *,
    contractors: Mapping[str, str],
    may_see: MaySee,
    by: str,
    now: int,
) -> Imported:
    """Write rooms and particulars of an estate.

    Args:
        session: The transaction; the caller takes it back when there are errors.
        ledger: What the workbook says.
        site_id: The estate.
        contractors: Keys of contractors by key and by name.
        may_see: Whether equipment is in the caller's scope.
        by: Who imports.
        now: UTC ms.
    """
    errors = list(ledger.errors)
    for line in ledger.rooms:
        found = list(_problems_of_room(line, contractors))
        errors += _errors("rooms", line, found, ledger)
        changes = {} if found else _changes_of_room(session, site_id, line, contractors)
        save_room(session, site_id, line.values["key"], changes, by=by, now=now)
    rooms = session.execute(select(Room.key, Room.id).where(Room.site_id == site_id)).all()
    equipment = session.scalars(select(Equipment).where(Equipment.site_id == site_id))
    known = _Known(
        {room.key: room.id for room in rooms},
        contractors,
        {one.key: one for one in equipment if may_see(one)},
    )
    for line in ledger.equipment:
        found = list(_problems(line, known))
        errors += _errors("equipment", line, found, ledger)
        changes = {} if found else _changes(line, known)
        if changes:
            one = known.equipment[line.values["key"]]
            save_particulars(session, one.id, changes, by=by, now=now)
    return Imported(len(ledger.rooms), len(ledger.equipment), errors)


def _errors(
    sheet: str, line: Line, problems: Sequence[tuple[str, str]], ledger: Ledger
) -> Iterator[CellError]:
    for field, message in problems:
        column = ledger.columns.get((sheet, field), field)
        yield CellError(sheet, line.row, column, message)


def _problems_of_room(line: Line, contractors: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    values = line.values
    if values.get("builder", "") not in {"", *contractors}:
        yield "builder", _no_contractor(values["builder"])
    for field in values:
        if field.startswith(WARRANTY) and values[field] < values.get("moved_in", ""):
            yield field, f"before somebody moved in ({values['moved_in']})"


def _changes_of_room(
    session: Session, site_id: int, line: Line, contractors: Mapping[str, str]
) -> dict[str, Any]:
    """Return what a row changes; trades that it does not name keep their warranty."""
    changes: dict[str, Any] = {}
    agreed: dict[str, str] = {}
    for field, text in line.values.items():
        if field.startswith(WARRANTY):
            agreed[field.removeprefix(WARRANTY)] = text
        elif field != "key":
            changes[field] = contractors[text] if field == "builder" else text
    if agreed:
        about = (Room.site_id == site_id, Room.key == line.values["key"])
        before = session.scalar(select(Room.warranty).where(*about))
        changes["warranty"] = (before or {}) | agreed
    return changes


def _no_contractor(name: str) -> str:
    return f"no contractor {name!r}; add a person with that role first"


def _problems(line: Line, known: _Known) -> Iterator[tuple[str, str]]:
    values = line.values
    if values["key"] not in known.equipment:
        yield "key", f"no equipment {values['key']!r} at this site"
    if values.get("room", "") not in {"", *known.rooms}:
        yield "room", f"no room {values['room']!r} at this site or in the sheet of rooms"
    for field in ("builder", "contractor"):
        if values.get(field, "") not in {"", *known.contractors}:
            yield field, _no_contractor(values[field])
    begin, end = values.get("contract_from"), values.get("contract_until")
    if begin and end and end < begin:
        yield "contract_until", f"before the contract begins ({begin})"


def _changes(line: Line, known: _Known) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for field, text in line.values.items():
        if field == "room":
            changes["room_id"] = known.rooms[text]
        elif field in {"builder", "contractor"}:
            changes[field] = known.contractors[text]
        elif field == HOURS:
            changes[field] = parse_hours(text).model_dump(mode="json")
        elif field != "key":
            changes[field] = text
    return changes
