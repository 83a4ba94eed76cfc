"""The server's side of the door: what commands of this machine may ask of it.

The embedded history is locked to the process that writes it, so whoever wants to copy it, read it
or fill it in while the server runs asks that process. Of a house that is divided each shard has a
door: what is filled in goes to the process that knows what its gateways have sent.
"""

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from functools import partial
from importlib.metadata import version
from typing import Any, TypeVar

from structlog import get_logger

from config.server import ServerSettings
from server.backup.staging import clear_staging, stage
from server.control.place import listening
from server.core.clock import Clock
from server.core.errors import ConflictError, InvalidError, StoreError
from server.core.shard import WHOLE, Shard
from server.history.duckdb import DuckHistory
from server.history.opening import StoredHistory, newest_stored
from server.history.packed import unpack_batch
from server.history.rationed import RationedReader
from server.ingest.writer import Ingest
from server.web.link import Frame, Link

T = TypeVar("T")
_REST_S = 60.0
"""So long a backup waits for an instant at which both stores say the same."""
_PATIENCE_S = 60.0
"""Longest wait for a turn at the history."""
log = get_logger()


class Door:
    """Serves commands, each over a connection of its own."""

    def __init__(
        self,
        settings: ServerSettings,
        *,
        ingest: Ingest,
        history: StoredHistory,
        reader: RationedReader,
        clock: Clock,
        condition: Callable[[], Mapping[str, Any]],
        shard: Shard = WHOLE,
    ) -> None:
        """Prepare.

        Args:
            settings: The server's.
            ingest: Fills in, and is at rest for a copy.
            history: What is copied and read.
            reader: Gives whoever reads it a turn.
            clock: Measures pauses.
            condition: What the parts of this process say of themselves, as /readyz does.
            shard: What this process ingests; a part of a house copies nothing.
        """
        self._settings = settings
        self._ingest = ingest
        self._history = history
        self._reader = reader
        self._clock = clock
        self._condition = condition
        self._shard = shard
        self._copying = asyncio.Lock()
        self._visits: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until cancelled.

        Raises:
            StoreError: The socket cannot be made.
        """
        if self._shard.is_whole:
            await asyncio.to_thread(clear_staging, self._settings)
        loop = asyncio.get_running_loop()
        with listening(self._settings.data_dir, self._shard) as listener:
            try:
                while True:
                    end, _ = await loop.sock_accept(listener)
                    task = asyncio.create_task(self._serve(end), name="control")
                    self._visits.add(task)
                    task.add_done_callback(self._visits.discard)
            finally:
                for task in self._visits:
                    task.cancel()
                await asyncio.gather(*self._visits, return_exceptions=True)

    async def _serve(self, end: socket.socket) -> None:
        visit = _Visit()
        link = Link(answer=partial(self._answer, visit), hear=lambda _: None)
        try:
            await link.open(end)
            await link.run()
        finally:
            link.close()
            await self._release(visit)

    async def _answer(self, visit: "_Visit", frame: Frame) -> Frame:
        match frame.name:
            case "raw":
                read = partial(self._history.packed_raw, *frame.head["of"])
                return Frame("raw", {}, await self._reader.read(read, patience_s=_PATIENCE_S))
            case "fill_in":
                await self._fill_in(frame.body)
                return Frame("fill_in", {})
            case "copy" if self._shard.is_whole:
                return await self._copy(visit)
            case "condition":
                who = {"version": version("plantroom"), "pid": os.getpid()}
                return Frame("condition", {**who, **self._condition()})
            case "newest":
                at = await asyncio.to_thread(newest_stored, self._history)
                return Frame("newest", {"at": at})
            case name:
                raise InvalidError(
                    f"the server that runs does not know {name!r}: it is of another version"
                )

    async def _fill_in(self, body: bytes) -> None:
        batch = await asyncio.to_thread(unpack_batch, body)
        began_s = self._clock.monotonic_s()
        await asyncio.wrap_future(self._ingest.fill_in(batch))
        # Half of the time belongs to what gateways send.
        await self._clock.sleep(self._clock.monotonic_s() - began_s)

    async def _copy(self, visit: "_Visit") -> Frame:
        if self._copying.locked():
            raise ConflictError("another backup of this server is being made")
        await self._copying.acquire()
        visit.copies = True
        history = self._history if isinstance(self._history, DuckHistory) else None
        log.info("backup_begins")
        staged = await asyncio.to_thread(
            stage, self._settings, history, at_rest=self._at_rest, clock=self._clock
        )
        log.info("backup_copied", at_ms=staged.at_ms)
        return Frame("copy", staged._asdict())

    def _at_rest(self, work: Callable[[], T]) -> T:
        future = self._ingest.at_rest(work)
        try:
            return future.result(_REST_S)
        except TimeoutError as error:
            if not future.cancel():
                return future.result()
            raise StoreError(
                "no backup can be made now: what gateways have sent cannot be stored; see /readyz"
            ) from error
        except CancelledError as error:
            raise StoreError("the server is stopping") from error

    async def _release(self, visit: "_Visit") -> None:
        if visit.copies:
            visit.copies = False
            await asyncio.to_thread(clear_staging, self._settings)
            self._copying.release()


class _Visit:
    """What one connection has begun."""

    copies = False
