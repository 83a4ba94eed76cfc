"""People who log in, from the command line: the first administrator, a forgotten password."""

from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.server import ServerSettings
from server.access.model import User
from server.access.passwords import (
    ONE_TIME_MS,
    check_password,
    hash_password,
    one_time_password,
    password_matches,
)
from server.access.roles import Role
from server.access.tokens import create_token
from server.access.users import Rights, create_user, reset_password
from server.core.audit import Actor
from server.core.clock import Clock
from server.core.errors import ConflictError, NotFoundError, ServerError
from server.core.records import Records
from server.core.schema import upgrade

_BY = "plantroom server init"
_BY_RESET = "plantroom server reset-password"
_NAMED = 20
"""Names in an error message."""


class Made(NamedTuple):
    """What ``init`` made."""

    new: bool
    token: str | None


def make_administrator(
    settings: ServerSettings, *, name: str, password: str, token: bool, clock: Clock
) -> Made:
    """Make the schema, the administrator and perhaps a token; may be repeated.

    Raises:
        ServerError: Another password, a disabled user or one of another role has the name.
    """
    password_hash = hash_password(password)
    _prepare(settings)

    def make(session: Session) -> Made:
        now = clock.now_ms()
        user = session.scalar(select(User).where(User.name == name))
        new = user is None
        if user is None:
            check_password(password, name=name)
            user = create_user(
                session,
                name=name,
                password_hash=password_hash,
                rights=Rights(Role.ADMINISTRATOR),
                at=now,
                by=_BY,
            )
        elif not _is_the_same(user, password):
            raise ConflictError(f"a user {name!r} exists with another password, role or disabled")
        if not token:
            return Made(new, None)
        _, secret = create_token(session, user_id=user.id, name="init", at=now, by=_BY)
        return Made(new, secret)

    with Records.open(settings.records.url) as records:
        return records.acting(Actor(clock.now_ms(), _BY, _BY)).write(make)


def reset_password_of(
    settings: ServerSettings, *, name: str, password: str | None, clock: Clock
) -> str | None:
    """Give a person another password, also while the server runs.

    Without ``password`` a one-time password is made and returned. The person's browser sessions
    end, tokens go on.

    Raises:
        ServerError: There is no such person, or the person is disabled.
    """
    if password is not None:
        check_password(password, name=name)
    given = one_time_password() if password is None else password
    password_hash = hash_password(given)
    _prepare(settings)

    def reset(session: Session) -> None:
        user = session.scalar(select(User).where(User.name == name))
        if user is None:
            known = session.scalars(select(User.name).order_by(User.name).limit(_NAMED)).all()
            raise NotFoundError(f"no user {name!r}; there are: {', '.join(known) or 'none'}")
        if user.disabled_at is not None:
            raise ConflictError(f"user {name!r} is disabled; an administrator can enable it")
        now = clock.now_ms()
        until = now + ONE_TIME_MS if password is None else None
        reset_password(
            session,
            user_id=user.id,
            password_hash=password_hash,
            at=now,
            by=_BY_RESET,
            one_time_until=until,
        )

    with Records.open(settings.records.url) as records:
        records.acting(Actor(clock.now_ms(), _BY_RESET, _BY_RESET)).write(reset)
    return given if password is None else None


def _prepare(settings: ServerSettings) -> None:
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ServerError(f"data_dir {settings.data_dir}: {error.strerror}") from error
    upgrade(settings.records.url)


def _is_the_same(user: User, password: str) -> bool:
    active = user.disabled_at is None and user.role == Role.ADMINISTRATOR
    return active and password_matches(user.password_hash, password)
