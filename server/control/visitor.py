"""The commands' side of the door: a running server asked from a thread."""

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from server.control.place import connect
from server.core.shard import WHOLE, Shard
from server.history.base import Batch, Row
from server.history.packed import pack_batch, unpack_rows
from server.web.link import Frame, Link

_ANSWER_S = 600.0


class Visitor:
    """Asks the server of a data folder; from any thread but that of an event loop."""

    def __init__(self, link: Link, loop: asyncio.AbstractEventLoop) -> None:
        self._link = link
        self._loop = loop

    def ask(
        self, name: str, head: dict[str, Any], body: bytes = b"", *, timeout_s: float = _ANSWER_S
    ) -> Frame:
        """Ask and wait for the answer.

        Raises:
            StoreError: The server does not answer, or is gone.
            ServerError: What it has raised.
        """
        call = self._link.call(Frame(name, head, body), timeout_s=timeout_s)
        return asyncio.run_coroutine_threadsafe(call, self._loop).result()

    def raw(self, series_id: int, start_ms: int, end_ms: int, limit: int) -> list[Row]:
        """Return the first rows of a range, oldest first, as ``History.raw``."""
        return unpack_rows(self.ask("raw", {"of": (series_id, start_ms, end_ms, limit)}).body)

    def append(self, batch: Batch) -> None:
        """Store readings that no gateway sends; no rule looks at them."""
        self.ask("fill_in", {}, pack_batch(batch))


@contextmanager
def visit(folder: Path, shard: Shard = WHOLE) -> Generator[Visitor | None]:
    """Give the server of a data folder; None when none runs.

    Args:
        folder: The data folder.
        shard: What the server ingests.

    Raises:
        StoreError: One runs, but this user may not talk to it.
    """
    end = connect(folder, shard) if folder.is_dir() else None
    if end is None:
        yield None
        return
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="visitor", daemon=True)
    thread.start()
    link = Link(answer=_nothing, hear=lambda _: None)
    try:
        asyncio.run_coroutine_threadsafe(link.open(end), loop).result()
        reading = asyncio.run_coroutine_threadsafe(link.run(), loop)
        try:
            yield Visitor(link, loop)
        finally:
            loop.call_soon_threadsafe(link.close)
            reading.result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _nothing(frame: Frame) -> Frame:
    return frame
