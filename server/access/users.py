"""People who log in: made, given another password, shut out."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from server.access.events import record_access
from server.access.logins import hash_secret
from server.access.model import Login, User
from server.access.roles import Role
from server.access.scope import UNLIMITED
from server.core.errors import ConflictError, InvalidError, NotFoundError


class Rights(NamedTuple):
    """What somebody is and where; lists of keys, None does not limit."""

    role: Role
    sites: Sequence[str] | None = None
    classes: Sequence[str] | None = None
    equipment: Sequence[str] | None = None
    person: str | None = None
    """Key of the person of the rosters whose login it is."""


def has_users(session: Session) -> bool:
    """Return whether anybody was ever made who can log in."""
    return session.scalar(select(User.id).limit(1)) is not None


def create_user(
    session: Session, *, name: str, password_hash: str, rights: Rights, at: int, by: str
) -> User:
    """Add a person; hash the password before, outside the writer thread.

    Raises:
        ConflictError: The name is taken, or the person has a login.
        InvalidError: The role has no limits.
    """
    if session.scalar(select(User.id).where(User.name == name)) is not None:
        raise ConflictError(f"a user {name!r} exists already")
    user = User(name=name, password_hash=password_hash, created_at=at, disabled_at=None)
    _set_rights(session, user, rights)
    session.add(user)
    session.flush()
    shown = _shown(rights)
    record_access(session, "user.created", at=at, by=by, subject=user.id, name=name, **shown)
    return user


def change_rights(session: Session, *, user_id: int, rights: Rights, at: int, by: str) -> User:
    """Give a person another role or scope; it holds from the next request on.

    Raises:
        NotFoundError: There is no such person.
        ConflictError: It is the last administrator, or the person of the rosters has a login.
        InvalidError: The role has no limits.
    """
    user = _user(session, user_id)
    if rights.role is not Role.ADMINISTRATOR and user.disabled_at is None:
        _refuse_last_administrator(session, user_id)
    _set_rights(session, user, rights)
    shown = _shown(rights)
    record_access(session, "user.changed", at=at, by=by, subject=user_id, name=user.name, **shown)
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
    record_access(session, "password.changed", at=at, by=user.name, subject=user_id, name=user.name)
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
    record_access(session, "password.reset", at=at, by=by, subject=user_id, name=user.name)
    return user


def disable_user(session: Session, *, user_id: int, at: int, by: str) -> User:
    """Shut a person out at once, sessions and tokens included; may be repeated.

    Raises:
        ConflictError: It is the last administrator.
    """
    user = _user(session, user_id)
    if user.disabled_at is None:
        _refuse_last_administrator(session, user_id)
        user.disabled_at = at
        session.execute(delete(Login).where(Login.user_id == user_id))
        record_access(session, "user.disabled", at=at, by=by, subject=user_id, name=user.name)
    return user


def enable_user(session: Session, *, user_id: int, at: int, by: str) -> User:
    """Let a person in again; may be repeated."""
    user = _user(session, user_id)
    if user.disabled_at is not None:
        user.disabled_at = None
        record_access(session, "user.enabled", at=at, by=by, subject=user_id, name=user.name)
    return user


def _user(session: Session, user_id: int) -> User:
    user = session.get(User, user_id)
    if user is None:
        raise NotFoundError(f"no user {user_id}")
    return user


def _refuse_last_administrator(session: Session, user_id: int) -> None:
    active = select(User.id).where(User.role == Role.ADMINISTRATOR, User.disabled_at.is_(None))
    if session.scalars(active).all() == [user_id]:
        raise ConflictError(
            "the last administrator cannot be disabled or be something else; create another first"
        )


def _set_rights(session: Session, user: User, rights: Rights) -> None:
    lists = (rights.sites, rights.classes, rights.equipment)
    if rights.role in UNLIMITED and any(one is not None for one in lists):
        raise InvalidError(
            f"the scope of the role {rights.role} is everything; leave out sites, classes and "
            "equipment"
        )
    if rights.person is not None:
        others = select(User.name).where(User.person == rights.person, User.name != user.name)
        if (other := session.scalar(others)) is not None:
            raise ConflictError(f"the login of the person {rights.person!r} is {other!r}")
    user.role, user.person = rights.role, rights.person
    user.sites, user.classes, user.equipment = (
        None if one is None else sorted(set(one)) for one in lists
    )


def _shown(rights: Rights) -> dict[str, object]:
    """What the audit says of them."""
    return {name: value for name, value in rights._asdict().items() if value is not None}
