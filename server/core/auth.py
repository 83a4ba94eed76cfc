"""Who is asking: passwords (argon2), browser sessions, tokens and roles."""

import hashlib
import secrets
from dataclasses import dataclass
from enum import StrEnum

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session

from server.core.errors import ConflictError, InvalidError, NotFoundError
from server.core.model import Login, Token, User
from server.core.records import record_event

MIN_PASSWORD = 8
MAX_PASSWORD = 256
TOKEN_PREFIX = "plt_"  # noqa: S105 (a prefix, so that scanners find leaked tokens)

ONE_TIME_MS = 72 * 3_600_000
"""So long a one-time password is good for."""
USED_UP = 0
"""``one_time_until`` of a one-time password that was used."""

# OWASP's argon2id figures: 19 MiB and 2 passes, so that ten logins at once stay affordable.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_nobody_hash = _hasher.hash(secrets.token_hex(16))

# Every request that is not known from a moment ago asks one of these.
_USER = select(User.id, User.name, User.role, User.one_time_until).where(User.disabled_at.is_(None))
_OF_TOKEN = (
    _USER.add_columns(Token.id.label("token_id"), Token.last_used_at)
    .join(Token, User.id == Token.user_id)
    .where(Token.token_hash == bindparam("hash"), Token.revoked_at.is_(None))
)
_OF_LOGIN = _USER.join(Login, User.id == Login.user_id).where(
    Login.token_hash == bindparam("hash"), Login.expires_at > bindparam("at")
)


class Role(StrEnum):
    """What a person may do, most rights first."""

    ADMINISTRATOR = "administrator"
    OPERATOR = "operator"
    VIEWER = "viewer"

    def may_act_as(self, needed: "Role") -> bool:
        """True when this role includes ``needed``."""
        ranks = list(Role)
        return ranks.index(self) <= ranks.index(needed)


@dataclass(frozen=True, slots=True)
class Principal:
    """The authenticated caller."""

    user_id: int
    name: str
    role: Role
    token_id: int | None = None
    """Set when a token was shown instead of a session cookie."""
    token_used_at: int | None = None
    must_change_password: bool = False
    """It logged in with a one-time password, and may do nothing else before."""


def hash_secret(secret: str) -> str:
    """Key of a session or token in the records; the secret itself is stored nowhere.

    The secrets are 256 random bits, so a plain hash cannot be searched.
    """
    return hashlib.sha256(secret.encode()).hexdigest()


def hash_password(password: str) -> str:
    """Argon2id hash of a password.

    Raises:
        InvalidError: Too short or too long.
    """
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise InvalidError(f"a password has {MIN_PASSWORD} to {MAX_PASSWORD} characters")
    return _hasher.hash(password)


def password_matches(stored: str | None, password: str) -> bool:
    """Compare; takes as long for an unknown user (``None``) as for a known one."""
    try:
        return _hasher.verify(stored or _nobody_hash, password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def has_users(session: Session) -> bool:
    """Return whether anybody was ever made who can log in."""
    return session.scalar(select(User.id).limit(1)) is not None


def one_time_password() -> str:
    """Return a password to be read out; 60 random bits without letters that look alike."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    groups = ("".join(secrets.choice(letters) for _ in range(4)) for _ in range(3))
    return "-".join(groups)


def may_log_in(user: User, at: int) -> bool:
    """Return whether the person's password is good for a login; a one-time one is so once."""
    return user.one_time_until is None or at < user.one_time_until


def create_user(
    session: Session, *, name: str, password_hash: str, role: Role, at: int, by: str
) -> User:
    """Add a person; hash the password before, outside the writer thread.

    Raises:
        ConflictError: The name is taken.
    """
    if session.scalar(select(User.id).where(User.name == name)) is not None:
        raise ConflictError(f"a user {name!r} exists already")
    user = User(name=name, password_hash=password_hash, role=role, created_at=at, disabled_at=None)
    session.add(user)
    session.flush()
    _audit(session, "user.created", at=at, by=by, subject=user.id, name=name, role=str(role))
    return user


def change_password(
    session: Session, *, user_id: int, password_hash: str, at: int, keep: str | None
) -> User:
    """Give oneself another password; all browser sessions end but the one with secret ``keep``.

    Tokens stay: they are not made from the password.
    """
    user = _user(session, user_id)
    user.password_hash, user.one_time_until = password_hash, None
    others = delete(Login).where(Login.user_id == user_id)
    if keep is not None:
        others = others.where(Login.token_hash != hash_secret(keep))
    session.execute(others)
    _audit(session, "password.changed", at=at, by=user.name, subject=user_id, name=user.name)
    return user


def reset_password(
    session: Session,
    *,
    user_id: int,
    password_hash: str,
    at: int,
    by: str,
    one_time_until: int | None = None,
) -> User:
    """Give a person another password; all of their browser sessions end, tokens stay.

    With ``one_time_until`` it is good for one login before that instant, which may do nothing but
    choose a password.

    Raises:
        NotFoundError: There is no such person.
    """
    user = _user(session, user_id)
    user.password_hash, user.one_time_until = password_hash, one_time_until
    session.execute(delete(Login).where(Login.user_id == user_id))
    _audit(session, "password.reset", at=at, by=by, subject=user_id, name=user.name)
    return user


def disable_user(session: Session, *, user_id: int, at: int, by: str) -> User:
    """Shut a person out at once, sessions and tokens included; may be repeated.

    Raises:
        ConflictError: It is the last administrator.
    """
    user = _user(session, user_id)
    if user.disabled_at is None:
        active = select(User.id).where(User.role == Role.ADMINISTRATOR, User.disabled_at.is_(None))
        if session.scalars(active).all() == [user_id]:
            raise ConflictError("the last administrator cannot be disabled; create another first")
        user.disabled_at = at
        session.execute(delete(Login).where(Login.user_id == user_id))
        _audit(session, "user.disabled", at=at, by=by, subject=user_id, name=user.name)
    return user


def enable_user(session: Session, *, user_id: int, at: int, by: str) -> User:
    """Let a person in again; may be repeated."""
    user = _user(session, user_id)
    if user.disabled_at is not None:
        user.disabled_at = None
        _audit(session, "user.enabled", at=at, by=by, subject=user_id, name=user.name)
    return user


def create_login(session: Session, *, user: User, at: int, expires_at: int, address: str) -> str:
    """Start a browser session and return its secret; forgets sessions that are over.

    Raises:
        ConflictError: The password was changed since it was compared, or used up.
    """
    secret = secrets.token_urlsafe(32)
    stored = session.get_one(User, user.id, with_for_update=True, populate_existing=True)
    if (stored.password_hash, stored.one_time_until) != (user.password_hash, user.one_time_until):
        raise ConflictError("the password was changed meanwhile; log in again")
    if stored.one_time_until is not None:
        stored.one_time_until = USED_UP
    session.execute(delete(Login).where(Login.expires_at <= at))
    row = Login(
        token_hash=hash_secret(secret), user_id=user.id, created_at=at, expires_at=expires_at
    )
    session.add(row)
    _audit(session, "login.succeeded", at=at, by=user.name, subject=user.id, address=address)
    return secret


def end_login(session: Session, secret: str) -> None:
    """End a browser session; may be repeated."""
    session.execute(delete(Login).where(Login.token_hash == hash_secret(secret)))


def record_failed_login(session: Session, *, name: str, at: int, address: str) -> None:
    """Record for the audit that somebody could not log in."""
    _audit(session, "login.failed", at=at, by=None, subject=None, name=name, address=address)


def create_token(
    session: Session, *, user_id: int, name: str, at: int, by: str
) -> tuple[Token, str]:
    """Make a key for a program; the secret is shown now and never again."""
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    token = Token(
        name=name,
        token_hash=hash_secret(secret),
        user_id=user_id,
        created_at=at,
        last_used_at=None,
        revoked_at=None,
    )
    session.add(token)
    session.flush()
    _audit(session, "token.created", at=at, by=by, subject=token.id, name=name)
    return token, secret


def revoke_token(session: Session, *, token: Token, at: int, by: str) -> None:
    """Make a key useless; may be repeated."""
    if token.revoked_at is None:
        token.revoked_at = at
        _audit(session, "token.revoked", at=at, by=by, subject=token.id, name=token.name)


def principal_of_token(session: Session, secret: str) -> Principal | None:
    """Who a token stands for; None when it is unknown, revoked or its user is disabled."""
    row = session.execute(_OF_TOKEN, {"hash": hash_secret(secret)}).one_or_none()
    if row is None:
        return None
    return Principal(row.id, row.name, Role(row.role), row.token_id, row.last_used_at)


def principal_of_login(session: Session, secret: str, at: int) -> Principal | None:
    """Who a session cookie stands for; None when it is unknown or over."""
    row = session.execute(_OF_LOGIN, {"hash": hash_secret(secret), "at": at}).one_or_none()
    if row is None:
        return None
    must_change = row.one_time_until is not None
    return Principal(row.id, row.name, Role(row.role), must_change_password=must_change)


def _user(session: Session, user_id: int) -> User:
    user = session.get(User, user_id)
    if user is None:
        raise NotFoundError(f"no user {user_id}")
    return user


def _audit(
    session: Session, kind: str, *, at: int, by: str | None, subject: int | None, **payload: str
) -> None:
    record_event(
        session, at=at, topic="audit", kind=kind, subject_id=subject, by=by, payload=payload
    )
