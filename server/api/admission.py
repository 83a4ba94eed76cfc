"""Admission: what a request is tells its lane; a lane is bounded and its clients take turns.

It stands before the gate, so that a refusal costs no look into the records.
"""

import asyncio
import hashlib
import re
from collections import Counter, OrderedDict
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client import Counter as Figure
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from config.server import HttpSettings
from server.api.bodies import is_upload, longest_body, read_all, replayed
from server.api.context import SAFE
from server.api.gate import PROVIDER_PATH, SESSION_PATH, session_secret
from server.api.peer import client_address
from server.core.errors import ServerError
from server.core.lanes import Full, Lane, LaneFullError
from server.core.problem import ProblemError, answer_for

STREAM_PATH = "/api/v1/stream"
TRIAL_PATH = "/api/v1/alarm-rules/try"

_FREE = {"/healthz", "/readyz"}
"""Answered whatever happens; many who ask at once are one question."""
_HISTORY = re.compile(r"^/api/v1/(readings|trends)(/|$)")
"""Answers of megabytes: few are made, and few wait to be read, at a time."""
_URGENT = re.compile(r"^/(api/v1/(alarms|incidents)/|a/)")
"""What people do about an alarm that is on; never behind anything else."""
_UPLOAD_S = 120.0
_KNOWN_CLIENTS = 10_000
_RETRY_S = {Full.CLIENT: 1, Full.LANE: 2, Full.SLOW: 5}


class Lanes:
    """The lanes of one process, who is known, and what was refused."""

    def __init__(self, settings: HttpSettings, metrics: CollectorRegistry) -> None:
        self._settings = settings
        self._lanes = {
            "pages": Lane(slots=4, per_client=64, waiting=512, longest_s=10),
            "metrics": Lane(slots=1, per_client=4, waiting=16, longest_s=10),
            "history": Lane(slots=2, per_client=32, waiting=128, longest_s=20),
            "trials": Lane(slots=1, per_client=2, waiting=4, longest_s=20),
            "urgent": Lane(slots=2, per_client=16, waiting=64, longest_s=10),
            "logins": Lane(slots=1, per_client=8, waiting=32, longest_s=10),
            "provider": Lane(slots=2, per_client=4, waiting=16, longest_s=10),
            "uploads": Lane(slots=8, per_client=8, waiting=64, longest_s=20),
            "changes": Lane(slots=2, per_client=16, waiting=64, longest_s=10),
        }
        self._users: OrderedDict[bytes, str] = OrderedDict()
        self._streams: Counter[str] = Counter()
        self._refused = Figure(
            "plantroom_http_refused",
            "Requests that were refused because too many wait.",
            ["lane", "reason"],
            registry=metrics,
        )
        open_streams = Gauge("plantroom_http_streams", "Open live streams.", registry=metrics)
        open_streams.set_function(self._streams.total)
        waiting = Gauge(
            "plantroom_http_waiting",
            "Requests that wait for their turn.",
            ["lane"],
            registry=metrics,
        )
        for name, lane in self._lanes.items():
            waiting.labels(name).set_function(lambda lane=lane: lane.waiting)

    def client(self, scope: Scope) -> str:
        """Who asks: the user whose credentials were good before, otherwise the address."""
        credentials = _credentials(scope)
        user = None if credentials is None else self._users.get(credentials)
        if user is not None:
            return user
        return f"address {client_address(scope, self._settings.trusted_proxies)}"

    def note(self, scope: Scope) -> None:
        """Remember whose credentials these are: the gate has let them in."""
        principal = scope.get("state", {}).get("principal")
        credentials = _credentials(scope)
        if principal is None or credentials is None:
            return
        self._users[credentials] = f"user {principal.user_id}"
        self._users.move_to_end(credentials)
        if len(self._users) > _KNOWN_CLIENTS:
            self._users.popitem(last=False)

    @asynccontextmanager
    async def stream(self, client: str) -> AsyncGenerator[None]:
        """Count an open stream.

        Raises:
            ProblemError: This client, or all together, have as many as they may.
        """
        if self._streams[client] >= self._settings.max_streams_per_client:
            raise self._refusal("streams", Full.CLIENT)
        if self._streams.total() >= self._settings.max_streams:
            raise self._refusal("streams", Full.LANE)
        self._streams[client] += 1
        try:
            yield
        finally:
            self._streams[client] -= 1
            if not self._streams[client]:
                del self._streams[client]

    async def enter(self, name: str, client: str) -> Lane:
        """Take a slot of a lane; give it back with its ``leave``.

        Raises:
            ProblemError: 429 when this client has too many waiting, 503 when all have.
        """
        try:
            await self._lanes[name].enter(client)
        except LaneFullError as error:
            raise self._refusal(name, error.reason) from error
        return self._lanes[name]

    def _refusal(self, lane: str, reason: Full) -> ProblemError:
        self._refused.labels(lane, reason).inc()
        wait = str(_RETRY_S[reason])
        headers = {"Retry-After": wait, "Cache-Control": "no-store"}
        if reason is Full.CLIENT:
            words = f"you have too many requests waiting ({lane}); try again in {wait} s"
            return ProblemError(HTTPStatus.TOO_MANY_REQUESTS, words, headers)
        words = f"the server has too much to do ({lane}); try again in {wait} s"
        return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, words, headers)


class Admission:
    """ASGI middleware before everything else.

    Who asks for the same page with the same credentials while one such request waits for its turn
    is given that one's answer: it is made after both have asked.
    """

    def __init__(self, app: ASGIApp, lanes: Lanes) -> None:
        self._app = app
        self._lanes = lanes
        self._waiting: dict[Asked, asyncio.Future[list[Message]]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request in when it is its turn, or refuse it."""
        if scope["type"] != "http" or scope["path"] in _FREE:
            await self._app(scope, receive, send)
            return
        lane = lane_of(scope["method"], scope["path"])
        try:
            if is_upload(scope) and _credentials(scope) is not None:
                await self._upload(scope, receive, send)
                return
            if scope["method"] not in SAFE:
                # A slow sender holds no slot.
                receive = replayed(await read_all(receive), receive)
            if scope["path"] == STREAM_PATH:
                await self._stream(scope, receive, send)
            elif lane == "pages" and (asked := _asked(scope)) is not None:
                await self._page(asked, scope, receive, send)
            else:
                await self._run(lane, scope, receive, send)
        except ClientDisconnect:
            return
        except ServerError as error:
            await answer_for(error)(scope, receive, send)

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read a file while it has a slot, so that few are in memory at once; a slow one loses it.

        Raises:
            ProblemError: 408 when it takes too long.
        """
        turn = _Turn(await self._lanes.enter("uploads", self._lanes.client(scope)), send)
        try:
            async with asyncio.timeout(_UPLOAD_S):
                body = await read_all(receive, most=longest_body(scope))
        except TimeoutError as error:
            words = f"a file has to arrive within {_UPLOAD_S:g} s"
            raise ProblemError(
                HTTPStatus.REQUEST_TIMEOUT, words, {"Connection": "close"}
            ) from error
        finally:
            turn.leave()
        await self._run("changes", scope, replayed(body, receive), send)

    async def _page(self, asked: "Asked", scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._waiting.get(asked)
        if answer is None:
            answer = await self._first(asked, scope, receive)
        for message in await asyncio.shield(answer):
            await send(message)

    async def _first(
        self, asked: "Asked", scope: Scope, receive: Receive
    ) -> "asyncio.Future[list[Message]]":
        answer: asyncio.Future[list[Message]] = asyncio.get_running_loop().create_future()
        self._waiting[asked] = answer
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        def begun() -> None:
            self._waiting.pop(asked, None)

        try:
            await self._run("pages", scope, receive, keep, begun=begun)
        except ServerError as error:
            answer.set_exception(error)
        else:
            answer.set_result(messages)
        finally:
            begun()
            if not answer.done():
                # A bug: it was answered with 500 before it was raised.
                answer.set_result(messages)
        return answer

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = self._lanes.client(scope)
        async with self._lanes.stream(client):
            await self._run("pages", scope, receive, send, leaves_early=True)

    async def _run(
        self,
        lane: str,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        begun: Callable[[], None] = lambda: None,
        leaves_early: bool = False,
    ) -> None:
        client = self._lanes.client(scope)
        turn = _Turn(await self._lanes.enter(lane, client), send)
        begun()
        try:
            await self._app(scope, receive, turn.send_stream if leaves_early else send)
        finally:
            turn.leave()
            self._lanes.note(scope)


Asked = tuple[bytes, str, bytes, str]
"""Credentials, path, query and language of a page."""


class _Turn:
    """A slot that is left once; a stream leaves it when it begins."""

    def __init__(self, lane: Lane, send: Send) -> None:
        self._lane: Lane | None = lane
        self._send = send

    def leave(self) -> None:
        lane, self._lane = self._lane, None
        if lane is not None:
            lane.leave()

    async def send_stream(self, message: Message) -> None:
        self.leave()
        await self._send(message)


def lane_of(method: str, path: str) -> str:
    """Return the name of the lane of a request."""
    if path == TRIAL_PATH:
        return "trials"
    if method in SAFE:
        if path == "/metrics":
            return "metrics"
        return "history" if _HISTORY.match(path) else "pages"
    if path.startswith(PROVIDER_PATH):
        return "provider"  # it may be slow, and holds up no password
    if path.startswith(SESSION_PATH):
        return "logins"
    return "urgent" if _URGENT.match(path) else "changes"


def _asked(scope: Scope) -> Asked | None:
    """Return what a request asks for, None when its answer serves no other request."""
    credentials = _credentials(scope)
    headers = Headers(scope=scope)
    if scope["method"] != "GET" or credentials is None or "if-none-match" in headers:
        return None
    return credentials, scope["path"], scope["query_string"], headers.get("accept", "")


def _credentials(scope: Scope) -> bytes | None:
    headers = Headers(scope=scope)
    shown = headers.get("authorization") or session_secret(headers)
    return None if shown is None else hashlib.blake2b(shown.encode(), digest_size=16).digest()
