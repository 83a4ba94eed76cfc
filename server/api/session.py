"""/session: log in, who am I, another password, log out."""

from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access.browsers import browser_mark, is_browser_of
from server.access.logins import (
    create_login,
    end_login,
    hash_secret,
    may_log_in,
    record_failed_login,
    scope_of,
)
from server.access.model import User
from server.access.passwords import MAX_PASSWORD, MIN_WITH_FACTOR, password_matches
from server.access.principal import Principal
from server.access.rights import permissions_of
from server.access.roles import Permission, Role
from server.access.second_factor import SecondFactorError, has_second_factor
from server.access.tries import budgets_of, give_back_try
from server.access.users import change_password
from server.api.context import Services, Use, actor_of, problems
from server.api.gate import COOKIE, cookie, session_secret
from server.api.passwords import address_of, doorkeeper_of
from server.api.rights import OwnUser
from server.api.router import api_router
from server.api.strict import Body
from server.assets.under_contract import with_contracts
from server.core.problem import FieldError, FieldProblem, ProblemError

BROWSER_COOKIE = "plantroom_browser"
"""Set by a login; with it a browser's own tries are counted, not those of its address."""
_BROWSER_S = 180 * 86_400

router = api_router(prefix="/session", tag="session", responses=problems())


class FactorNeededError(ProblemError):
    """The password is right, and a code is missing or wrong."""

    def __init__(self, detail: str) -> None:
        errors = [FieldProblem(field="body.code", message=detail)]
        super().__init__(HTTPStatus.UNAUTHORIZED, detail, errors=errors)


class Credentials(Body):
    """Name and password of a person."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    password: Annotated[str, Field(min_length=1, max_length=MAX_PASSWORD)]
    code: Annotated[str, Field(max_length=32)] = ""
    """Of the authenticator app, or a recovery code; for those who have a second factor."""


class Notice(BaseModel):
    """What everybody shall read, of the server file."""

    en: str
    zh: str


class Identity(BaseModel):
    """Who is logged in."""

    user_id: int
    name: str
    role: Role
    second_factor: bool
    """A code was shown with the password, or a token is used."""
    must_change_password: bool
    """True after a login with a one-time password: first POST /session/password."""
    permissions: list[Permission]
    """What it may do, in its scope."""
    sites: list[str] | None
    """Keys of the sites of its scope; null: all."""
    classes: list[str] | None
    """Classes of its equipment; null with ``equipment`` null too: all."""
    equipment: list[str] | None
    """Keys of its equipment, beside that of the classes."""
    notice: Notice | None
    """Of http.notice in the server file; null: nothing."""


class PasswordChange(Body):
    """The password of today and the one that shall be."""

    old_password: Annotated[str, Field(min_length=1, max_length=MAX_PASSWORD)]
    new_password: Annotated[str, Field(min_length=MIN_WITH_FACTOR, max_length=MAX_PASSWORD)]
    """15 characters at least; 8 for those who have a second factor."""


@router.post("", responses=problems(403, 409, 429))
async def log_in(
    credentials: Credentials, request: Request, response: Response, use: Use
) -> Identity:
    """Log in; the answer sets the session cookie (HttpOnly, SameSite=Strict)."""
    keeper, address = doorkeeper_of(request), address_of(request.scope)
    name, now = credentials.name, use.clock.now_ms()
    user = await use.records.read_async(lambda session: _active_user(session, name))
    mark = cookie(request.headers, BROWSER_COOKIE)
    browser = hash_secret(mark) if mark and is_browser_of(user, mark) else None
    budgets = budgets_of(address, name, browser=browser)
    await keeper.take(budgets, known=browser is not None)
    stored = user.password_hash if user is not None and may_log_in(user, now) else None
    try:
        good = await keeper.work(
            lambda: password_matches(stored, credentials.password), known=browser is not None
        )
    except ProblemError:
        await keeper.give_back(budgets)  # nothing was compared
        raise

    async def note_failure() -> None:
        refused = actor_of(request.scope, refused=HTTPStatus.UNAUTHORIZED)
        await use.records.acting(refused).write_async(
            lambda session: record_failed_login(session, name=name, at=now, address=address),
            durable=False,
        )

    if user is None or not good:
        await note_failure()
        raise ProblemError(HTTPStatus.UNAUTHORIZED, "name or password is wrong")
    life_s = int(use.settings.http.session_hours * 3600)

    def start(session: Session) -> str:
        begun = create_login(
            session,
            user=user,
            at=now,
            expires_at=now + life_s * 1000,
            address=address,
            browser=request.headers.get("user-agent", ""),
            code=credentials.code,
        )
        give_back_try(session, budgets)
        return begun

    try:
        secret = await use.records.write_async(start)
    except SecondFactorError as error:
        await note_failure()
        raise FactorNeededError(str(error)) from error
    set_session(response, use, secret, life_s)
    _set_cookie(response, use, BROWSER_COOKIE, browser_mark(user), _BROWSER_S)
    return await identity_of_user(use, user, second_factor=has_second_factor(user))


@router.post("/password", responses=problems(403, 429))
async def change_password_(
    body: PasswordChange, request: Request, response: Response, use: Use, caller: OwnUser
) -> Identity:
    """Choose another password; one's other browser sessions end, tokens go on."""
    keeper, address = doorkeeper_of(request), address_of(request.scope)
    user = await use.records.read_async(lambda session: session.get_one(User, caller.user_id))
    # The session shows who it is, so a stranger's failures do not count here.
    budgets = budgets_of(address, user.name, browser=f"of {user.id}")
    await keeper.take(budgets, known=True)
    good = await keeper.work(
        lambda: password_matches(user.password_hash, body.old_password), known=True
    )
    if not good:
        raise FieldError("body.old_password", "this is not the password of today")
    await keeper.give_back(budgets)
    if body.new_password == body.old_password:
        raise FieldError("body.new_password", "choose another one than the password of today")
    password_hash = await keeper.choose(
        body.new_password,
        name=user.name,
        field="body.new_password",
        alone=not has_second_factor(user),
    )
    keep = None if caller.token_id is not None else session_secret(request.headers)

    def change(session: Session) -> User:
        return change_password(
            session,
            user_id=caller.user_id,
            password_hash=password_hash,
            at=use.clock.now_ms(),
            keep=keep,
        )

    changed = await use.records.write_async(change)
    _set_cookie(response, use, BROWSER_COOKIE, browser_mark(changed), _BROWSER_S)
    return await identity_of_user(use, changed, second_factor=caller.second_factor)


@router.get("")
async def get_session(use: Use, caller: OwnUser) -> Identity:
    """Who is asking."""
    return identity_of(use, caller)


@router.delete("", status_code=HTTPStatus.NO_CONTENT)
def log_out(request: Request, response: Response, use: Use, _caller: OwnUser) -> None:
    """End the browser session; the cookie is worthless afterwards."""
    secret = session_secret(request.headers)
    if secret is not None:
        use.records.write(lambda session: end_login(session, secret))
    response.delete_cookie(COOKIE)


def set_session(response: Response, use: Services, secret: str, life_s: int) -> None:
    """Let the browser keep the session's secret."""
    _set_cookie(response, use, COOKIE, secret, life_s)


def _active_user(session: Session, name: str) -> User | None:
    return session.scalar(select(User).where(User.name == name, User.disabled_at.is_(None)))


async def identity_of_user(use: Services, user: User, *, second_factor: bool) -> Identity:
    """Show who has just logged in."""
    now = use.clock.now_ms()
    principal = Principal(
        user.id,
        user.name,
        Role(user.role),
        must_change_password=user.one_time_until is not None,
        scope=scope_of(user),
        person=user.person,
        second_factor=second_factor,
    )
    reaching = partial(with_contracts, principal=principal, at=now)
    return identity_of(use, await use.records.read_async(reaching))


def identity_of(use: Services, caller: Principal) -> Identity:
    """Show who is logged in."""
    lists = {
        name: None if keys is None else sorted(keys)
        for name, keys in caller.scope._asdict().items()
    }
    notice = use.settings.http.notice
    return Identity(
        notice=None if notice is None else Notice(en=notice.en, zh=notice.zh),
        user_id=caller.user_id,
        name=caller.name,
        role=caller.role,
        second_factor=caller.second_factor,
        must_change_password=caller.must_change_password,
        permissions=permissions_of(caller),
        **lists,
    )


def _set_cookie(response: Response, use: Services, name: str, value: str, life_s: int) -> None:
    response.set_cookie(
        name,
        value,
        max_age=life_s,
        httponly=True,
        samesite="strict",
        secure=use.settings.http.secure_cookie,
    )
