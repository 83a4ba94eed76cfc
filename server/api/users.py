"""/users: who may log in. For administrators."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.api.context import PAGE, Administrator, Cursor, Limit, RowId, Use, problems
from server.api.pages import PageOf
from server.api.passwords import doorkeeper_of
from server.api.shapes import Instant
from server.api.strict import Body
from server.core.auth import (
    MAX_PASSWORD,
    MIN_PASSWORD,
    ONE_TIME_MS,
    Role,
    create_user,
    disable_user,
    enable_user,
    one_time_password,
    reset_password,
)
from server.core.model import User
from server.core.paging import Listing, columns_of

router = APIRouter(prefix="/users", tags=["users"], responses=problems(403))


class UserItem(BaseModel):
    """A person; never the password."""

    id: int
    name: str
    role: Role
    created_at: Instant
    disabled_at: Instant | None


class NewUser(Body):
    """A person to be added."""

    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^\S(.*\S)?$")]
    password: Annotated[str, Field(min_length=MIN_PASSWORD, max_length=MAX_PASSWORD)]
    role: Role


class OneTimePassword(BaseModel):
    """A password that is shown this once, good for one login."""

    user_id: int
    name: str
    password: str
    valid_until: Instant


_USERS = Listing(select(*columns_of(User, "password_hash")), key=User.id)
_PAGES = PageOf(UserItem)


def _item(row: User) -> UserItem:
    return UserItem.model_validate(row, from_attributes=True)


@router.get("", response_model=_PAGES.model)
def list_users(
    use: Use, _caller: Administrator, limit: Limit = PAGE, cursor: Cursor = None
) -> Response:
    """List everybody, the disabled included."""
    found = use.records.read(lambda session: _USERS.page(session, limit=limit, cursor=cursor))
    return _PAGES.answer(found, _USERS.fields)


@router.post("", status_code=HTTPStatus.CREATED, responses=problems(409))
async def create_user_(
    body: NewUser, request: Request, use: Use, caller: Administrator
) -> UserItem:
    """Add a person."""
    password_hash = await doorkeeper_of(request).hash(body.password)

    def add(session: Session) -> UserItem:
        user = create_user(
            session,
            name=body.name,
            password_hash=password_hash,
            role=body.role,
            at=use.clock.now_ms(),
            by=caller.name,
        )
        return _item(user)

    return await use.records.write_async(add)


@router.post("/{user_id}/reset-password", responses=problems(404))
async def reset_password_(
    user_id: RowId, request: Request, use: Use, caller: Administrator
) -> OneTimePassword:
    """Give a person who has forgotten the password a new one, for one login within 72 hours.

    It may do nothing but choose a password. Browser sessions of the person end; tokens go on.
    """
    password, until = one_time_password(), use.clock.now_ms() + ONE_TIME_MS
    password_hash = await doorkeeper_of(request).hash(password)

    def reset(session: Session) -> str:
        return reset_password(
            session,
            user_id=user_id,
            password_hash=password_hash,
            at=use.clock.now_ms(),
            by=caller.name,
            one_time_until=until,
        ).name

    name = await use.records.write_async(reset)
    return OneTimePassword(user_id=user_id, name=name, password=password, valid_until=until)


@router.post("/{user_id}/disable", responses=problems(404, 409))
def disable_user_(user_id: RowId, use: Use, caller: Administrator) -> UserItem:
    """Shut a person out at once: sessions end, tokens stop."""
    return use.records.write(
        lambda session: _item(
            disable_user(session, user_id=user_id, at=use.clock.now_ms(), by=caller.name)
        )
    )


@router.post("/{user_id}/enable", responses=problems(404))
def enable_user_(user_id: RowId, use: Use, caller: Administrator) -> UserItem:
    """Let a disabled person in again."""
    return use.records.write(
        lambda session: _item(
            enable_user(session, user_id=user_id, at=use.clock.now_ms(), by=caller.name)
        )
    )
