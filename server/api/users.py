"""/users: who may log in. For administrators."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access.logins import end_logins_of, logins_of
from server.access.model import User
from server.access.passwords import MAX_PASSWORD, MIN_PASSWORD, ONE_TIME_MS, one_time_password
from server.access.principal import Principal
from server.access.provider_logins import name_identity
from server.access.roles import Permission, Role
from server.access.scope import EVERYTHING
from server.access.second_factor import end_second_factor, has_second_factor
from server.access.users import (
    Rights,
    change_rights,
    create_user,
    disable_user,
    enable_user,
    reset_password,
)
from server.api.context import PAGE, Cursor, Limit, RowId, Services, Use, problems
from server.api.lookup import get_or_404
from server.api.pages import PageOf, part_of
from server.api.passwords import doorkeeper_of
from server.api.rights import may
from server.api.router import api_router
from server.api.sessions import SESSION_PAGES, SessionItem, session_items
from server.api.shapes import Instant, fields_of
from server.api.strict import Body
from server.assets.model import Equipment, Site
from server.core.paging import Listing, columns_of
from server.core.problem import FieldError
from server.people.model import Person

UserManager = Annotated[Principal, may(Permission.USERS_MANAGE)]

router = api_router(prefix="/users", tag="users", responses=problems(403))


class UserItem(BaseModel):
    """A person; never the password."""

    id: int
    name: str
    role: Role
    sites: list[str] | None
    """Keys of the sites that the role is limited to; null: no limit."""
    classes: list[str] | None
    """Classes of equipment; with ``equipment``: whatever either names."""
    equipment: list[str] | None
    """Keys of equipment."""
    person: str | None
    """Key of the person of the rosters whose login it is."""
    created_at: Instant
    disabled_at: Instant | None
    second_factor: bool
    """A login asks for a code."""
    provider_identity: str | None
    """Whom the company's login provider calls this person; null: it lets nobody in so."""


class UserIdentity(Body):
    """Whom the company's login provider calls a person."""

    identity: Annotated[str, Field(min_length=1, max_length=300, pattern=r"^\S(.*\S)?$")] | None
    """The value of the claim that login_provider.claim names; null: nobody."""


Keys = Annotated[list[Annotated[str, Field(max_length=200)]] | None, Field(max_length=500)]


class UserRights(Body):
    """What somebody is, and where; what is left out does not limit.

    A contractor has nothing but what ``classes`` or ``equipment`` name, and what the ledger has of
    its ``person``: under contract today, or in its warranty as builder.
    """

    role: Role
    sites: Keys = None
    """Keys of sites."""
    classes: Keys = None
    """Classes of equipment; with ``equipment``: whatever either names."""
    equipment: Keys = None
    """Keys of equipment, site/gateway/device."""
    person: Annotated[str | None, Field(max_length=64)] = None
    """Key of the person of the rosters whose login it is: its work orders are one's own."""


class NewUser(UserRights):
    """A person to be added."""

    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^\S(.*\S)?$")]
    password: Annotated[str, Field(min_length=MIN_PASSWORD, max_length=MAX_PASSWORD)]


class OneTimePassword(BaseModel):
    """A password that is shown this once, good for one login."""

    user_id: int
    name: str
    password: str
    valid_until: Instant


_SECRETS = ("password_hash", "totp_secret", "totp_used", "recovery_codes")
_USERS = Listing(
    select(
        *columns_of(User, *_SECRETS),
        User.totp_confirmed_at.is_not(None).label("second_factor"),
    ),
    key=User.id,
)
_PAGES = PageOf(UserItem)


def _rights(session: Session, use: Services, body: UserRights) -> Rights:
    """Return what a request gives, all of whose names are known."""
    known = {
        "sites": _known(session, Site.key, body.sites),
        "classes": use.classes.keys(),
        "equipment": _known(session, Equipment.key, body.equipment),
        "person": _known(session, Person.key, [body.person] if body.person else None),
    }
    for name, there in known.items():
        given: str | list[str] | None = getattr(body, name)
        wanted = [given] if isinstance(given, str) else given or []
        if unknown := [one for one in wanted if one not in there]:
            raise FieldError(f"body.{name}", f"unknown: {', '.join(unknown[:5])}")
    return Rights(**body.model_dump(include=set(Rights._fields)))


def _known(session: Session, column: Any, given: Sequence[str] | None) -> set[str]:  # noqa: ANN401 (a column)
    return set(session.scalars(select(column).where(column.in_(given)))) if given else set()


def _item(row: User) -> UserItem:
    return UserItem.model_validate(fields_of(row) | {"second_factor": has_second_factor(row)})


@router.get("", response_model=_PAGES.model)
def list_users(
    use: Use, _caller: UserManager, limit: Limit = PAGE, cursor: Cursor = None
) -> Response:
    """List everybody, the disabled included."""
    found = use.records.read(lambda session: _USERS.page(session, limit=limit, cursor=cursor))
    return _PAGES.answer(found, _USERS.fields)


@router.post("", status_code=HTTPStatus.CREATED, responses=problems(409))
async def create_user_(body: NewUser, request: Request, use: Use, caller: UserManager) -> UserItem:
    """Add a person."""
    password_hash = await doorkeeper_of(request).choose(
        body.password, name=body.name, field="body.password"
    )

    def add(session: Session) -> UserItem:
        user = create_user(
            session,
            name=body.name,
            password_hash=password_hash,
            rights=_rights(session, use, body),
            at=use.clock.now_ms(),
            by=caller.name,
        )
        return _item(user)

    return await use.records.write_async(add)


@router.put("/{user_id}/rights", responses=problems(404, 409))
def put_user_rights(user_id: RowId, body: UserRights, use: Use, caller: UserManager) -> UserItem:
    """Give a person another role or scope; it holds from the next request on."""
    return use.records.write(
        lambda session: _item(
            change_rights(
                session,
                user_id=user_id,
                rights=_rights(session, use, body),
                at=use.clock.now_ms(),
                by=caller.name,
            )
        )
    )


@router.put("/{user_id}/identity", responses=problems(404, 409))
def put_user_identity(
    user_id: RowId, body: UserIdentity, use: Use, caller: UserManager
) -> UserItem:
    """Say whom the login provider calls a person; sessions go on as they are."""

    def change(session: Session) -> UserItem:
        now = use.clock.now_ms()
        row = name_identity(
            session, user_id=user_id, identity=body.identity, at=now, by=caller.name
        )
        return _item(row)

    return use.records.write(change)


@router.post("/{user_id}/reset-password", responses=problems(404))
async def reset_password_(
    user_id: RowId, request: Request, use: Use, caller: UserManager
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


@router.get("/{user_id}/sessions", response_model=SESSION_PAGES.model, responses=problems(404))
def list_user_sessions(
    user_id: RowId, use: Use, _caller: UserManager, limit: Limit = PAGE, cursor: Cursor = None
) -> Response:
    """List the browser sessions of a person."""

    def read(session: Session) -> list[SessionItem]:
        row = get_or_404(session, User, user_id, "user", EVERYTHING)
        return session_items(logins_of(session, row.id, use.clock.now_ms()), mine=None)

    found = part_of(use.records.read(read), lambda one: one.id, limit=limit, cursor=cursor)
    return SESSION_PAGES.answer(found, lambda one: one)


@router.delete("/{user_id}/sessions", status_code=HTTPStatus.NO_CONTENT, responses=problems(404))
def end_user_sessions(user_id: RowId, use: Use, caller: UserManager) -> None:
    """End all browser sessions of a person; tokens go on."""

    def change(session: Session) -> None:
        row = get_or_404(session, User, user_id, "user", EVERYTHING)
        end_logins_of(session, user_id=row.id, at=use.clock.now_ms(), by=caller.name)

    use.records.write(change)


@router.delete(
    "/{user_id}/second-factor", status_code=HTTPStatus.NO_CONTENT, responses=problems(404)
)
def end_user_second_factor(user_id: RowId, use: Use, caller: UserManager) -> None:
    """Take off the second factor of a person who has lost telephone and recovery codes."""

    def change(session: Session) -> None:
        row = get_or_404(session, User, user_id, "user", EVERYTHING, lock=True)
        end_second_factor(session, row, at=use.clock.now_ms(), by=caller.name)

    use.records.write(change)


@router.post("/{user_id}/disable", responses=problems(404, 409))
def disable_user_(user_id: RowId, use: Use, caller: UserManager) -> UserItem:
    """Shut a person out at once: sessions end, tokens stop."""
    return use.records.write(
        lambda session: _item(
            disable_user(session, user_id=user_id, at=use.clock.now_ms(), by=caller.name)
        )
    )


@router.post("/{user_id}/enable", responses=problems(404))
def enable_user_(user_id: RowId, use: Use, caller: UserManager) -> UserItem:
    """Let a disabled person in again."""
    return use.records.write(
        lambda session: _item(
            enable_user(session, user_id=user_id, at=use.clock.now_ms(), by=caller.name)
        )
    )
