"""Browsers in which a person has logged in before; they show a mark.

Nothing is stored of it but a hash, while its tries to log in are counted.

A mark is made from the password's hash, so it is void with the password.
"""

import hashlib
import hmac
import secrets

from server.access.model import User


def browser_mark(user: User) -> str:
    """Return what a browser keeps in which this person has logged in; void with the password."""
    nonce = secrets.token_urlsafe(12)
    return f"{nonce}.{_browser_proof(user, nonce)}"


def is_browser_of(user: User | None, mark: str | None) -> bool:
    """Return whether a mark was made for this person with the password of today."""
    if user is None or mark is None:
        return False
    nonce, _, proof = mark.partition(".")
    return hmac.compare_digest(_browser_proof(user, nonce).encode(), proof.encode(errors="replace"))


def _browser_proof(user: User, nonce: str) -> str:
    text = f"{user.id}|{nonce}".encode(errors="replace")
    return hmac.new(user.password_hash.encode(), text, hashlib.sha256).hexdigest()
