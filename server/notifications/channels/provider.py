"""What the providers' channels share: one call, and its answer as JSON or as a failure."""

import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

from config.errors import ConfigError
from server.core.clock import Clock
from server.messages.queue import Outgoing
from server.notifications.channels.addresses import PrivateAddressError
from server.notifications.channels.base import Failed, Refused, Throttled, Unknown
from server.notifications.channels.outbound import Caller, NoAnswerError, NotSentError, Reply

_EXCERPT_BYTES = 300
_BUSY_PAUSE_S = 5.0


class Answer(NamedTuple):
    """What a provider said, whatever its HTTP status."""

    status: int
    body: Mapping[str, Any]

    def code(self, *names: str) -> str:
        """Return the first of these fields as text, empty when there is none."""
        return next((str(self.body[name]) for name in names if name in self.body), "")


class Provider(Caller):
    """An open connection to a provider's HTTP interface.

    Attributes:
        repeatable: Whether a message may be sent again when its outcome is unknown.
    """

    repeatable = True

    def __init__(self, *, timeout_s: float, allow_private: bool, clock: Clock) -> None:
        super().__init__(timeout_s=timeout_s, allow_private=allow_private)
        self._clock = clock

    async def call(
        self, url: str, *, headers: Mapping[str, str], content: bytes
    ) -> Answer | Failed | Throttled | Refused | Unknown:
        """Post once; an answer that is no JSON object is a failure, whatever its status."""
        try:
            reply = await self._out.request("POST", url, headers=headers, content=content)
        except PrivateAddressError as error:
            return Refused(str(error))
        except NotSentError as error:
            return Failed(str(error))
        except NoAnswerError as error:
            return self.unknown_outcome(str(error))
        body = _json_object(reply.body)
        return self._speechless(reply) if body is None else Answer(reply.status, body)

    def unknown_outcome(self, error: str) -> Failed | Unknown:
        """The outcome of an attempt that may have worked: unknown unless it may be repeated."""
        return Failed(error) if self.repeatable else Unknown(error)

    def _speechless(self, reply: Reply) -> Failed | Throttled | Unknown:
        text = reply.body[:_EXCERPT_BYTES].decode(errors="replace")
        error = f"HTTP {reply.status} {text}".rstrip()
        if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
            return Throttled(error, _BUSY_PAUSE_S)
        # A proxy's 4xx never reached the provider; a 5xx or a strange 200 may have.
        if HTTPStatus.BAD_REQUEST <= reply.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return Failed(error)
        return self.unknown_outcome(error)


def read_secret(path: Path, *, where: str) -> str:
    """Return a secret file's one line; ``where`` is the option that names the file.

    Raises:
        ConfigError: It is missing or empty.
    """
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"{where}: {path}: {error}") from error
    if not text or "\n" in text:
        raise ConfigError(f"{where}: {path}: expected one line")
    return text


def out_id_of(message: Outgoing) -> str:
    """Return the number by which a provider is asked for the message; one for all attempts."""
    text = f"{message.key}|{message.created_at}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


DAY: Final = timedelta(days=1).total_seconds()
"""Seconds."""


def object_of(value: object) -> Mapping[str, Any]:
    """Return a JSON object; an empty one when it is something else."""
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def rows_of(value: object) -> list[Mapping[str, Any]]:
    """Return the objects of a JSON list; none when it is something else."""
    rows = cast("list[object]", value) if isinstance(value, list) else []
    return [object_of(row) for row in rows]


def _json_object(body: bytes) -> Mapping[str, Any] | None:
    try:
        return object_of(json.loads(body)) or None
    except (ValueError, RecursionError):
        return None
