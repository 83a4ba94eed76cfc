"""/session: log in, who am I, another password, log out."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.api.context import Caller, Services, Use, problems
from server.api.gate import COOKIE, cookie, session_secret
from server.api.passwords import address_of, doorkeeper_of
from server.api.strict import Body
from server.core.auth import (
    MAX_PASSWORD,
    MIN_PASSWORD,
    Role,
    change_password,
    create_login,
    end_login,
    may_log_in,
    password_matches,
    record_failed_login,
)
from server.core.browsers import browser_mark, is_browser_of
from server.core.model import User
from server.core.problem import FieldError, ProblemError

BROWSER_COOKIE = "plantroom_browser"
"""Set by a login; with it a browser's own tries are counted, not those of its address."""
_BROWSER_S = 180 * 86_400

router = APIRouter(prefix="/session", tags=["session"], responses=problems())


class Credentials(Body):
    """Name and password of a person."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    password: Annotated[str, Field(min_length=1, max_length=MAX_PASSWORD)]


class Identity(BaseModel):
    """Who is logged in."""

    user_id: int
    name: str
    role: Role
    must_change_password: bool
    """True after a login with a one-time password: first POST /session/password."""


class PasswordChange(Body):
    """The password of today and the one that shall be."""

    old_password: Annotated[str, Field(min_length=1, max_length=MAX_PASSWORD)]
    new_password: Annotated[str, Field(min_length=MIN_PASSWORD, max_length=MAX_PASSWORD)]


@router.post("", responses=problems(403, 409, 429))
async def log_in(
    credentials: Credentials, request: Request, response: Response, use: Use
) -> Identity:
    """Log in; the answer sets the session cookie (HttpOnly, SameSite=Strict)."""
    keeper, address = doorkeeper_of(request), address_of(request.scope)
    name, now = credentials.name, use.clock.now_ms()
    user = await use.records.read_async(lambda session: _active_user(session, name))
    mark = cookie(request.headers, BROWSER_COOKIE)
    browser = mark if is_browser_of(user, mark) else None
    keeper.take(address, name, use.clock.monotonic_s(), browser=browser)
    stored = user.password_hash if user is not None and may_log_in(user, now) else None
    try:
        good = await keeper.work(
            lambda: password_matches(stored, credentials.password), known=browser is not None
        )
    except ProblemError:
        keeper.throttle.give_back(address, name, browser=browser)  # nothing was compared
        raise
    if user is None or not good:
        await use.records.write_async(
            lambda session: record_failed_login(session, name=name, at=now, address=address),
            durable=False,
        )
        raise ProblemError(HTTPStatus.UNAUTHORIZED, "name or password is wrong")
    keeper.throttle.give_back(address, name, browser=browser)
    life_s = int(use.settings.http.session_hours * 3600)

    def start(session: Session) -> str:
        return create_login(
            session, user=user, at=now, expires_at=now + life_s * 1000, address=address
        )

    secret = await use.records.write_async(start)
    _set_cookie(response, use, COOKIE, secret, life_s)
    _set_cookie(response, use, BROWSER_COOKIE, browser_mark(user), _BROWSER_S)
    return _identity(user)


@router.post("/password", responses=problems(403, 429))
async def change_password_(
    body: PasswordChange, request: Request, response: Response, use: Use, caller: Caller
) -> Identity:
    """Choose another password; one's other browser sessions end, tokens go on."""
    keeper, address = doorkeeper_of(request), address_of(request.scope)
    user = await use.records.read_async(lambda session: session.get_one(User, caller.user_id))
    # The session shows who it is, so a stranger's failures do not count here.
    browser = f"of {user.id}"
    keeper.take(address, user.name, use.clock.monotonic_s(), browser=browser)
    good = await keeper.work(
        lambda: password_matches(user.password_hash, body.old_password), known=True
    )
    if not good:
        raise FieldError("body.old_password", "this is not the password of today")
    keeper.throttle.give_back(address, user.name, browser=browser)
    if body.new_password == body.old_password:
        raise FieldError("body.new_password", "choose another one than the password of today")
    password_hash = await keeper.hash(body.new_password)
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
    return _identity(changed)


@router.get("")
async def get_session(caller: Caller) -> Identity:
    """Who is asking."""
    return Identity(
        user_id=caller.user_id,
        name=caller.name,
        role=caller.role,
        must_change_password=caller.must_change_password,
    )


@router.delete("", status_code=HTTPStatus.NO_CONTENT)
def log_out(request: Request, response: Response, use: Use) -> None:
    """End the browser session; the cookie is worthless afterwards."""
    secret = session_secret(request.headers)
    if secret is not None:
        use.records.write(lambda session: end_login(session, secret))
    response.delete_cookie(COOKIE)


def _active_user(session: Session, name: str) -> User | None:
    return session.scalar(select(User).where(User.name == name, User.disabled_at.is_(None)))


def _identity(user: User) -> Identity:
    return Identity(
        user_id=user.id,
        name=user.name,
        role=Role(user.role),
        must_change_password=user.one_time_until is not None,
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
