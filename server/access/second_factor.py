"""The second factor: codes of an authenticator app (TOTP, RFC 6238), and recovery codes."""

import hashlib
import secrets
from typing import NamedTuple

from pyotp import random_base32
from pyotp.totp import TOTP
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from server.access.events import record_access
from server.access.model import Login, User
from server.core.errors import ConflictError, ServerError

_STEP_S = 30
_STEPS_AROUND = 1
"""Codes of the step before and after are good too: clocks of telephones differ."""
_RECOVERY_CODES = 10
_RECOVERY_LENGTH = 10
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
ISSUER = "Plantroom"


class SecondFactorError(ServerError):
    """The code is missing, wrong or used."""


class Enrolment(NamedTuple):
    """What an authenticator app is given; shown once."""

    secret: str
    uri: str
    """otpauth://..., as a QR code has it."""


def has_second_factor(user: User) -> bool:
    """Return whether a login asks for a code."""
    return user.totp_confirmed_at is not None


def begin_second_factor(session: Session, user: User, *, at: int) -> Enrolment:
    """Make a secret for an app; it counts once a code of it was confirmed.

    Raises:
        ConflictError: There is one that counts.
    """
    if has_second_factor(user):
        raise ConflictError("there is a second factor; take it off first")
    secret = user.totp_secret = random_base32()
    record_access(session, "second-factor.begun", at=at, by=user.name, subject=user.id)
    uri = TOTP(secret).provisioning_uri(name=user.name, issuer_name=ISSUER)
    return Enrolment(secret, uri)


def confirm_second_factor(
    session: Session, user: User, *, code: str, login: str | None, at: int
) -> list[str]:
    """Let the secret count from now on; return the recovery codes, which are shown once.

    The session with the hash ``login`` goes on as one that has shown a code; all others end.

    Raises:
        ConflictError: None was begun, or one counts already.
        SecondFactorError: The code is wrong.
    """
    if user.totp_secret is None or has_second_factor(user):
        raise ConflictError("begin one first: POST /api/v1/session/second-factor")
    use_code(user, code, at=at)
    codes = [_recovery_code() for _ in range(_RECOVERY_CODES)]
    user.totp_confirmed_at, user.recovery_codes = at, [_hash(one) for one in codes]
    mine = Login.user_id == user.id
    session.execute(delete(Login).where(mine, Login.token_hash != (login or "")))
    session.execute(update(Login).where(mine).values(second_factor=True))
    record_access(session, "second-factor.confirmed", at=at, by=user.name, subject=user.id)
    return codes


def end_second_factor(session: Session, user: User, *, at: int, by: str) -> None:
    """Take it off; may be repeated. Sessions go on as ones begun with a password alone."""
    user.totp_secret = user.totp_confirmed_at = user.totp_used = user.recovery_codes = None
    session.execute(update(Login).where(Login.user_id == user.id).values(second_factor=False))
    record_access(session, "second-factor.ended", at=at, by=by, subject=user.id, name=user.name)


def use_code(user: User, code: str, *, at: int) -> None:
    """Use up a code of the app, or a recovery code; none is good twice.

    Raises:
        SecondFactorError: It is missing, wrong or used.
    """
    given = "".join(code.split()).replace("-", "").lower()
    if not given:
        raise SecondFactorError("the code of the authenticator app is missing")
    step = _step_of(user, given, at // 1000 // _STEP_S)
    if step is not None:
        user.totp_used = step
    elif _hash(given) in (user.recovery_codes or []):
        left = [one for one in user.recovery_codes or [] if one != _hash(given)]
        user.recovery_codes = left
    else:
        raise SecondFactorError("the code is wrong, over or was used before")


def _step_of(user: User, code: str, now: int) -> int | None:
    """Return the time step of a code, later than the last one used; None when it has none."""
    if user.totp_secret is None:
        return None
    totp = TOTP(user.totp_secret)
    for step in range(now - _STEPS_AROUND, now + _STEPS_AROUND + 1):
        later = user.totp_used is None or step > user.totp_used
        if later and secrets.compare_digest(totp.generate_otp(step).encode(), code.encode()):
            return step
    return None


def _recovery_code() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(_RECOVERY_LENGTH))


def _hash(code: str) -> str:
    """Recovery codes are 49 random bits and tried under the throttle of logins."""
    return hashlib.sha256(code.encode()).hexdigest()
