"""Logins by the company's provider: begun, finished once, for a user who was named beforehand."""

import secrets
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from server.access.events import record_access
from server.access.id_tokens import Asked
from server.access.logins import hash_secret
from server.access.model import LoginAttempt, User
from server.core.errors import ConflictError, NotFoundError

ATTEMPT_MS: Final = 600_000
"""So long a person may take at the provider."""


def begin_attempt(session: Session, *, at: int) -> Asked:
    """Write down what a login asks with; forget those that are over."""
    session.execute(delete(LoginAttempt).where(LoginAttempt.expires_at <= at))
    asked = Asked(*(secrets.token_urlsafe(32) for _ in Asked._fields))
    session.add(
        LoginAttempt(
            state_hash=hash_secret(asked.state),
            nonce=asked.nonce,
            verifier=asked.verifier,
            expires_at=at + ATTEMPT_MS,
        )
    )
    return asked


def take_attempt(session: Session, state: str, *, at: int) -> Asked | None:
    """Return what a login asked with, once; None when it is unknown, used or over."""
    row = session.get(LoginAttempt, hash_secret(state), with_for_update=True)
    if row is None:
        return None
    session.delete(row)
    return Asked(state, row.nonce, row.verifier) if at < row.expires_at else None


def user_of_identity(session: Session, identity: str) -> User | None:
    """Return who logs in as whom the provider vouches for; nobody is made."""
    known = select(User).where(User.provider_identity == identity, User.disabled_at.is_(None))
    return session.scalar(known)


def name_identity(
    session: Session, *, user_id: int, identity: str | None, at: int, by: str
) -> User:
    """Say whom the provider calls this user; None: the provider lets nobody in as this user.

    Raises:
        NotFoundError: There is no such user.
        ConflictError: It is another user's.
    """
    user = session.get(User, user_id, with_for_update=True)
    if user is None:
        raise NotFoundError(f"no user {user_id}")
    if identity is not None:
        others = select(User.name).where(User.provider_identity == identity, User.id != user_id)
        if (other := session.scalar(others)) is not None:
            raise ConflictError(f"{identity!r} is the user {other!r} already")
    user.provider_identity = identity
    record_access(
        session, "user.identity", at=at, by=by, subject=user_id, name=user.name, identity=identity
    )
    return user
