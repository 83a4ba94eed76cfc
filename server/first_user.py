"""The first administrator, made before the server has ever run."""

from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.server import ServerSettings
from server.core.auth import Role, create_token, create_user, hash_password, password_matches
from server.core.clock import Clock
from server.core.errors import ConflictError, ServerError
from server.core.model import User
from server.core.records import Records
from server.core.schema import upgrade

_BY = "plantroom server init"


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
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ServerError(f"data_dir {settings.data_dir}: {error.strerror}") from error
    upgrade(settings.records.url)

    def make(session: Session) -> Made:
        now = clock.now_ms()
        user = session.scalar(select(User).where(User.name == name))
        new = user is None
        if user is None:
            user = create_user(
                session,
                name=name,
                password_hash=password_hash,
                role=Role.ADMINISTRATOR,
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
        return records.write(make)


def _is_the_same(user: User, password: str) -> bool:
    active = user.disabled_at is None and user.role == Role.ADMINISTRATOR
    return active and password_matches(user.password_hash, password)
