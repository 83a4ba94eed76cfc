"""/tokens: keys for programs. A token has the rights of the person who made it."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.api.context import PAGE, Caller, Cursor, Limit, RowId, Use, problems
from server.api.shapes import Instant
from server.api.strict import Body
from server.core.auth import Role, create_token, revoke_token
from server.core.errors import NotFoundError
from server.core.model import Token
from server.core.paging import Page, page_of, read_page

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


def _item(row: Token) -> TokenItem:
    return TokenItem.model_validate(row, from_attributes=True)


@router.get("", response_model=Page[TokenItem])
def list_tokens(
    use: Use, caller: Caller, limit: Limit = PAGE, cursor: Cursor = None
) -> dict[str, object]:
    """List one's own keys; an administrator sees all."""
    query = select(Token)
    if not caller.role.may_act_as(Role.ADMINISTRATOR):
        query = query.where(Token.user_id == caller.user_id)
    rows = use.records.read(
        lambda session: read_page(
            session, query, key=Token.id, newest_first=True, limit=limit, cursor=cursor
        )
    )
    return page_of(rows, _item)


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
