"""/commands: what was commanded to equipment, by whom and why, and the result."""

from typing import Annotated

from fastapi import Query, Response
from pydantic import BaseModel, Field, StrictBool, StrictFloat, StrictInt, StrictStr
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from server.access.principal import Principal
from server.access.roles import Permission
from server.api.context import PAGE, Cursor, Limit, RowId, Use, problems
from server.api.lookup import get_or_404, point_id
from server.api.pages import PageOf
from server.api.rights import PlantReader, may
from server.api.router import api_router
from server.api.shapes import Instant, JsonValue, Reason, fields_of
from server.api.strict import Body
from server.api.visible import require_visible
from server.assets.model import Equipment, Point
from server.assets.scoped import scoped, values_of
from server.commands.model import Command
from server.commands.second_person import confirm, needs_second_person, withdraw
from server.commands.service import CommandState, give
from server.core.paging import Found, Listing, columns_of

router = api_router(tag="commands", responses=problems())

Commander = Annotated[Principal, may(Permission.EQUIPMENT_COMMAND)]
Ref = Annotated[str | None, Query(alias="point", max_length=300, description="Point id or key.")]


class CommandItem(BaseModel):
    """One command and what became of it."""

    id: int
    point_id: int
    point: str
    """Key of the point."""
    equipment_id: int
    value: JsonValue
    """What was asked for."""
    reason: str
    asked_by: str
    asked_at: Instant
    confirmed_by: str | None
    """The second person, where the class of the point demands one."""
    confirmed_at: Instant | None
    expires_at: Instant
    """The gateway does not carry it out after this; of a proposed one: nobody may confirm it."""
    state: CommandState
    sent_at: Instant | None
    settled_at: Instant | None
    refusal: str
    """Why it was not done; empty when it was."""
    before: JsonValue
    """The last value read before it."""
    after: JsonValue
    """The value read back; null when nothing was written."""


class Wish(Body):
    """A value that a point shall take."""

    value: Annotated[
        StrictBool | StrictInt | StrictFloat | StrictStr, Field(union_mode="left_to_right")
    ]
    reason: Reason


_COMMANDS = Listing(
    select(*columns_of(Command), Point.key.label("point"))
    .join(Point, Point.id == Command.point_id)
    .join(Equipment, Equipment.id == Command.equipment_id),
    key=Command.id,
    newest_first=True,
    filters={"point": Command.point_id == bindparam("point"), **scoped()},
)
_PAGES = PageOf(CommandItem)


@router.post(
    "/points/{point_id}/commands",
    status_code=202,
    responses=problems(403, 404, 409),
)
async def command_point(
    point_id: RowId, wish: Wish, use: Use, caller: Commander, response: Response
) -> CommandItem:
    """Command a point. The answer comes later: ask /commands/{id}, or hear the stream.

    Where the class of the point demands two persons it is proposed, and sent when another one
    confirms it within five minutes.
    """
    now = use.clock.now_ms()

    def write(session: Session) -> CommandItem:
        point = get_or_404(session, Point, point_id, "point", caller.scope)
        row = give(
            session,
            point,
            wish.value,
            reason=wish.reason,
            by=caller.name,
            at=now,
            second_person=needs_second_person(session, point, use.classes),
        )
        return _item(row, point)

    item = await use.records.write_async(write)
    response.headers["Location"] = f"/api/v1/commands/{item.id}"
    return item


@router.post("/commands/{command_id}/confirm", responses=problems(403, 404, 409))
async def confirm_command(command_id: RowId, use: Use, caller: Commander) -> CommandItem:
    """Confirm a proposed command as the second person; it is sent at once."""

    def write(session: Session) -> CommandItem:
        require_visible(session, Command, command_id, "command", caller.scope)
        row = confirm(session, command_id, by=caller.name, at=use.clock.now_ms())
        return _item(row, session.get_one(Point, row.point_id))

    return await use.records.write_async(write)


@router.post("/commands/{command_id}/withdraw", responses=problems(403, 404, 409))
async def withdraw_command(command_id: RowId, use: Use, caller: Commander) -> CommandItem:
    """Take back a command that no second person has confirmed yet."""

    def write(session: Session) -> CommandItem:
        require_visible(session, Command, command_id, "command", caller.scope)
        row = withdraw(session, command_id, by=caller.name, at=use.clock.now_ms())
        return _item(row, session.get_one(Point, row.point_id))

    return await use.records.write_async(write)


@router.get("/commands", response_model=_PAGES.model, responses=problems(404))
def list_commands(
    use: Use, caller: PlantReader, point: Ref = None, limit: Limit = PAGE, cursor: Cursor = None
) -> Response:
    """List commands, newest first."""

    def read(session: Session) -> Found:
        of = point_id(session, point, caller.scope)
        return _COMMANDS.page(
            session, limit=limit, cursor=cursor, point=of, **values_of(caller.scope)
        )

    return _PAGES.answer(use.records.read(read), _COMMANDS.fields)


@router.get("/commands/{command_id}", responses=problems(404))
def get_command(command_id: RowId, use: Use, caller: PlantReader) -> CommandItem:
    """Show one command and what became of it."""

    def read(session: Session) -> CommandItem:
        row = get_or_404(session, Command, command_id, "command", caller.scope)
        return _item(row, session.get_one(Point, row.point_id))

    return use.records.read(read)


def _item(row: Command, point: Point) -> CommandItem:
    return CommandItem.model_validate(fields_of(row) | {"point": point.key})
