"""One request carried over the link: to a frame, through the application, back to an answer."""

import asyncio
from typing import Any

from starlette.types import ASGIApp, Message, Scope

from server.web.link import Frame

HTTP = "http"
"""Name of the frames that carry a request."""


def request_frame(scope: Scope, body: bytes) -> Frame:
    """Return the request for the server's process."""
    head = {
        "method": scope["method"],
        "path": scope["path"],
        "raw_path": scope["raw_path"].decode("latin-1"),
        "query": scope["query_string"].decode("latin-1"),
        "headers": _texts(scope["headers"]),
        "client": scope["client"],
        "server": scope["server"],
        "scheme": scope["scheme"],
    }
    return Frame(HTTP, head, body)


def response_messages(frame: Frame) -> list[Message]:
    """Return an answer as the messages that send it."""
    head = frame.head
    start = {"type": "http.response.start", "status": head["status"]}
    start["headers"] = _pairs(head["headers"])
    return [start, {"type": "http.response.body", "body": frame.body}]


async def run_request(app: ASGIApp, frame: Frame) -> Frame:
    """Run a request through the application and return its answer."""
    head = frame.head
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": head["method"],
        "path": head["path"],
        "raw_path": head["raw_path"].encode("latin-1"),
        "query_string": head["query"].encode("latin-1"),
        "headers": _pairs(head["headers"]),
        "client": head["client"] and tuple(head["client"]),
        "server": head["server"] and tuple(head["server"]),
        "scheme": head["scheme"],
        "root_path": "",
        "state": {},
    }
    answer = _Answer(frame.body)
    working = asyncio.ensure_future(app(scope, answer.receive, answer.send))
    try:
        await asyncio.wait({working})
    finally:
        working.cancel()
    error = working.exception()
    # The application answers 500, has logged why, and raises what it was all the same.
    if error is not None and not answer.status:
        raise error
    return Frame(HTTP, {"status": answer.status, "headers": answer.headers}, bytes(answer.body))


class _Answer:
    """Gives the body once and keeps what is sent."""

    def __init__(self, body: bytes) -> None:
        self._given: bytes | None = body
        self.status = 0
        self.headers: list[list[str]] = []
        self.body = bytearray()

    async def receive(self) -> Message:
        if self._given is None:
            # The client is another process's affair; what was begun is done to its end.
            await asyncio.get_running_loop().create_future()
        body, self._given = self._given, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = _texts(message["headers"])
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")


def _texts(headers: Any) -> list[list[str]]:  # noqa: ANN401 (any pairs of bytes)
    return [[name.decode("latin-1"), value.decode("latin-1")] for name, value in headers]


def _pairs(headers: list[list[str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
