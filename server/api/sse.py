"""Server-sent events: the text form, and a response that cuts clients who do not read."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from structlog import get_logger

from protocols.exact_json import exact

SEND_TIMEOUT_S = 20.0
"""A client that takes nothing for so long is cut; it may come back with its last id."""

log = get_logger()


def sse(topic: str, data: object, *, event_id: int | None = None) -> bytes:
    """Return one event as text; what has no id is not replayed."""
    head = f"event: {topic}\n" if event_id is None else f"id: {event_id}\nevent: {topic}\n"
    text = json.dumps(exact(data), ensure_ascii=False, separators=(",", ":"))
    return f"{head}data: {text}\n\n".encode()


class EventStream(Response):
    """Sends chunks until they end, the client leaves, or it stops reading."""

    media_type = "text/event-stream"

    def __init__(self, chunks: AsyncGenerator[bytes], on_leave: Callable[[], None]) -> None:
        super().__init__(headers={"X-Accel-Buffering": "no", "Cache-Control": "no-store"})
        del self.headers["content-length"]
        self._chunks = chunks
        self._on_leave = on_leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream; ``on_leave`` is called when the client goes away."""
        del scope
        leaving = asyncio.create_task(_left(receive), name="stream-leaving")
        leaving.add_done_callback(lambda _: self._on_leave())
        try:
            await _send(
                send,
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                },
            )
            async for chunk in self._chunks:
                await _send(send, {"type": "http.response.body", "body": chunk, "more_body": True})
            await _send(send, {"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            log.warning("stream_cut", reason="does_not_read")
        finally:
            leaving.cancel()
            await self._chunks.aclose()


async def _send(send: Send, message: Message) -> None:
    async with asyncio.timeout(SEND_TIMEOUT_S):
        await send(message)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
