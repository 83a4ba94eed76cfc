"""Browser sessions: begun by a login, known by a cookie."""

import hashlib
import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session

from server.access.events import record_access
from server.access.model import Login, User
from server.access.passwords import USED_UP
from server.access.principal import Principal
from server.access.roles import Role
from server.access.scope import Scope
from server.access.second_factor import has_second_factor, use_code
from server.core.errors import ConflictError, NotFoundError

_ID_LENGTH = 16
_LONGEST_BROWSER = 200

# Every request that is not known from a moment ago asks one of these.
OF_USER = select(
    *(User.id, User.name, User.role, User.one_time_until),
    *(User.sites, User.classes, User.equipment, User.person),
).where(User.disabled_at.is_(None))
_OF_LOGIN = (
    OF_USER.add_columns(Login.second_factor)
    .join(Login, User.id == Login.user_id)
    .where(Login.token_hash == bindparam("hash"), Login.expires_at > bindparam("at"))
)


def hash_secret(secret: str) -> str:
    """Key of a session or token in the records; the secret itself is stored nowhere.

    The secrets are 256 random bits, so a plain hash cannot be searched.
    """
    return hashlib.sha256(secret.encode()).hexdigest()


def may_log_in(user: User, at: int) -> bool:
    """Return whether the person's password is good for a login; a one-time one is so once."""
    return user.one_time_until is None or at < user.one_time_until


def create_login(
    session: Session,
    *,
    user: User,
    at: int,
    expires_at: int,
    address: str,
    browser: str = "",
    code: str = "",
) -> str:
    """Start a browser session and return its secret; forgets sessions that are over.

    Raises:
        ConflictError: The password was changed since it was compared, or used up, or the person
            was shut out.
        SecondFactorError: The code is missing, wrong or used.
    """
    stored = session.get_one(User, user.id, with_for_update=True, populate_existing=True)
    if (stored.password_hash, stored.one_time_until) != (user.password_hash, user.one_time_until):
        raise ConflictError("the password was changed meanwhile; log in again")
    if stored.disabled_at is not None:
        raise ConflictError(f"{user.name!r} was disabled meanwhile")
    second_factor = has_second_factor(stored)
    if second_factor:
        use_code(stored, code, at=at)
    if stored.one_time_until is not None:
        stored.one_time_until = USED_UP
    return begin_session(
        session,
        user=user,
        at=at,
        expires_at=expires_at,
        address=address,
        browser=browser,
        second_factor=second_factor,
    )


def begin_session(
    session: Session,
    *,
    user: User,
    at: int,
    expires_at: int,
    address: str,
    browser: str,
    second_factor: bool,
    provider: str | None = None,
) -> str:
    """Start a browser session of somebody who has proven to be it; return its secret.

    Args:
        session: The transaction.
        user: Who.
        at: UTC ms.
        expires_at: Its end, UTC ms.
        address: From where.
        browser: What the browser calls itself.
        second_factor: One was shown.
        provider: Who vouches for the person; None: the password does.
    """
    secret = secrets.token_urlsafe(32)
    session.execute(delete(Login).where(Login.expires_at <= at))
    row = Login(
        token_hash=hash_secret(secret),
        user_id=user.id,
        created_at=at,
        expires_at=expires_at,
        address=address,
        browser=browser[:_LONGEST_BROWSER],
        second_factor=second_factor,
    )
    session.add(row)
    by = {} if provider is None else {"provider": provider}
    record_access(
        session, "login.succeeded", at=at, by=user.name, subject=user.id, address=address, **by
    )
    return secret


def end_login(session: Session, secret: str) -> None:
    """End a browser session; may be repeated."""
    session.execute(delete(Login).where(Login.token_hash == hash_secret(secret)))


def logins_of(session: Session, user_id: int, at: int) -> Sequence[Login]:
    """Return a person's browser sessions that are not over, newest first."""
    query = select(Login).where(Login.user_id == user_id, Login.expires_at > at)
    return session.scalars(query.order_by(Login.created_at.desc(), Login.token_hash)).all()


def id_of_login(row: Login) -> str:
    """Return what people call a session by; nobody gets in with it."""
    return row.token_hash[:_ID_LENGTH]


def end_login_of(session: Session, *, user_id: int, login: str, at: int, by: str) -> None:
    """End one of a person's browser sessions.

    Raises:
        NotFoundError: There is no such session of this person.
    """
    rows = [one for one in logins_of(session, user_id, at) if id_of_login(one) == login]
    if not rows:
        raise NotFoundError(f"no session {login!r}")
    session.delete(rows[0])
    record_access(session, "session.ended", at=at, by=by, subject=user_id, address=rows[0].address)


def end_logins_of(session: Session, *, user_id: int, at: int, by: str) -> None:
    """End all of a person's browser sessions; may be repeated."""
    session.execute(delete(Login).where(Login.user_id == user_id))
    record_access(session, "sessions.ended", at=at, by=by, subject=user_id)


def record_failed_login(session: Session, *, name: str, at: int, address: str) -> None:
    """Record for the audit that somebody could not log in."""
    record_access(session, "login.failed", at=at, by=None, subject=None, name=name, address=address)


def principal_of_login(session: Session, secret: str, at: int) -> Principal | None:
    """Who a session cookie stands for; None when it is unknown or over."""
    row = session.execute(_OF_LOGIN, {"hash": hash_secret(secret), "at": at}).one_or_none()
    if row is None:
        return None
    return Principal(
        row.id,
        row.name,
        Role(row.role),
        must_change_password=row.one_time_until is not None,
        scope=scope_of(row),
        person=row.person,
        second_factor=row.second_factor,
    )


def scope_of(row: Any) -> Scope:  # noqa: ANN401 (a row of OF_USER, or a user)
    """Return the scope of a user or of a row of ``OF_USER``."""
    return Scope.of(Role(row.role), sites=row.sites, classes=row.classes, equipment=row.equipment)
