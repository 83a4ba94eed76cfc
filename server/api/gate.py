"""The gate before every request: no request passes without login or token, whatever the endpoint.

It refuses by default, so that an endpoint that forgets to ask is closed, not open.
"""

import contextlib
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from sqlalchemy.orm import Session
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.api.context import Services, services_of
from server.api.docs import PATHS as DOCS
from server.core.auth import Principal, Role, principal_of_login, principal_of_token
from server.core.errors import ForbiddenError, ServerError, StoreError
from server.core.model import Token
from server.core.problem import ProblemError, answer_for
from server.core.records import Records
from server.messages.links import PATH as LINK_PATH

COOKIE = "plantroom_session"
SESSION_PATH = "/api/v1/session"

_PAGE = {"/", "/page.css", "/page.js", "/words.js", "/favicon.ico"}
PUBLIC = _PAGE | {"/healthz", "/readyz"} | DOCS
_OWN = (SESSION_PATH, "/api/v1/tokens")
"""Where everybody has something of their own to change: session, password, tokens."""
_SAFE = {"GET", "HEAD", "OPTIONS"}
_TOKEN_USE_STEP_MS = 60_000

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class Gate:
    """ASGI middleware: login or token, cross-site check, viewers only look, safe headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request pass with its principal in ``request.state``, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith("/api/"):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            await self._admit(scope)
        except ServerError as error:
            await answer_for(error)(scope, receive, send_safely)
            return
        await self._app(scope, receive, send_safely)

    @staticmethod
    async def _admit(scope: Scope) -> None:
        headers = Headers(scope=scope)
        unsafe = scope["method"] not in _SAFE
        if scope["path"] == SESSION_PATH and scope["method"] == "POST":
            _check_origin(headers, required=False)
            return
        if scope["path"] in PUBLIC and not unsafe:
            return
        # A one-time link proves itself (ADR-6); the page behind it asks for nothing else.
        if scope["path"].startswith(LINK_PATH):
            return
        use = services_of(scope)
        principal = await authenticate(headers, use)
        if principal is None:
            raise ProblemError(
                HTTPStatus.UNAUTHORIZED,
                "log in, or send a token as 'Authorization: Bearer ...'",
                {"WWW-Authenticate": 'Bearer realm="plantroom"'},
            )
        if unsafe and principal.token_id is None:
            _check_origin(headers, required=True)
        own = scope["path"].startswith(_OWN)
        if principal.must_change_password and not scope["path"].startswith(SESSION_PATH):
            raise ForbiddenError("choose a password first: POST /api/v1/session/password")
        if unsafe and not own and not principal.role.may_act_as(Role.OPERATOR):
            raise ForbiddenError("a viewer may look but not change anything of the plant")
        scope.setdefault("state", {})["principal"] = principal


async def authenticate(headers: Headers, use: Services) -> Principal | None:
    """Who sends these headers; a token counts before a cookie."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    bearer = kind.lower() == "bearer"
    secret = token.strip() if bearer else session_secret(headers)
    if secret is None:
        return None
    known, now = use.principals, use.clock.now_ms()
    credentials = f"{bearer} {secret}"
    age = 0 if known is None else known.age
    principal = None if known is None else known.find(credentials)
    if principal is None:
        principal = await use.records.read_async(
            lambda session: (
                principal_of_token(session, secret)
                if bearer
                else principal_of_login(session, secret, now)
            )
        )
        if known is not None and principal is not None:
            known.keep(credentials, principal, age=age)
    if principal is not None:
        await _note_use(principal, use, now)
    return principal


def session_secret(headers: Headers) -> str | None:
    """Return the session cookie's value."""
    return cookie(headers, COOKIE)


def cookie(headers: Headers, name: str) -> str | None:
    """Return the value of a cookie."""
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return None
    return None if morsel is None else morsel.value


async def _note_use(principal: Principal, use: Services, now: int) -> None:
    """Keep 'last used' to the minute; a write per request would cost more than it tells."""
    used_at, token_id = principal.token_used_at, principal.token_id
    if token_id is None or (used_at is not None and now - used_at < _TOKEN_USE_STEP_MS):
        return
    if use.server is not None:
        use.server.note_token(token_id, now)
    else:
        await note_token(use.records, token_id, now)


async def note_token(records: Records, token_id: int, at: int) -> None:
    """Write down that a token was used."""

    def mark(session: Session) -> None:
        token = session.get(Token, token_id)
        if token is not None:
            token.last_used_at = at

    # Who may look has to be let in also while nothing can be written, as on a full disk.
    with contextlib.suppress(StoreError):
        await records.write_async(mark)


def _check_origin(headers: Headers, *, required: bool) -> None:
    """Refuse a change that another site makes the browser send along with our cookie."""
    origin = headers.get("origin")
    if origin is None:
        same = headers.get("sec-fetch-site") == "same-origin" or not required
    else:
        same = urlsplit(origin).netloc == headers.get("host")
    if not same:
        raise ForbiddenError(
            "a change with a session cookie must come from this site's own page (Origin header); "
            "programs use a token"
        )
