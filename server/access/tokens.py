"""Tokens: keys for programs, with an end and a purpose."""

import secrets
from collections.abc import Collection

from sqlalchemy import bindparam
from sqlalchemy.orm import Session

from server.access.events import record_access
from server.access.logins import OF_USER, hash_secret, scope_of
from server.access.model import Token, User
from server.access.principal import Principal
from server.access.roles import Permission, Role

TOKEN_PREFIX = "plt_"  # noqa: S105 (a prefix, so that scanners find leaked tokens)

_OF_TOKEN = (
    OF_USER.add_columns(
        Token.id.label("token_id"), Token.last_used_at, Token.expires_at, Token.permissions
    )
    .join(Token, User.id == Token.user_id)
    .where(Token.token_hash == bindparam("hash"), Token.revoked_at.is_(None))
)


def create_token(
    session: Session,
    *,
    user_id: int,
    name: str,
    at: int,
    by: str,
    expires_at: int | None = None,
    permissions: Collection[Permission] | None = None,
) -> tuple[Token, str]:
    """Make a key for a program; the secret is shown now and never again.

    With ``permissions`` it is good for these only, as far as its person may do them.
    """
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    token = Token(
        name=name,
        token_hash=hash_secret(secret),
        user_id=user_id,
        created_at=at,
        last_used_at=None,
        revoked_at=None,
        expires_at=expires_at,
        permissions=None if permissions is None else sorted(permissions),
    )
    session.add(token)
    session.flush()
    record_access(session, "token.created", at=at, by=by, subject=token.id, name=name)
    return token, secret


def revoke_token(session: Session, *, token: Token, at: int, by: str) -> None:
    """Make a key useless; may be repeated."""
    if token.revoked_at is None:
        token.revoked_at = at
        record_access(session, "token.revoked", at=at, by=by, subject=token.id, name=token.name)


def principal_of_token(session: Session, secret: str, at: int) -> Principal | None:
    """Who a token stands for; None when it is unknown, over, revoked or its user is disabled."""
    row = session.execute(_OF_TOKEN, {"hash": hash_secret(secret)}).one_or_none()
    if row is None or (row.expires_at is not None and row.expires_at <= at):
        return None
    return Principal(
        row.id,
        row.name,
        Role(row.role),
        row.token_id,
        row.last_used_at,
        scope=scope_of(row),
        person=row.person,
        permissions=None
        if row.permissions is None
        else frozenset(map(Permission, row.permissions)),
    )
