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

from server.access.logins import principal_of_login
from server.access.model import Token
from server.access.principal import Principal
from server.access.tokens import principal_of_token
from server.api.context import SAFE, BasicServices, actor_of, basic_services_of
from server.api.docs import PATHS as DOCS
from server.api.page import FOLDERS, PAGES
from server.api.plain import STYLE_PATH
from server.assets.under_contract import with_contracts
from server.core.audit import Actor
from server.core.errors import ForbiddenError, ServerError, StoreError
from server.core.problem import ProblemError, answer_for
from server.core.records import Records
from server.messages.links import PATH as LINK_PATH
from server.requests.places import PLACE_PATH

COOKIE = "plantroom_session"
SESSION_PATH = "/api/v1/session"
PROVIDER_PATH = f"{SESSION_PATH}/provider"
LOGIN_PATHS = frozenset({SESSION_PATH, PROVIDER_PATH, f"{PROVIDER_PATH}/code"})
"""A POST there needs no login: it is one."""

MEANT_FOR = "Plantroom-User"
"""The user by whom a request is made: the browser's cookie may be somebody else's by now."""

PUBLIC = PAGES | {"/healthz", "/readyz", STYLE_PATH} | DOCS
_TOKEN_USE_STEP_MS = 60_000
CARRIED_OUT_ELSEWHERE = "carried_out_elsewhere"
"""In the state of a request that another process has answered, which notes what it refuses."""
_REFUSALS = {
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.CONFLICT,
    HTTPStatus.PRECONDITION_FAILED,
}
"""Of a change; what is not understood (422) was no try to change anything."""

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; manifest-src 'self'; worker-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def is_public(method: str, path: str) -> bool:
    """Return whether a request needs no login."""
    if path in LOGIN_PATHS:
        return method == "POST" or (path == PROVIDER_PATH and method in SAFE)
    # A one-time link proves itself (ADR-6); the page behind it asks for nothing else. What a
    # resident sends is held in check by its room (server/api/public_requests.py).
    page = path in PUBLIC or path.startswith(FOLDERS)
    return (page and method in SAFE) or path.startswith((LINK_PATH, PLACE_PATH))


class Gate:
    """ASGI middleware: login or token, cross-site check, safe headers.

    What the caller may do is asked by the endpoint's declaration (``server/api/rights.py``).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request pass with its principal in ``request.state``, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        status = HTTPStatus.OK

        async def send_safely(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = HTTPStatus(message["status"])
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
            await _note_refusal(scope, status)
            return
        await self._app(scope, receive, send_safely)
        if not scope.get("state", {}).get(CARRIED_OUT_ELSEWHERE):
            await _note_refusal(scope, status)

    @staticmethod
    async def _admit(scope: Scope) -> None:
        headers = Headers(scope=scope)
        unsafe = scope["method"] not in SAFE
        if is_public(scope["method"], scope["path"]):
            if unsafe and scope["path"] in LOGIN_PATHS:
                _check_origin(headers, required=False)
            return
        use = basic_services_of(scope)
        principal = await authenticate(headers, use)
        if principal is None:
            raise ProblemError(
                HTTPStatus.UNAUTHORIZED,
                "log in, or send a token as 'Authorization: Bearer ...'",
                {"WWW-Authenticate": 'Bearer realm="plantroom"'},
            )
        scope.setdefault("state", {})["principal"] = principal
        if headers.get(MEANT_FOR, str(principal.user_id)) != str(principal.user_id):
            raise ProblemError(
                HTTPStatus.UNAUTHORIZED,
                f"somebody else is logged in ({principal.name}); log in as who has done this",
                {"WWW-Authenticate": 'Bearer realm="plantroom"'},
            )
        if unsafe and principal.token_id is None:
            _check_origin(headers, required=True)
        own = scope["path"] == SESSION_PATH or scope["path"].startswith(f"{SESSION_PATH}/")
        if principal.must_change_password and not own:
            raise ForbiddenError("choose a password first: POST /api/v1/session/password")


async def _note_refusal(scope: Scope, status: HTTPStatus) -> None:
    """Write into the audit what somebody who is logged in was refused."""
    wanted = {HTTPStatus.FORBIDDEN} if scope["method"] in SAFE else _REFUSALS
    if status not in wanted or "principal" not in scope.get("state", {}):
        return
    use, actor = basic_services_of(scope), actor_of(scope, refused=status)
    if use.server is not None:
        use.server.note_refusal(actor)
    else:
        await note_refusal(use.records, actor)


async def note_refusal(records: Records, actor: Actor) -> None:
    """Write a refusal into the audit, if anything can be written."""
    with contextlib.suppress(StoreError):
        await records.acting(actor).write_async(lambda _session: None, durable=False)


async def authenticate(headers: Headers, use: BasicServices) -> Principal | None:
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

        def look_up(session: Session) -> Principal | None:
            find = principal_of_token if bearer else principal_of_login
            found = find(session, secret, now)
            return None if found is None else with_contracts(session, found, at=now)

        principal = await use.records.read_async(look_up)
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


async def _note_use(principal: Principal, use: BasicServices, now: int) -> None:
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
