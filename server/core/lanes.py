"""Bounded lanes: so much at a time, so many waiting, and clients take turns."""

import asyncio
from collections import deque
from enum import StrEnum


class Full(StrEnum):
    """Why nobody more may wait."""

    CLIENT = "client"
    """This client has as many waiting as it may."""
    LANE = "lane"
    """All clients together have."""
    SLOW = "slow"
    """It has waited as long as makes sense."""


class LaneFullError(Exception):
    """There is no place in the lane; says whose fault that is."""

    def __init__(self, reason: Full) -> None:
        super().__init__(reason)
        self.reason = reason


class Lane:
    """Slots that clients take in turns; used in one event loop only.

    A client with many requests waits behind its own: whoever has none waiting is served after at
    most one of each other client.
    """

    def __init__(self, *, slots: int, per_client: int, waiting: int, longest_s: float) -> None:
        """Make a lane that nobody uses.

        Args:
            slots: How many are inside at a time.
            per_client: How many of one client may wait.
            waiting: How many may wait in all.
            longest_s: How long one may wait, seconds.
        """
        self._free = slots
        self._per_client = per_client
        self._most = waiting
        self._longest_s = longest_s
        self._queues: dict[str, deque[asyncio.Future[None]]] = {}
        """Who waits, by client; the client whose turn it is comes first."""
        self.waiting = 0

    async def enter(self, client: str) -> None:
        """Take a slot, after waiting for it if need be; give it back with ``leave``.

        Raises:
            LaneFullError: Too many wait, or it took too long.
        """
        if self._free and not self.waiting:
            self._free -= 1
            return
        queue = self._queues.get(client, ())
        if len(queue) >= self._per_client:
            raise LaneFullError(Full.CLIENT)
        if self.waiting >= self._most:
            raise LaneFullError(Full.LANE)
        await self._wait(client)

    def leave(self) -> None:
        """Give the slot to the next client in turn."""
        while self._queues:
            client = next(iter(self._queues))
            queue = self._queues.pop(client)
            future = queue.popleft()
            self.waiting -= 1
            if queue:
                self._queues[client] = queue
            if not future.done():
                future.set_result(None)
                return
        self._free += 1

    async def _wait(self, client: str) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(client, deque()).append(future)
        self.waiting += 1
        try:
            async with asyncio.timeout(self._longest_s):
                await future
        except (TimeoutError, asyncio.CancelledError) as error:
            if future.done() and not future.cancelled():
                self.leave()
            else:
                self._forget(client, future)
            if isinstance(error, TimeoutError):
                raise LaneFullError(Full.SLOW) from error
            raise

    def _forget(self, client: str, future: asyncio.Future[None]) -> None:
        queue = self._queues.get(client)
        if queue is not None and future in queue:
            queue.remove(future)
            self.waiting -= 1
            if not queue:
                del self._queues[client]
