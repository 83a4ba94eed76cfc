"""/sessions: the browsers in which one is logged in, and ending that in one or all of them."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Annotated

from fastapi import Path, Request, Response
from pydantic import BaseModel
from sqlalchemy.orm import Session

from server.access.logins import (
    end_login_of,
    end_logins_of,
    hash_secret,
    id_of_login,
    logins_of,
)
from server.access.model import Login
from server.api.context import PAGE, Cursor, Limit, Use, problems
from server.api.gate import COOKIE, session_secret
from server.api.pages import PageOf, part_of
from server.api.rights import OwnUser
from server.api.router import api_router
from server.api.shapes import Instant

router = api_router(prefix="/sessions", tag="session", responses=problems(403))


class SessionItem(BaseModel):
    """A browser in which one is logged in."""

    id: str
    created_at: Instant
    expires_at: Instant
    address: str
    """From where the login came."""
    browser: str
    """What it calls itself."""
    current: bool
    """It is the one that asks."""


SESSION_PAGES = PageOf(SessionItem)


def session_items(rows: Iterable[Login], *, mine: str | None) -> list[SessionItem]:
    """Show sessions; ``mine`` is the hash of the one that asks."""
    return [
        SessionItem(
            id=id_of_login(row),
            created_at=row.created_at,
            expires_at=row.expires_at,
            address=row.address,
            browser=row.browser,
            current=row.token_hash == mine,
        )
        for row in rows
    ]


@router.get("", response_model=SESSION_PAGES.model)
def list_sessions(
    request: Request, use: Use, caller: OwnUser, limit: Limit = PAGE, cursor: Cursor = None
) -> Response:
    """List one's own browser sessions."""
    secret = None if caller.token_id is not None else session_secret(request.headers)
    mine = None if secret is None else hash_secret(secret)
    rows = use.records.read(lambda session: logins_of(session, caller.user_id, use.clock.now_ms()))
    found = part_of(session_items(rows, mine=mine), lambda one: one.id, limit=limit, cursor=cursor)
    return SESSION_PAGES.answer(found, lambda one: one)


@router.delete("/{session_id}", status_code=HTTPStatus.NO_CONTENT, responses=problems(404))
def end_session(session_id: Annotated[str, Path(max_length=64)], use: Use, caller: OwnUser) -> None:
    """End one of one's own browser sessions; its cookie is worthless at once."""
    now = use.clock.now_ms()
    use.records.write(
        lambda session: end_login_of(
            session, user_id=caller.user_id, login=session_id, at=now, by=caller.name
        )
    )


@router.delete("", status_code=HTTPStatus.NO_CONTENT)
def end_sessions(response: Response, use: Use, caller: OwnUser) -> None:
    """End all of one's own browser sessions, this one too; tokens go on."""

    def change(session: Session) -> None:
        end_logins_of(session, user_id=caller.user_id, at=use.clock.now_ms(), by=caller.name)

    use.records.write(change)
    response.delete_cookie(COOKIE)
