"""Starts the web process, starts it again when it ends, stops it with the server."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, Counter
from structlog import get_logger

from config.server import ServerSettings
from server.api.serving import GRACE_S
from server.core.clock import Clock
from server.core.errors import ServerError, StoreError
from server.web.desk import Desk, Window
from server.web.fork_server import ForkServer, WebChild
from server.web.link import Frame

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 10.0
_STEADY_S = 60.0
"""A process that lived so long was not ended by its start."""
_TRIES = 3
_PING_EVERY_S, _MUTE_S = 10.0, 60.0
"""A process that does not answer for so long hangs, and is replaced."""
_START_S = 180.0
"""So does one that is not ready after so long, also on a slow machine."""
_STOP_S = GRACE_S + 1.5
log = get_logger()


class Supervisor:
    """One web process at a time, on a port that this process holds."""

    def __init__(
        self,
        settings: ServerSettings,
        desk: Desk,
        listener: socket.socket,
        clock: Clock,
        *,
        forks: ForkServer,
        log_level: str,
        metrics: CollectorRegistry,
    ) -> None:
        self._begin = {
            "settings": settings.model_dump(mode="json"),
            "log_level": log_level,
        }
        self._desk = desk
        self._listener = listener
        self._clock = clock
        self._forks = forks
        self._stopping = asyncio.Event()
        self._window: Window | None = None
        self.works = False
        """Whether a web process answers now."""
        self._ended = Counter(
            "plantroom_web_ended",
            "Web processes that ended although nobody asked.",
            registry=metrics,
        )

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Keep one running until ``stop``; ``on_ready`` is called when the first answers.

        Raises:
            ServerError: It does not start.
        """
        pause_s, tries, ever = _FIRST_PAUSE_S, 0, False
        while not self._stopping.is_set():
            began_s = self._clock.monotonic_s()

            def ready() -> None:
                nonlocal ever
                self.works = True
                if not ever:
                    ever = True
                    on_ready()

            status = await self._run_one(ready)
            self.works = False
            if self._stopping.is_set():
                return
            self._ended.inc()
            log.error("web_process_ended", status=status)
            tries += 1
            if not ever and tries == _TRIES:
                raise ServerError(f"the web process does not start: it ended with {status}")
            if self._clock.monotonic_s() - began_s > _STEADY_S:
                pause_s = _FIRST_PAUSE_S
            await self._wait(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def stop(self) -> None:
        """Let ``run`` return soon; may be repeated."""
        self._stopping.set()
        if self._window is not None:
            self._window.link.push(Frame("stop", {}))

    async def _run_one(self, ready: Callable[[], None]) -> int:
        ours, theirs = socket.socketpair()
        window = self._window = self._desk.open(ready)
        process: WebChild | None = None
        reading: asyncio.Task[Any] | None = None
        try:
            try:
                process = await self._forks.begin(theirs, self._listener)
            except OSError as error:
                log.warning("fork_server_ended", error=str(error))
                self._forks.renew()
                return 1
            theirs.close()
            await window.link.open(ours)
            window.link.push(Frame("begin", self._begin))
            reading = asyncio.create_task(window.link.run(), name="web-link")
            await self._until_end(process, window)
            process.kill()
            return await process.wait()
        finally:
            self._window = None
            self._desk.close(window)
            for one in (ours, theirs):
                one.close()
            if process is not None:
                process.kill()
                await process.wait()
            if reading is not None:
                await reading

    async def _until_end(self, process: WebChild, window: Window) -> None:
        """Wait until it ends, hangs, or has had its time to stop."""
        ended = asyncio.create_task(process.wait())
        stopping = asyncio.create_task(self._stopping.wait())
        hanging = asyncio.create_task(self._until_mute(window))
        try:
            await asyncio.wait({ended, stopping, hanging}, return_when=asyncio.FIRST_COMPLETED)
            if stopping.done():
                await asyncio.wait({ended}, timeout=_STOP_S)
        finally:
            for task in (ended, stopping, hanging):
                task.cancel()

    async def _until_mute(self, window: Window) -> None:
        began_s = self._clock.monotonic_s()
        while True:
            await self._clock.sleep(_PING_EVERY_S)
            if not self.works:
                if self._clock.monotonic_s() - began_s <= _START_S:
                    continue
                log.warning("web_process_hangs", error=f"not ready after {_START_S:g} s")
                return
            try:
                await window.link.call(Frame("ping", {}), timeout_s=_MUTE_S)
            except StoreError as error:
                log.warning("web_process_hangs", error=str(error))
                return

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
