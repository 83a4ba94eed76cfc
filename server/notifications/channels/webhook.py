"""Signed webhooks as in Standard Webhooks 1.0."""

import base64
import binascii
import hashlib
import hmac
import json
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import quote

from config.errors import ConfigError
from config.server import WebhookSettings
from protocols.exact_json import exact
from server.core.clock import Clock
from server.core.instant import rfc3339
from server.messages.queue import Outgoing
from server.messages.rate_limits import DeliveryPolicy
from server.notifications.channels.addresses import PrivateAddressError
from server.notifications.channels.base import Failed, Outcome, Refused, Sent
from server.notifications.channels.outbound import Caller, OutboundError, Reply

_PREFIX = "whsec_"
_SECRET_BYTES = range(24, 65)
_EXCERPT_BYTES = 300


def load_secret(settings: WebhookSettings) -> bytes:
    """Read the signing secret.

    Raises:
        ConfigError: The file is missing or is no secret.
    """
    path = settings.secret_file
    try:
        text = path.read_text(encoding="ascii").strip()
        secret = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (OSError, UnicodeError, binascii.Error) as error:
        raise ConfigError(f"webhook {settings.name}: secret_file {path}: {error}") from error
    if not text.startswith(_PREFIX) or len(secret) not in _SECRET_BYTES:
        raise ConfigError(
            f"webhook {settings.name}: secret_file {path}: "
            "write whsec_ and 24 to 64 random bytes in base64"
        )
    return secret


def sign(secret: bytes, *, message_id: str, timestamp_s: int, body: bytes) -> str:
    """Return the ``webhook-signature`` header."""
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    digest = hmac.new(secret, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def message_id_of(message: Outgoing) -> str:
    """Return the ``webhook-id``: the same for every attempt and different for every key.

    The signature's separator, and what a header cannot carry, are escaped as in an address.
    """
    return quote(message.key, safe="/:").replace(".", "%2E")


def body_of(message: Outgoing) -> bytes:
    """Return what is posted; every attempt posts the same bytes."""
    body = {
        "type": message.kind,
        "timestamp": rfc3339(message.created_at),
        "data": exact(message.payload),
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


class WebhookChannel(Caller):
    """One receiver of signed messages."""

    def __init__(self, settings: WebhookSettings, *, secret: bytes, clock: Clock) -> None:
        super().__init__(timeout_s=settings.timeout_s, allow_private=settings.allow_private)
        self._secret = secret
        self._clock = clock
        self._url = settings.url

    def policy(self, address: str) -> DeliveryPolicy:  # noqa: ARG002 (a webhook has one address)
        """No budget; the id tells the receiver of a repetition."""
        return DeliveryPolicy()

    def check_address(self, address: str) -> str | None:  # noqa: ARG002 (a webhook has one address)
        """Any will do."""
        return None

    async def send(self, message: Outgoing) -> Outcome:
        """Post the message once."""
        try:
            reply = await self._out.request(
                "POST",
                self._url,
                headers=self._headers(message),
                content=body_of(message),
                most_bytes=_EXCERPT_BYTES,
                # A success is not read, however long it is.
                read_success=False,
            )
        except PrivateAddressError as error:
            return Refused(str(error))
        except OutboundError as error:
            return Failed(str(error))
        return self._outcome(reply)

    def _headers(self, message: Outgoing) -> dict[str, str]:
        message_id = message_id_of(message)
        timestamp_s = self._clock.now_ms() // 1000
        return {
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp_s),
            "webhook-signature": sign(
                self._secret,
                message_id=message_id,
                timestamp_s=timestamp_s,
                body=body_of(message),
            ),
        }

    def _outcome(self, reply: Reply) -> Outcome:
        if reply.is_success:
            return Sent()
        excerpt = reply.body.decode(errors="replace")
        error = f"HTTP {reply.status} {excerpt}".rstrip()
        if reply.status == HTTPStatus.GONE:
            return Refused(error)
        wish = reply.headers.get("retry-after", "")
        return Failed(error, retry_after_s=retry_after_s(wish, now=self._clock.now_ms()))


def retry_after_s(text: str, *, now: int) -> float | None:
    """Return the pause that a ``Retry-After`` header asks for, seconds from ``now`` (UTC ms)."""
    text = text.strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
        at_s = moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    except (ValueError, OverflowError):
        return None
    return max(at_s - now / 1000, 0.0)
