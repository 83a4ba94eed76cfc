"""/commands: what was commanded to equipment, by whom and why, and the result."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field, StrictBool, StrictFloat, StrictInt, StrictStr
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from server.api.context import PAGE, Caller, Cursor, Limit, RowId, Use, problems
from server.api.lookup import get_or_404, point_id
from server.api.pages import PageOf
from server.api.shapes import Instant, JsonValue, fields_of
from server.api.strict import Body
from server.assets.model import Point
from server.commands.model import Command
from server.commands.service import CommandState, give
from server.core.paging import Found, Listing, columns_of

router = APIRouter(tags=["commands"], responses=problems())

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
    expires_at: Instant
    """The gateway does not carry it out after this."""
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
    reason: str = Field(min_length=1, max_length=500, description="Why; it goes on record.")


_COMMANDS = Listing(
    select(*columns_of(Command), Point.key.label("point")).join(
        Point, Point.id == Command.point_id
    ),
    key=Command.id,
    newest_first=True,
    filters={"point": Command.point_id == bindparam("point")},
)
_PAGES = PageOf(CommandItem)


@router.post(
    "/points/{point_id}/commands",
    status_code=202,
    responses=problems(403, 404, 409),
)
async def command_point(
    point_id: RowId, wish: Wish, use: Use, caller: Caller, response: Response
) -> CommandItem:
    """Command a point. The answer comes later: ask /commands/{id}, or hear the stream."""
    now = use.clock.now_ms()

    def write(session: Session) -> CommandItem:
        point = get_or_404(session, Point, point_id, "point")
        row = give(session, point, wish.value, reason=wish.reason, by=caller.name, at=now)
        return _item(row, point)

    item = await use.records.write_async(write)
    response.headers["Location"] = f"/api/v1/commands/{item.id}"
    return item


@router.get("/commands", response_model=_PAGES.model, responses=problems(404))
def list_commands(
    use: Use, point: Ref = None, limit: Limit = PAGE, cursor: Cursor = None
) -> Response:
    """List commands, newest first."""

    def read(session: Session) -> Found:
        of = point_id(session, point)
        return _COMMANDS.page(session, limit=limit, cursor=cursor, point=of)

    return _PAGES.answer(use.records.read(read), _COMMANDS.fields)


@router.get("/commands/{command_id}", responses=problems(404))
def get_command(command_id: RowId, use: Use) -> CommandItem:
    """Show one command and what became of it."""

    def read(session: Session) -> CommandItem:
        row = get_or_404(session, Command, command_id, "command")
        return _item(row, session.get_one(Point, row.point_id))

    return use.records.read(read)


def _item(row: Command, point: Point) -> CommandItem:
    return CommandItem.model_validate(fields_of(row) | {"point": point.key})
