"""/session/second-factor: one's own authenticator app and recovery codes."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, TypeVar

from fastapi import Request
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from server.access.logins import hash_secret
from server.access.model import User
from server.access.principal import Principal
from server.access.second_factor import (
    Enrolment,
    SecondFactorError,
    begin_second_factor,
    confirm_second_factor,
    end_second_factor,
    use_code,
)
from server.access.tries import budgets_of, give_back_try
from server.api.context import Services, Use, problems
from server.api.gate import session_secret
from server.api.passwords import address_of, doorkeeper_of
from server.api.rights import OwnUser
from server.api.router import api_router
from server.api.strict import Body
from server.core.errors import ConflictError
from server.core.problem import FieldError
from server.requests.qr import svg

T = TypeVar("T")

router = api_router(
    prefix="/session/second-factor", tag="session", responses=problems(403, 409, 429)
)


class Code(Body):
    """A code of the authenticator app, or a recovery code."""

    code: Annotated[str, Field(min_length=1, max_length=32)]


class EnrolmentItem(BaseModel):
    """What the authenticator app is given; shown this once."""

    secret: str
    uri: str
    """otpauth://..."""
    qr: str
    """The same as a QR code: an SVG drawing, to be read from the screen by the app."""


class RecoveryCodes(BaseModel):
    """Codes for the day on which the telephone is lost; shown this once, each good once."""

    recovery_codes: list[str]


@router.post("", status_code=HTTPStatus.CREATED)
def begin_second_factor_(use: Use, caller: OwnUser) -> EnrolmentItem:
    """Begin a second factor; it counts once POST .../confirm has seen a code of it."""
    _require_browser(caller)

    def begin(session: Session) -> Enrolment:
        return begin_second_factor(session, _own(session, caller), at=use.clock.now_ms())

    begun = use.records.write(begin)
    return EnrolmentItem(secret=begun.secret, uri=begun.uri, qr=svg(begun.uri).decode())


@router.post("/confirm")
async def confirm_second_factor_(
    body: Code, request: Request, use: Use, caller: OwnUser
) -> RecoveryCodes:
    """Let the second factor count; one's other browser sessions end."""
    _require_browser(caller)
    secret = session_secret(request.headers)
    mine = None if secret is None else hash_secret(secret)

    def confirm(session: Session) -> RecoveryCodes:
        user, now = _own(session, caller), use.clock.now_ms()
        codes = confirm_second_factor(session, user, code=body.code, login=mine, at=now)
        return RecoveryCodes(recovery_codes=codes)

    return await _throttled(request, use, caller, confirm)


@router.post("/end", status_code=HTTPStatus.NO_CONTENT)
async def end_second_factor_(body: Code, request: Request, use: Use, caller: OwnUser) -> None:
    """Take the second factor off, with a code of it."""
    _require_browser(caller)

    def end(session: Session) -> None:
        user, now = _own(session, caller), use.clock.now_ms()
        if user.totp_confirmed_at is None:
            raise ConflictError("there is no second factor")
        use_code(user, body.code, at=now)
        end_second_factor(session, user, at=now, by=caller.name)

    await _throttled(request, use, caller, end)


async def _throttled(
    request: Request, use: Services, caller: Principal, change: Callable[[Session], T]
) -> T:
    """Make a change that a code proves; wrong codes count like wrong passwords."""
    keeper, address = doorkeeper_of(request), address_of(request.scope)
    budgets = budgets_of(address, caller.name, browser=f"code of {caller.user_id}")
    await keeper.take(budgets, known=True)

    def change_and_give_back(session: Session) -> T:
        done = change(session)
        give_back_try(session, budgets)
        return done

    try:
        return await use.records.write_async(change_and_give_back)
    except SecondFactorError as error:
        raise FieldError("body.code", str(error)) from error


def _own(session: Session, caller: Principal) -> User:
    return session.get_one(User, caller.user_id, with_for_update=True)


def _require_browser(caller: Principal) -> None:
    if caller.token_id is not None:
        raise ConflictError("a second factor is a person's; log in by a browser session")
