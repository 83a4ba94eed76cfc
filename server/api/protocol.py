"""HTTP/1.1 on one connection, with an end to everything: heads, bodies, idleness, slow readers.

uvicorn's protocol has no limit for the time and size of a head. Connections are looked at once a
second; that costs a request nothing.
"""

import asyncio
import json
from http import HTTPStatus
from typing import Any, Final

from structlog import get_logger
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

MAX_HEAD: Final = 32_768
"""Bytes of a request line and its headers."""
HEAD_S: Final = 10.0
"""From the first byte, or the connection, to the end of the head."""
BODY_S: Final = 30.0
"""From the end of the head to the end of the body."""
IDLE_S: Final = 75
"""Between two requests."""
UNREAD_S: Final = 30.0
"""A client that leaves bytes unread at every look for so long is cut."""
log = get_logger()


class Connections:
    """All connections of a server."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: dict[LimitedProtocol, None] = {}

    def __len__(self) -> int:
        return len(self._open)

    def make(self, **parts: Any) -> "LimitedProtocol":  # noqa: ANN401 (uvicorn's own arguments)
        """Make the protocol of a new connection, as uvicorn asks for it."""
        return LimitedProtocol(self, **parts)

    def add(self, one: "LimitedProtocol") -> None:
        """Take a new connection; when there are too many, the longest that waits has to go."""
        if len(self._open) >= self._most:
            oldest = next((other for other in self._open if other.waits), None)
            if oldest is None:
                one.refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections; try again later")
                return
            oldest.drop()
        self._open[one] = None

    def discard(self, one: "LimitedProtocol") -> None:
        """It is gone."""
        self._open.pop(one, None)

    def look(self, now_s: float) -> None:
        """Close what has taken too long; call it every second."""
        for one in tuple(self._open):
            one.look(now_s)


class LimitedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, connections: Connections, **parts: Any) -> None:  # noqa: ANN401 (uvicorn's)
        super().__init__(**parts)
        self._all = connections
        self._head_bytes = 0
        self._unfinished = 0
        self._head_since: float | None = None
        self._body_since: float | None = None
        self._unread_since: float | None = None
        self._refusal: tuple[HTTPStatus, str] | None = None

    @property
    def waits(self) -> bool:
        """Whether nothing is being done for it: it is idle, or has sent half a request."""
        return self._body_since is not None or self._cycle is None or self._cycle.response_complete

    @property
    def _cycle(self) -> RequestResponseCycle | None:
        """The newest request; None before the first, whatever its type says."""
        return self.cycle

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin; the head is due."""
        super().connection_made(transport)
        self._head_since = self.loop.time()
        self._all.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._all.discard(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read; bytes between two requests begin the next one."""
        if self._head_since is None and self._body_since is None and self.waits:
            self._head_since = self.loop.time()
        if self.parser is None or self.transport.is_closing():
            return
        self._unfinished += len(data)
        super().data_received(data)
        if self._head_since is None:
            self._unfinished = 0
        elif self._unfinished > MAX_HEAD and not self.transport.is_closing():
            # The parser keeps a header that does not end to itself.
            self._too_large()
            self.send_400_response("")

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._head_bytes = 0
        self._head_since = self._head_since or self.loop.time()

    def on_url(self, url: bytes) -> None:
        """A part of the request line."""
        self._measure(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        self._measure(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is there; the body is due."""
        self._head_since, self._body_since = None, self.loop.time()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is there."""
        self._body_since = None
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be read."""
        self.refuse(*(self._refusal or (HTTPStatus.BAD_REQUEST, msg)))

    def look(self, now_s: float) -> None:
        """Close the connection when something takes too long."""
        if self._is_left_unread(now_s):
            # Also when it is closing: that waits for the client to read the rest.
            log.warning("connection_cut", reason="does_not_read")
            self.transport.abort()
        elif self.transport.is_closing():
            return
        elif self._head_since is not None and now_s - self._head_since > HEAD_S:
            self.refuse(HTTPStatus.REQUEST_TIMEOUT, f"no complete head within {HEAD_S:g} s")
        elif self._body_since is not None and now_s - self._body_since > BODY_S:
            self.refuse(HTTPStatus.REQUEST_TIMEOUT, f"no complete body within {BODY_S:g} s")

    def drop(self) -> None:
        """Make room for another."""
        self._all.discard(self)
        if self.transport.get_write_buffer_size():
            self.transport.abort()  # nobody would look any more whether the rest is read
        else:
            self.transport.close()

    def refuse(self, status: HTTPStatus, detail: str) -> None:
        """Answer with the reason and close; only close where an answer has begun."""
        cycle = self._cycle
        answered = cycle is not None and cycle.response_started
        if not answered or (self._body_since is None and self.waits):
            self.transport.write(_problem(status, detail))
        self.transport.close()

    def _is_left_unread(self, now_s: float) -> bool:
        """Return whether the client has left bytes unread for too long."""
        if not self.transport.get_write_buffer_size():
            self._unread_since = None
            return False
        self._unread_since = self._unread_since or now_s
        return now_s - self._unread_since > UNREAD_S

    def _measure(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > MAX_HEAD:
            self._too_large()
            raise ValueError  # ends the parser; what is sent is ``_refusal``

    def _too_large(self) -> None:
        status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        self._refusal = (status, f"a request line and its headers have at most {MAX_HEAD} bytes")


def _problem(status: HTTPStatus, detail: str) -> bytes:
    document = {"type": "about:blank", "title": status.phrase, "status": status, "detail": detail}
    body = json.dumps(document).encode()
    head = (
        f"HTTP/1.1 {status} {status.phrase}\r\nContent-Type: application/problem+json\r\n"
        f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
