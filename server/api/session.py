"""/session: log in, who am I, log out."""

import math
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.api.context import Caller, Use, problems
from server.api.gate import COOKIE, session_secret
from server.api.strict import Body
from server.core.auth import (
    MAX_PASSWORD,
    Role,
    Throttle,
    create_login,
    end_login,
    password_matches,
    record_failed_login,
)
from server.core.model import User
from server.core.problem import ProblemError

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


class LoginThrottle:
    """Guessing is slow: 5 tries per person and address, 20 per address, then one each 12 s, 3 s."""

    def __init__(self) -> None:
        self._pair = Throttle(burst=5, forgive_s=12)
        self._address = Throttle(burst=20, forgive_s=3)

    def take(self, address: str, name: str, now_s: float) -> None:
        """Count a try, or refuse it with 429."""
        wait = self._address.take(address, now_s) or self._pair.take(f"{address} {name}", now_s)
        if wait > 0:
            raise ProblemError(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"too many failed logins; try again in {math.ceil(wait)} s",
                {"Retry-After": str(math.ceil(wait))},
            )

    def give_back(self, address: str, name: str) -> None:
        """A good login does not count."""
        self._address.give_back(address)
        self._pair.give_back(f"{address} {name}")


@router.post("", responses=problems(403, 429))
def log_in(credentials: Credentials, request: Request, response: Response, use: Use) -> Identity:
    """Log in; the answer sets the session cookie (HttpOnly, SameSite=Strict)."""
    throttle: LoginThrottle = request.app.state.throttle
    address = request.client.host if request.client else "unknown"
    name, now = credentials.name, use.clock.now_ms()
    throttle.take(address, name, use.clock.monotonic_s())
    user = use.records.read(
        lambda session: session.scalar(
            select(User).where(User.name == name, User.disabled_at.is_(None))
        )
    )
    good = password_matches(user.password_hash if user else None, credentials.password)
    if user is None or not good:
        use.records.write(
            lambda session: record_failed_login(session, name=name, at=now, address=address)
        )
        raise ProblemError(HTTPStatus.UNAUTHORIZED, "name or password is wrong")
    throttle.give_back(address, name)
    life_s = int(use.settings.http.session_hours * 3600)

    def start(session: Session) -> str:
        return create_login(
            session, user=user, at=now, expires_at=now + life_s * 1000, address=address
        )

    response.set_cookie(
        COOKIE,
        use.records.write(start),
        max_age=life_s,
        httponly=True,
        samesite="strict",
        secure=use.settings.http.secure_cookie,
    )
    return Identity(user_id=user.id, name=user.name, role=Role(user.role))


@router.get("")
async def get_session(caller: Caller) -> Identity:
    """Who is asking."""
    return Identity(user_id=caller.user_id, name=caller.name, role=caller.role)


@router.delete("", status_code=HTTPStatus.NO_CONTENT)
def log_out(request: Request, response: Response, use: Use) -> None:
    """End the browser session; the cookie is worthless afterwards."""
    secret = session_secret(request.headers)
    if secret is not None:
        use.records.write(lambda session: end_login(session, secret))
    response.delete_cookie(COOKIE)
