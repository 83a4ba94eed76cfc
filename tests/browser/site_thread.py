"""Broker and server as real processes, driven from a thread: a browser story has the main one."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Coroutine
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.bench.load_site import Site

Result = TypeVar("Result")
_START_S, _END_S = 120.0, 60.0


class SiteThread:
    """A site of its own, with what goes on there as long as it is open."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        """Prepare; ``settings`` are sections of the server file."""
        self._site = Site(folder, **settings)
        self._ready: Future[None] = Future()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="site")
        self._end = asyncio.Event()
        self._running: Future[None] | None = None

    @property
    def url(self) -> str:
        return self._site.url

    @property
    def token(self) -> str:
        """An administrator's."""
        return self._site.token

    def __enter__(self) -> Self:
        self._thread.start()
        self._running = asyncio.run_coroutine_threadsafe(self._run(), self._loop)
        wait({self._ready, self._running}, _START_S, return_when=FIRST_COMPLETED)
        if not self._ready.done():
            try:
                self._running.result(0)  # why it has not begun
            finally:
                self._stop()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._running is not None
        self._loop.call_soon_threadsafe(self._end.set)
        try:
            self._running.result(_END_S)
        finally:
            self._stop()

    def do(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Let the thread do something, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_START_S)

    @asynccontextmanager
    async def life(self, site: Site) -> AsyncGenerator[None]:
        """Let things go on while it is open; it is ready when they have begun."""
        del site
        yield

    async def _run(self) -> None:
        async with self._site as site, self.life(site):
            self._ready.set_result(None)
            await self._end.wait()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_END_S)
        self._loop.close()
