"""Passwords: argon2id hashes, and passwords that are good for one login."""

import secrets
from base64 import b64encode

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from server.core.errors import InvalidError

MIN_PASSWORD = 15
"""Characters of a password that is all that a login asks for (NIST SP 800-63B-4, 3.1.1.2)."""
MIN_WITH_FACTOR = 8
"""Of one that is asked for beside a second factor."""
MAX_PASSWORD = 256
_COMMON_GUESSES = 1e8
"""A password that is found by fewer tries is among those that are tried first."""
_ESTIMATED = 64
"""Characters that are looked at: the estimate costs their square."""

ONE_TIME_MS = 72 * 3_600_000
"""So long a one-time password is good for."""
USED_UP = 0
"""``one_time_until`` of a one-time password that was used."""

# OWASP's argon2id figures: 19 MiB and 2 passes, so that ten logins at once stay affordable.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def _hash_of_nothing() -> str:
    """Return what takes as long to compare as a hash and is the hash of no known password."""
    salt, digest = (
        b64encode(secrets.token_bytes(size)).rstrip(b"=").decode()
        for size in (_hasher.salt_len, _hasher.hash_len)
    )
    costs = f"m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${digest}"


_nobody_hash = _hash_of_nothing()


def check_password(password: str, *, name: str, alone: bool = True) -> None:
    """Go on when a password may be chosen: long enough, and not among those that are tried first.

    Any characters will do, and it never has to be changed.

    Raises:
        InvalidError: It may not; says why.
    """
    least = MIN_PASSWORD if alone else MIN_WITH_FACTOR
    if not least <= len(password) <= MAX_PASSWORD:
        raise InvalidError(
            f"a password has {least} to {MAX_PASSWORD} characters, got {len(password)}; a "
            "few words with spaces are easy to remember"
        )
    from zxcvbn import zxcvbn  # noqa: PLC0415 (its word lists are 10 MB, and few choose a password)

    found = zxcvbn(password[:_ESTIMATED], user_inputs=[name, "plantroom"])
    if found["guesses"] < _COMMON_GUESSES:
        why = found["feedback"]["warning"] or "it is made of what everybody tries first"
        raise InvalidError(f"choose another password: {why}")


def hash_password(password: str) -> str:
    """Argon2id hash of a password."""
    return _hasher.hash(password)


def password_matches(stored: str | None, password: str) -> bool:
    """Compare; takes as long for an unknown user (``None``) as for a known one."""
    try:
        return _hasher.verify(stored or _nobody_hash, password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def one_time_password() -> str:
    """Return a password to be read out; 60 random bits without letters that look alike."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    groups = ("".join(secrets.choice(letters) for _ in range(4)) for _ in range(3))
    return "-".join(groups)
