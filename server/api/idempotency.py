"""Idempotency-Key on POST: the same key gives the same answer and does the work once."""

import hashlib
import json
import re
import secrets
from http import HTTPStatus
from typing import Any

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.api.bodies import longest_body, read_all, replayed
from server.api.context import services_of
from server.api.gate import session_secret
from server.api.reservation import IN_PROGRESS, STATE, Reservation
from server.core.errors import ConflictError, ServerError
from server.core.model import IdempotentReply
from server.core.problem import MEDIA_TYPE, FieldError, answer_for
from server.core.records import Records

KEEP_MS = 86_400_000
MAX_KEY = 200

_SECRET_ANSWERS = re.compile(
    r"/api/v1/(tokens|users/[^/]+/reset-password|session/second-factor(/confirm)?)/?"
)
"""Paths whose answers are not kept."""
_SECRET_REQUESTS = re.compile(r"/api/v1/(users|session/password)/?")
"""Paths whose requests hold a password: a plain hash of one could be searched."""


class Idempotency:
    """ASGI middleware behind the gate.

    The key is reserved before the work, and what the work writes is noted at the key in the same
    transaction. After a crash a repeated request is done when nothing was written, and has the
    answer when it was; of two processes that do it at once, one cannot write any more.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._process = secrets.token_hex(8)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a repeated POST from the records, everything else by the application."""
        principal = scope.get("state", {}).get("principal")
        given = Headers(scope=scope).get("idempotency-key") if scope["type"] == "http" else None
        if principal is None or given is None or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        try:
            body = await read_all(receive, most=longest_body(scope))
            key = _key(principal.user_id, scope["path"], given)
            use = services_of(scope)
            request_hash = _hash(scope, body)
            mine = Reservation(
                key,
                owner=f"{self._process}/{secrets.token_hex(8)}",
                keeps=not _SECRET_ANSWERS.fullmatch(scope["path"]),
            )
            known = await _reserve(use.records, mine, request_hash, use.clock.now_ms())
        except ServerError as error:
            await answer_for(error)(scope, receive, send)
            return
        if known is not None:
            await known(scope, receive, send)
            return
        scope["state"][STATE] = mine
        await self._run(mine, body, scope, receive, send)

    async def _run(
        self, mine: Reservation, body: bytes, scope: Scope, receive: Receive, send: Send
    ) -> None:
        records = services_of(scope).records
        answer = _Answer(send)
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        try:
            await self._app(scope, replayed(body, receive), answer.send)
            status = answer.status
        finally:
            await records.write_async(lambda session: _settle(session, mine, status, answer))


def _hash(scope: Scope, body: bytes) -> str:
    """Return what tells this request from others that are sent with its key."""
    headers = Headers(scope=scope)
    salt = ""
    if _SECRET_REQUESTS.fullmatch(scope["path"]):
        # Not stored anywhere, and the same when the request is repeated.
        salt = headers.get("authorization") or session_secret(headers) or ""
    request = salt.encode(errors="replace") + body + scope["query_string"]
    return hashlib.sha256(request).hexdigest()


async def _reserve(
    records: Records, mine: Reservation, request_hash: str, now: int
) -> JSONResponse | None:
    """Return the answer given before, or None when the work is ours to do."""

    def reserve(session: Session) -> IdempotentReply | None:
        old = delete(IdempotentReply).where(IdempotentReply.created_at < now - KEEP_MS)
        session.execute(old)
        row = session.get(IdempotentReply, mine.key, with_for_update=True)
        if row is None:
            row = IdempotentReply(
                key=mine.key,
                created_at=now,
                request_hash=request_hash,
                status=IN_PROGRESS,
                body={},
                owner=mine.owner,
            )
            session.add(row)
            return None
        if row.request_hash == request_hash and _is_left(row, mine):
            row.owner, row.created_at = mine.owner, now
            return None
        return row

    try:
        row = await records.write_async(reserve)
    except IntegrityError as error:
        raise ConflictError("a request with this Idempotency-Key runs right now") from error
    return None if row is None else _replay(row, request_hash)


def _is_left(row: IdempotentReply, mine: Reservation) -> bool:
    """Return whether another process began a request and has written nothing.

    It may be gone. If it is not, it cannot write once the request is ours.
    """
    theirs, own = (one.owner.partition("/")[0] for one in (row, mine))
    return row.status == IN_PROGRESS and theirs not in {"", own}


class _Answer:
    """Passes the answer on and keeps a copy."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0
        self.etag: str | None = None
        self.body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.etag = Headers(raw=message["headers"]).get("etag")
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")
        await self._send(message)


def _settle(session: Session, mine: Reservation, status: int, answer: _Answer) -> None:
    """Store a success; forget a refusal, so that the corrected request may use the key."""
    row = session.get(IdempotentReply, mine.key)
    if row is None or row.owner != mine.owner:
        return
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and row.status != IN_PROGRESS:
        # It is written, whatever went wrong afterwards.
        return
    if status >= HTTPStatus.BAD_REQUEST:
        session.delete(row)
        return
    row.status = status
    if not mine.keeps:
        row.body = {"secret": True}
    else:
        content: Any = json.loads(answer.body) if answer.body else None
        row.body = {"content": content, "etag": answer.etag}


def _replay(row: IdempotentReply, request_hash: str) -> JSONResponse:
    if row.request_hash != request_hash:
        raise FieldError(
            "header.Idempotency-Key", "this key was used with another request; choose a new one"
        )
    if row.status == IN_PROGRESS:
        raise ConflictError("a request with this Idempotency-Key runs right now")
    if "committed" in row.body and "content" not in row.body:
        raise ConflictError("this was done, and its answer was lost in a crash: look what it made")
    if "secret" in row.body:
        raise ConflictError("this was done, and its secret was shown once; make a new one")
    headers = {"Idempotency-Replayed": "true"}
    if row.body.get("etag"):
        headers["ETag"] = row.body["etag"]
    media = MEDIA_TYPE if row.status >= HTTPStatus.BAD_REQUEST else None
    return JSONResponse(row.body.get("content"), row.status, headers=headers, media_type=media)


def _key(user_id: int, path: str, given: str) -> str:
    if not 1 <= len(given) <= MAX_KEY or not given.isprintable():
        raise FieldError("header.Idempotency-Key", f"1 to {MAX_KEY} printable characters")
    return f"{user_id} POST {path} {given}"
