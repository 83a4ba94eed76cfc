"""/tokens: keys for programs. A token has the rights of the person who made it."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from server.api.context import PAGE, Caller, Cursor, Limit, RowId, Use, problems
from server.api.pages import PageOf
from server.api.shapes import Instant
from server.api.strict import Body
from server.core.auth import Role, create_token, revoke_token
from server.core.errors import NotFoundError
from server.core.model import Token
from server.core.paging import Listing, columns_of

router = APIRouter(prefix="/tokens", tags=["tokens"], responses=problems(403))


class TokenItem(BaseModel):
    """A key; never its secret."""

    id: int
    name: str
    user_id: int
    created_at: Instant
    last_used_at: Instant | None
    revoked_at: Instant | None


class NewToken(Body):
    """What the key is for."""

    name: Annotated[str, Field(min_length=1, max_length=64)]


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


def _item(row: Token) -> TokenItem:
    return TokenItem.model_validate(row, from_attributes=True)


@router.get("", response_model=_PAGES.model)
def list_tokens(use: Use, caller: Caller, limit: Limit = PAGE, cursor: Cursor = None) -> Response:
    """List one's own keys; an administrator sees all."""
    user = None if caller.role.may_act_as(Role.ADMINISTRATOR) else caller.user_id
    found = use.records.read(
        lambda session: _TOKENS.page(session, limit=limit, cursor=cursor, user=user)
    )
    return _PAGES.answer(found, _TOKENS.fields)


@router.post("", status_code=HTTPStatus.CREATED)
def create_token_(body: NewToken, use: Use, caller: Caller) -> CreatedToken:
    """Make a key; store the secret now, it cannot be shown again."""

    def make(session: Session) -> tuple[TokenItem, str]:
        token, secret = create_token(
            session, user_id=caller.user_id, name=body.name, at=use.clock.now_ms(), by=caller.name
        )
        return _item(token), secret

    item, secret = use.records.write(make)
    return CreatedToken(**dict(item), token=secret)


@router.delete("/{token_id}", status_code=HTTPStatus.NO_CONTENT, responses=problems(404))
def revoke_token_(token_id: RowId, use: Use, caller: Caller) -> None:
    """Make a key useless at once; may be repeated."""

    def revoke(session: Session) -> None:
        token = session.get(Token, token_id)
        owner = caller.role.may_act_as(Role.ADMINISTRATOR)
        if token is None or not (owner or token.user_id == caller.user_id):
            raise NotFoundError(f"no token {token_id}")
        revoke_token(session, token=token, at=use.clock.now_ms(), by=caller.name)

    use.records.write(revoke)
