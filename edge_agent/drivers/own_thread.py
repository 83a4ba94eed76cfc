"""Blocking calls of one port, in a thread that nothing else waits for."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from threading import Thread
from types import TracebackType
from typing import Any, TypeVar

Result = TypeVar("Result")


class OwnThread:
    """One call at a time.

    A driver or a name server that hangs keeps this thread and no other: not the event loop, not
    another port, which the shared pool of asyncio would do, and not the end of the process.
    """

    def __init__(self) -> None:
        self._last: asyncio.Future[Any] | None = None

    async def run(
        self,
        call: Callable[[], Result],
        *,
        timeout_s: float,
        unwanted: Callable[[Result], object] = lambda _: None,
    ) -> Result:
        """Return what the call returns, or raise what it raises.

        Args:
            call: It.
            timeout_s: Longest wait for it and the one before it, seconds.
            unwanted: Takes the result of a call that ended when nobody waited for it any more.

        Raises:
            TimeoutError: It goes on, but nobody waits for it.
        """
        async with asyncio.timeout(timeout_s):
            await self._idle()
            outcome, waiting = self._begin(call)
            try:
                return await asyncio.shield(waiting)
            except asyncio.CancelledError:
                outcome.add_done_callback(lambda done: done.exception() or unwanted(done.result()))
                raise

    def start(self, call: Callable[[], object]) -> None:
        """Begin a call that nobody waits for but the next one; the last one must be over."""
        self._begin(call)

    async def wait(self, *, timeout_s: float) -> bool:
        """Wait until the last call is over, but not for ever; returns whether it is."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle()
        except TimeoutError:
            return False
        return True

    def _begin(self, call: Callable[[], Result]) -> tuple[Future[Result], "asyncio.Future[Result]"]:
        outcome: Future[Result] = Future()
        # Nobody can cancel what a thread has begun.
        outcome.set_running_or_notify_cancel()
        waiting = asyncio.wrap_future(outcome)
        # What went wrong is no news to the loop if nobody waits for it.
        waiting.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._last = waiting
        Thread(target=_work, args=(call, outcome), daemon=True).start()
        return outcome, waiting

    async def _idle(self) -> None:
        while self._last is not None and not self._last.done():
            await asyncio.wait([self._last])


class _Told(AbstractContextManager["_Told"]):
    """Hands what went wrong in the thread to whoever waits, bugs included."""

    def __init__(self, outcome: Future[Any]) -> None:
        self._outcome = outcome

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if error is not None:
            self._outcome.set_exception(error)
        return True


def _work(call: Callable[[], Result], outcome: Future[Result]) -> None:
    with _Told(outcome):
        outcome.set_result(call())
