"""One look into the history at a time, and half of the time for what stores."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from server.core.clock import Clock
from server.core.errors import StoreError
from server.history.patience import waited_for

T = TypeVar("T")
_LONGEST_REST_S = 1.0


class RationedReader:
    """Gives everybody who reads a turn; DuckDB takes every core for one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="history-reader")
        self._turn = asyncio.Lock()

    async def read(self, work: Callable[[], T], *, patience_s: float) -> T:
        """Return what ``work`` returns; it runs in the readers' thread.

        Args:
            work: Reads.
            patience_s: Longest wait for the turn and the answer; then the work ends as well.

        Raises:
            StoreError: The turn comes too late, or the work raises it.
        """
        loop = asyncio.get_running_loop()
        asked_s = self._clock.monotonic_s()

        def waiting() -> T:
            with waited_for(self._clock, asked_s + patience_s):
                return work()

        await self._turn.acquire()
        began_s = self._clock.monotonic_s()
        try:
            if began_s - asked_s > patience_s:
                raise StoreError("the history has too much to do: this question is out of date")
            return await loop.run_in_executor(self._thread, waiting)
        finally:
            # Half of the time belongs to what stores.
            took_s = self._clock.monotonic_s() - began_s
            loop.call_later(min(took_s, _LONGEST_REST_S), self._turn.release)

    def close(self) -> None:
        """Take no more; may be repeated."""
        self._thread.shutdown(wait=False, cancel_futures=True)
