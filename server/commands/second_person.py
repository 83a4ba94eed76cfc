"""Commands that two persons give: one proposes, another one confirms within a time."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from config.classes import EquipmentClass
from server.assets.model import Equipment, Point
from server.commands.model import Command
from server.commands.service import (
    VALID_MS,
    CommandState,
    record_audit,
    record_command_event,
    settle,
)
from server.core.errors import ConflictError, NotFoundError
from server.core.second_person import check_second


def needs_second_person(
    session: Session, point: Point, classes: Mapping[str, EquipmentClass]
) -> bool:
    """Return whether the class of the equipment wants two persons for a command of the point."""
    kind = classes.get(session.get_one(Equipment, point.equipment_id).equipment_class)
    known = None if kind is None else kind.points.get(point.name)
    return known is not None and known.second_person


def confirm(session: Session, command_id: int, *, by: str, at: int) -> Command:
    """A second person confirms a command; it is sent right after the commit.

    Raises:
        NotFoundError: No such command.
        ConflictError: It does not wait for anybody, or no longer.
        ForbiddenError: The same person gave it.
    """
    row = _proposed(session, command_id)
    check_second(f"command {row.id}", first=row.asked_by, second=by, until=row.expires_at, at=at)
    row.state = CommandState.ASKED
    row.confirmed_by, row.confirmed_at = by, at
    row.expires_at, row.due_at = at + VALID_MS, at
    point = session.get_one(Point, row.point_id)
    record_command_event(session, row, point, kind="command.asked", at=at, by=by)
    record_audit(session, row, point, kind="command.confirmed", at=at, by=by)
    return row


def withdraw(session: Session, command_id: int, *, by: str, at: int) -> Command:
    """Take back a command that waits for a second person.

    Raises:
        NotFoundError: No such command.
        ConflictError: It does not wait for anybody.
    """
    row = _proposed(session, command_id)
    row.refusal = f"withdrawn by {by}"
    settle(session, row, CommandState.WITHDRAWN, at=at)
    point = session.get_one(Point, row.point_id)
    record_audit(session, row, point, kind="command.withdrawn", at=at, by=by)
    return row


def _proposed(session: Session, command_id: int) -> Command:
    session.flush()
    row = session.get(Command, command_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFoundError(f"no command {command_id}")
    if row.state != CommandState.PROPOSED:
        raise ConflictError(f"command {row.id} is {row.state}; it waits for no second person")
    return row
