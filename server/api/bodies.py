"""The body of a request: bounded, and JSON that everything behind it can keep."""

import email.message
import json
import math
import re
from http import HTTPStatus
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.core.errors import InvalidError, ServerError
from server.core.media import MAX_BYTES
from server.core.problem import FieldError, ProblemError, answer_for

MAX_BODY = 1_000_000
"""Bytes."""
_UPLOADS = re.compile(
    r"/api/v1/(work-orders/[^/]+/files|equipment/[^/]+/documents|ledger/import)"
    r"|/r/s/[^/]+/photos"
)
"""Where the body is a file."""
_AROUND = 4096
"""Bytes that a form puts around its file."""
_MAX_DIGITS = 20
"""Digits of 2**64, the largest whole number that a point can have."""
_JSON = re.compile(r"json|.+\+json")
_NO_BODY = {"GET", "HEAD", "OPTIONS"}


def is_upload(scope: Scope) -> bool:
    """Return whether the body of a request is a file, which is no JSON and may be larger."""
    return scope["method"] == "POST" and _UPLOADS.fullmatch(scope["path"]) is not None


def longest_body(scope: Scope) -> int:
    """Return how many bytes the body of a request may have."""
    if not is_upload(scope):
        return MAX_BODY
    return MAX_BYTES if scope["path"].startswith("/api/") else MAX_BYTES + _AROUND


class Bodies:
    """ASGI middleware behind the gate: reads the whole body, and refuses what cannot be kept.

    Too many bytes are 413; below ``/api/`` anything but JSON in UTF-8 is 415. JSON is refused when
    it holds what a database or a browser cannot have (NUL, a half of a surrogate pair, a number
    beyond its range), or one key twice. NUL is refused in path and query too.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body read, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            _check_address(scope)
            if scope["method"] not in _NO_BODY:
                headers = Headers(scope=scope)
                body = await _read(receive, headers, most=longest_body(scope))
                if scope["path"].startswith("/api/") and not is_upload(scope) and body.strip():
                    _check_kind(headers)
                    _check_json(body)
                receive = replayed(body, receive)
        except ServerError as error:
            await answer_for(error)(scope, receive, send)
            return
        await self._app(scope, receive, send)


async def read_all(receive: Receive, *, most: int = MAX_BODY) -> bytes:
    """Read a body to its end.

    Raises:
        ProblemError: It has more than ``most`` bytes; 413.
        ClientDisconnect: The client left in the middle of it.
    """
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            raise _too_large(most)
        if not message.get("more_body", False):
            return b"".join(parts)


def replayed(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that gives a body which was read already."""
    sent = False

    async def give() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return give


async def _read(receive: Receive, headers: Headers, *, most: int) -> bytes:
    length = headers.get("content-length", "")
    if length.isascii() and length.isdecimal() and len(length) <= _MAX_DIGITS:
        if int(length) > most:
            raise _too_large(most)
        if int(length) == 0:
            return b""
    return await read_all(receive, most=most)


def _too_large(most: int) -> ProblemError:
    return ProblemError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"a body has at most {most} bytes here",
        {"Connection": "close"},  # what is still on its way is not read
    )


def _check_address(scope: Scope) -> None:
    if "\0" in scope["path"]:
        raise FieldError("path", "holds a NUL character")
    if b"%00" in scope["query_string"] or b"\0" in scope["query_string"]:
        raise FieldError("query", "holds a NUL character")


def _check_kind(headers: Headers) -> None:
    kind = email.message.Message()
    kind["Content-Type"] = headers.get("content-type", "")
    if kind.get_content_maintype() != "application" or not _JSON.fullmatch(
        kind.get_content_subtype()
    ):
        given = headers.get("content-type") or "none"
        raise _other_kind(
            f"send JSON, with the header 'Content-Type: application/json', not {given}"
        )
    charset = kind.get_content_charset("utf-8")
    if charset not in {"utf-8", "utf8", "us-ascii"}:
        raise _other_kind(f"send JSON in UTF-8, not in {charset}")
    encoding = headers.get("content-encoding", "identity")
    if encoding.strip().lower() not in {"", "identity"}:
        raise _other_kind(f"send the body as it is, not encoded as {encoding}")


def _other_kind(detail: str) -> ProblemError:
    return ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail[:300])


def _check_json(body: bytes) -> None:
    try:
        whole: object = json.loads(
            body.decode(),  # bytes would be read as UTF-16 too
            object_pairs_hook=_object,
            parse_constant=_no_number,
            parse_float=_number,
            parse_int=_integer,
        )
    except UnicodeDecodeError as error:
        raise FieldError("body", "is no UTF-8") from error
    except RecursionError as error:
        raise FieldError("body", "is nested too deep") from error
    except json.JSONDecodeError as error:
        raise FieldError("body", f"is no JSON: {error.msg} at character {error.pos}") from error
    if not isinstance(whole, dict):
        raise FieldError("body", "is no JSON object")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in pairs:
        _check_text(key, "a key")
        _check_value(value, key)
        if key in made:
            raise FieldError(f"body.{key}", "given more than once")
        made[key] = value
    return made


def _check_value(value: object, key: str) -> None:
    if isinstance(value, str):
        _check_text(value, key)
    elif isinstance(value, list):
        for item in value:  # pyright: ignore[reportUnknownVariableType] (JSON)
            _check_value(item, key)  # pyright: ignore[reportUnknownArgumentType] (JSON)


def _check_text(text: str, key: str) -> None:
    if "\0" in text:
        raise FieldError(f"body.{_shown(key)}", "holds a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise FieldError(
            f"body.{_shown(key)}", "holds a half of a surrogate pair, which is no character"
        ) from error


def _shown(key: str) -> str:
    return key.encode(errors="replace").decode().replace("\0", "?")


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise InvalidError(f"{text[:40]} is beyond the range of a number")
    return number


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > _MAX_DIGITS:
        raise InvalidError(f"{text[:40]} is beyond the range of a whole number")
    return int(text)


def _no_number(text: str) -> float:
    raise InvalidError(f"{text} is no JSON; leave the key out, or send null")
