"""/tokens: keys for programs. A token has the rights of the person who made it."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Response
from pydantic import BaseModel, Field
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from server.access.model import Token
from server.access.principal import Principal
from server.access.rights import permissions_of, permits
from server.access.roles import Permission
from server.access.tokens import create_token, revoke_token
from server.api.context import PAGE, Cursor, Limit, RowId, Use, problems
from server.api.pages import PageOf
from server.api.rights import OwnUser
from server.api.router import api_router
from server.api.shapes import Instant, InstantIn
from server.api.strict import Body
from server.core.errors import NotFoundError
from server.core.instant import rfc3339
from server.core.paging import Listing, columns_of
from server.core.problem import FieldError

router = api_router(prefix="/tokens", tag="tokens", responses=problems(403))


class TokenItem(BaseModel):
    """A key; never its secret."""

    id: int
    name: str
    user_id: int
    created_at: Instant
    last_used_at: Instant | None
    revoked_at: Instant | None
    expires_at: Instant | None
    """When it ends by itself; null: never."""
    permissions: list[Permission] | None
    """All that it is made for; null: whatever its person may."""


class NewToken(Body):
    """What the key is for."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    expires_at: InstantIn | None = None
    """When it ends by itself; null: never."""
    permissions: Annotated[list[Permission] | None, Field(max_length=len(Permission))] = None
    """All that it shall be good for; null: whatever its person may."""


class CreatedToken(TokenItem):
    """A new key with its secret, which is shown this once."""

    token: str


_TOKENS = Listing(
    select(*columns_of(Token, "token_hash")),
    key=Token.id,
    newest_first=True,
    filters={"user": Token.user_id == bindparam("user")},
)
_PAGES = PageOf(TokenItem)


def _end(session: Session, wanted: int | None, caller: Principal) -> int | None:
    """Return when a key ends that the caller makes."""
    if caller.token_id is None:
        return wanted
    own = session.get_one(Token, caller.token_id).expires_at
    if own is None or wanted is None:
        return wanted if own is None else own
    if wanted > own:
        raise FieldError("body.expires_at", f"must not be later than {rfc3339(own)}: this key's")
    return wanted


def _item(row: Token) -> TokenItem:
    return TokenItem.model_validate(row, from_attributes=True)


@router.get("", response_model=_PAGES.model)
def list_tokens(use: Use, caller: OwnUser, limit: Limit = PAGE, cursor: Cursor = None) -> Response:
    """List one's own keys; an administrator sees all."""
    user = None if permits(caller, Permission.USERS_MANAGE) else caller.user_id
    found = use.records.read(
        lambda session: _TOKENS.page(session, limit=limit, cursor=cursor, user=user)
    )
    return _PAGES.answer(found, _TOKENS.fields)


@router.post("", status_code=HTTPStatus.CREATED)
def create_token_(body: NewToken, use: Use, caller: OwnUser) -> CreatedToken:
    """Make a key; store the secret now, it cannot be shown again.

    A key that a key makes is good for no more, and no longer, than that one; one that is made in a
    session without second factor not for what needs it.
    """
    now = use.clock.now_ms()
    if body.expires_at is not None and body.expires_at <= now:
        raise FieldError("body.expires_at", "must be later than now")
    mine = permissions_of(caller)
    # A token is no way around the second factor either.
    whole = caller.permissions is None and caller.second_factor
    permissions = body.permissions if body.permissions is not None or whole else mine
    if beyond := sorted(set(permissions or ()) - set(mine)):
        raise FieldError("body.permissions", f"you may not {', '.join(beyond)}", mine)

    def make(session: Session) -> tuple[TokenItem, str]:
        token, secret = create_token(
            session,
            user_id=caller.user_id,
            name=body.name,
            at=now,
            by=caller.name,
            expires_at=_end(session, body.expires_at, caller),
            permissions=permissions,
        )
        return _item(token), secret

    item, secret = use.records.write(make)
    return CreatedToken(**dict(item), token=secret)


@router.delete("/{token_id}", status_code=HTTPStatus.NO_CONTENT, responses=problems(404))
def revoke_token_(token_id: RowId, use: Use, caller: OwnUser) -> None:
    """Make a key useless at once; may be repeated."""

    def revoke(session: Session) -> None:
        token = session.get(Token, token_id)
        owner = permits(caller, Permission.USERS_MANAGE)
        if token is None or not (owner or token.user_id == caller.user_id):
            raise NotFoundError(f"no token {token_id}")
        revoke_token(session, token=token, at=use.clock.now_ms(), by=caller.name)

    use.records.write(revoke)
