"""Tables of people who log in, their sessions and tokens."""

from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, false
from sqlalchemy.orm import Mapped, mapped_column

from server.core.db import Base


class User(Base):
    """A person who logs in."""

    __tablename__ = "users"
    __table_args__ = (
        Index("uq_users_person", "person", unique=True),
        Index("uq_users_provider_identity", "provider_identity", unique=True),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    role: Mapped[str]
    """A ``Role``."""
    created_at: Mapped[int]
    disabled_at: Mapped[int | None]
    one_time_until: Mapped[int | None]
    """The password was given by somebody else and must be changed: the end of its use for a login,
    0 after it."""
    sites: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))
    """Keys of the sites that its rights are limited to; none: no limit. So are the next two."""
    classes: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))
    equipment: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))
    person: Mapped[str | None]
    """Key of the person of the rosters whose login it is."""
    totp_secret: Mapped[str | None]
    """What the codes of the second factor are made of; it is one once it is confirmed."""
    totp_confirmed_at: Mapped[int | None]
    totp_used: Mapped[int | None]
    """Number of the time step whose code was used last; none is good twice."""
    recovery_codes: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))
    """Hashes of those that are not used yet."""
    provider_identity: Mapped[str | None]
    """Whom the company's login provider calls this person; none: it lets nobody in so."""


class Login(Base):
    """A browser session; the cookie's hash is the key."""

    __tablename__ = "logins"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[int]
    expires_at: Mapped[int]
    address: Mapped[str] = mapped_column(default="", server_default="")
    """From where it was begun."""
    browser: Mapped[str] = mapped_column(default="", server_default="")
    """What the browser calls itself."""
    second_factor: Mapped[bool] = mapped_column(default=False, server_default=false())
    """A code was shown with the password."""


class LoginAttempt(Base):
    """A login that was begun at the company's provider; it is finished once."""

    __tablename__ = "login_attempts"

    state_hash: Mapped[str] = mapped_column(primary_key=True)
    nonce: Mapped[str]
    verifier: Mapped[str]
    expires_at: Mapped[int]


class Token(Base):
    """A key for programs."""

    __tablename__ = "tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    token_hash: Mapped[str] = mapped_column(unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[int]
    last_used_at: Mapped[int | None]
    revoked_at: Mapped[int | None]
    expires_at: Mapped[int | None]
    """When it ends by itself; none: never."""
    permissions: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))
    """All that it is made for; none: whatever its person may."""


class Tries(Base):
    """Tries that count still, for all processes: to log in, to ask for a repair."""

    __tablename__ = "tries"

    key: Mapped[str] = mapped_column(primary_key=True)
    free_at: Mapped[int] = mapped_column(index=True)
    """When the last of them is forgiven, UTC ms; a row of the past says nothing."""
