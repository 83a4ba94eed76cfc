"""Signed webhooks as in Standard Webhooks 1.0. The only importer of httpx."""

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from types import TracebackType
from typing import Self

import httpx

from config.errors import ConfigError
from config.server import WebhookSettings
from server.core.clock import Clock
from server.core.instant import rfc3339
from server.core.outbox import Outgoing
from server.notifications.channels.addresses import (
    PrivateAddressError,
    UnreachableHostError,
    resolve,
)
from server.notifications.channels.base import Failed, Outcome, Refused, Sent

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
    """Return the ``webhook-id``: the same for every attempt, without the signature's separator."""
    return message.key.replace(".", "_")


def body_of(message: Outgoing) -> bytes:
    """Return what is posted; every attempt posts the same bytes."""
    body = {
        "type": message.kind,
        "timestamp": rfc3339(message.created_at),
        "data": message.payload,
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


class WebhookChannel:
    """One receiver of signed messages.

    The name is resolved for each attempt and the connection goes to the address that was checked;
    redirects are not followed, because they could lead anywhere.
    """

    def __init__(self, settings: WebhookSettings, *, secret: bytes, clock: Clock) -> None:
        self._settings = settings
        self._secret = secret
        self._clock = clock
        self._url = httpx.URL(settings.url)
        self._client: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        # The environment's proxies would hide the receiver's address from the check.
        self._client = httpx.AsyncClient(
            follow_redirects=False, trust_env=False, timeout=self._settings.timeout_s
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def send(self, message: Outgoing) -> Outcome:
        """Post the message once."""
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                return await self._post(message)
        except TimeoutError:
            return Failed(f"no answer within {self._settings.timeout_s:g} s")
        except PrivateAddressError as error:
            return Refused(str(error))
        except UnreachableHostError as error:
            return Failed(str(error))
        except httpx.TimeoutException:
            return Failed(f"no answer within {self._settings.timeout_s:g} s")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Failed(f"{type(error).__name__}: {error}")

    async def _post(self, message: Outgoing) -> Outcome:
        client = self._client
        if client is None:
            raise RuntimeError("the channel is not open")
        url = self._url
        port = url.port or (443 if url.scheme == "https" else 80)
        address = await resolve(url.host, port, allow_private=self._settings.allow_private)
        request = client.build_request(
            "POST",
            url.copy_with(host=address),
            content=body_of(message),
            headers=self._headers(message),
            # TLS asks for, and checks, the name and not the address.
            extensions={"sni_hostname": url.host},
        )
        response = await client.send(request, stream=True)
        try:
            return self._outcome(response, await _excerpt(response))
        finally:
            await response.aclose()

    def _headers(self, message: Outgoing) -> dict[str, str]:
        message_id = message_id_of(message)
        timestamp_s = self._clock.now_ms() // 1000
        return {
            "Host": self._url.netloc.decode("ascii"),
            "Content-Type": "application/json",
            "User-Agent": "plantroom",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp_s),
            "webhook-signature": sign(
                self._secret,
                message_id=message_id,
                timestamp_s=timestamp_s,
                body=body_of(message),
            ),
        }

    def _outcome(self, response: httpx.Response, excerpt: str) -> Outcome:
        if response.is_success:
            return Sent()
        error = f"HTTP {response.status_code} {excerpt}".rstrip()
        if response.status_code == HTTPStatus.GONE:
            return Refused(error)
        return Failed(error, retry_after_s=self._retry_after_s(response))

    def _retry_after_s(self, response: httpx.Response) -> float | None:
        text = response.headers.get("retry-after", "").strip()
        if text.isascii() and text.isdecimal():
            return float(text)
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
        at_s = moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
        return max(at_s - self._clock.now_ms() / 1000, 0.0)


async def _excerpt(response: httpx.Response) -> str:
    """Return the beginning of a failure's text; a success is not read, however long it is."""
    if response.is_success:
        return ""
    text = bytearray()
    async for chunk in response.aiter_raw():
        text += chunk
        if len(text) >= _EXCERPT_BYTES:
            break
    return text[:_EXCERPT_BYTES].decode(errors="replace")
