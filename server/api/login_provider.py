"""/session/provider: logging in by the company's own provider (OpenID Connect)."""

import hmac
from http import HTTPStatus
from typing import Annotated

from fastapi import Request, Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from server.access.id_tokens import IdTokenError, authorization_url
from server.access.login_provider import LoginProvider, ProviderAwayError
from server.access.logins import begin_session, record_failed_login
from server.access.model import User
from server.access.provider_logins import (
    ATTEMPT_MS,
    begin_attempt,
    take_attempt,
    user_of_identity,
)
from server.api.context import Services, Use, actor_of, problems
from server.api.gate import PROVIDER_PATH, cookie
from server.api.passwords import address_of, doorkeeper_of
from server.api.router import api_router
from server.api.session import Identity, identity_of_user, set_session
from server.api.strict import Body
from server.core.errors import NotFoundError
from server.core.problem import ProblemError

STATE_COOKIE = "plantroom_login"
"""Ties the answer of the provider to the browser that has asked."""

router = api_router(prefix="/session/provider", tag="session", responses=problems(403))


class ProviderItem(BaseModel):
    """The company's own login; null: there is none."""

    name_en: str | None
    name_zh: str | None


class ProviderLogin(BaseModel):
    """Where the browser goes to log in."""

    url: str


class ProviderAnswer(Body):
    """What the provider has sent the browser back with."""

    code: Annotated[str, Field(min_length=1, max_length=4000)]
    state: Annotated[str, Field(min_length=1, max_length=200)]


@router.get("")
async def get_login_provider(use: Use) -> ProviderItem:
    """Say whether there is a login of the company's own, and what it is called."""
    known = use.settings.login_provider
    if known is None:
        return ProviderItem(name_en=None, name_zh=None)
    return ProviderItem(name_en=known.name.en, name_zh=known.name.zh)


@router.post("", responses=problems(404, 429, 502))
async def begin_provider_login(request: Request, response: Response, use: Use) -> ProviderLogin:
    """Begin a login by the provider; the page goes to ``url`` and comes back to /app/login."""
    provider = _provider(use)
    await doorkeeper_of(request).begin(address_of(request.scope))
    now = use.clock.now_ms()
    try:
        endpoint = await provider.authorization_endpoint()
    except ProviderAwayError as error:
        raise ProblemError(HTTPStatus.BAD_GATEWAY, str(error)) from error
    asked = await use.records.write_async(
        lambda session: begin_attempt(session, at=now), durable=False
    )
    response.set_cookie(
        STATE_COOKIE,
        asked.state,
        max_age=ATTEMPT_MS // 1000,
        path=PROVIDER_PATH,
        httponly=True,
        samesite="strict",
        secure=use.settings.http.secure_cookie,
    )
    return ProviderLogin(url=authorization_url(endpoint, provider.settings, asked))


@router.post("/code", responses=problems(404, 429, 502))
async def finish_provider_login(
    body: ProviderAnswer, request: Request, response: Response, use: Use
) -> Identity:
    """Log in with the provider's answer, once; the answer sets the session cookie."""
    provider, address = _provider(use), address_of(request.scope)
    await doorkeeper_of(request).begin(address)
    now = use.clock.now_ms()
    mine = hmac.compare_digest(
        (cookie(request.headers, STATE_COOKIE) or "").encode(errors="replace"),
        body.state.encode(errors="replace"),
    )
    response.delete_cookie(STATE_COOKIE, path=PROVIDER_PATH)
    asked = None
    if mine:
        asked = await use.records.write_async(
            lambda session: take_attempt(session, body.state, at=now)
        )
    if asked is None:
        await _note_failure(request, use, name="", address=address)
        raise ProblemError(
            HTTPStatus.UNAUTHORIZED,
            "this login was not begun in this browser, is over or was used already; begin again",
        )
    try:
        vouched = await provider.vouched_for(body.code, asked)
    except ProviderAwayError as error:
        raise ProblemError(HTTPStatus.BAD_GATEWAY, str(error)) from error
    except IdTokenError as error:
        await _note_failure(request, use, name="", address=address)
        raise ProblemError(HTTPStatus.UNAUTHORIZED, str(error)) from error
    life_s = int(use.settings.http.session_hours * 3600)

    def start(session: Session) -> tuple[str, User] | None:
        user = user_of_identity(session, vouched.identity)
        if user is None:
            return None
        secret = begin_session(
            session,
            user=user,
            at=now,
            expires_at=now + life_s * 1000,
            address=address,
            browser=request.headers.get("user-agent", ""),
            second_factor=vouched.second_factor,
            provider=provider.settings.issuer,
        )
        return secret, user

    begun = await use.records.write_async(start)
    if begun is None:
        await _note_failure(request, use, name=vouched.identity, address=address)
        raise ProblemError(
            HTTPStatus.FORBIDDEN,
            f"nobody here is {vouched.identity!r} of the login provider; an administrator names "
            "you: PUT /api/v1/users/{id}/identity",
        )
    secret, user = begun
    set_session(response, use, secret, life_s)
    return await identity_of_user(use, user, second_factor=vouched.second_factor)


def _provider(use: Services) -> LoginProvider:
    if use.login_provider is None:
        raise NotFoundError("there is no login provider: section login_provider of the server file")
    return use.login_provider


async def _note_failure(request: Request, use: Services, *, name: str, address: str) -> None:
    refused = actor_of(request.scope, refused=HTTPStatus.UNAUTHORIZED)
    await use.records.acting(refused).write_async(
        lambda session: record_failed_login(
            session, name=name, at=use.clock.now_ms(), address=address
        ),
        durable=False,
    )
