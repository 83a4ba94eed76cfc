"""One-time links: who holds one may acknowledge one incident once, without login.

A link is made from its message alone, so every attempt carries the same one and none is stored;
what is stored is its use (``used_links``).
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass

from server.messages.queue import Outgoing

PATH = "/a/"
"""Short, because it travels in short messages."""
_MAC_BYTES = 15


@dataclass(frozen=True, slots=True)
class LinkKey:
    """What links are signed with."""

    secret: bytes
    base_url: str
    valid_ms: int

    def link_for(self, message: Outgoing) -> str:
        """Return the address; empty for what has no incident or goes to nobody in person."""
        if message.incident_id is None or not message.address:
            return ""
        code = code_of(self.secret, message_id=message.id, key=message.key)
        return f"{self.base_url.rstrip('/')}{PATH}{code}"

    def expires_at(self, created_at: int) -> int:
        """Return when the link of a message of that time is over, UTC ms."""
        return created_at + self.valid_ms


def code_of(secret: bytes, *, message_id: int, key: str) -> str:
    """Return the part of the link that proves itself."""
    digest = hmac.new(secret, f"{message_id}|{key}".encode(), hashlib.sha256).digest()
    return f"{message_id}-{base64.urlsafe_b64encode(digest[:_MAC_BYTES]).decode()}"


def message_id_of(code: str) -> int | None:
    """Return which message a code is said to belong to; it is not proven yet."""
    number = code.partition("-")[0]
    return int(number) if number.isascii() and number.isdecimal() and len(number) < 19 else None  # noqa: PLR2004 (fits 64 bits)


def is_genuine(code: str, *, secret: bytes, message_id: int, key: str) -> bool:
    """Return whether the code was made for this message with this secret."""
    return hmac.compare_digest(
        code_of(secret, message_id=message_id, key=key).encode(), code.encode(errors="replace")
    )
