"""How much of the machine comparing passwords may cost."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class BusyError(Exception):
    """Too many passwords wait to be compared."""


class PasswordLane:
    """Compares and hashes passwords one after the other, in a thread of its own.

    One hash takes some 20 ms of a core and 19 MiB, so a flood of logins must not have them all at
    once. Beyond ``waiting`` the next ones are refused; known browsers may wait beyond that.
    """

    def __init__(self, *, waiting: int = 16, known: int = 32) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="passwords")
        self._limits = (waiting, known)
        self._waiting = 0

    def refuse_when_full(self, *, known: bool = False) -> None:
        """Refuse before anything is done for who would have to wait.

        Raises:
            BusyError: Too many wait already.
        """
        if self._waiting >= self._limits[known]:
            raise BusyError

    async def run(self, work: Callable[[], T], *, known: bool = False) -> T:
        """Run ``work`` when its turn comes.

        Raises:
            BusyError: Too many wait already.
        """
        self.refuse_when_full(known=known)
        self._waiting += 1
        future = self._thread.submit(work)
        future.add_done_callback(self._count_down(asyncio.get_running_loop()))
        return await asyncio.wrap_future(future)

    def _count_down(self, loop: asyncio.AbstractEventLoop) -> Callable[[object], None]:
        def done() -> None:
            self._waiting -= 1

        def tell(_future: object) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(done)

        return tell
