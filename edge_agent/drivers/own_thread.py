"""Blocking calls of one port, in a thread that nothing else waits for."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from threading import Lock, Thread
from types import TracebackType
from typing import Any, Generic, TypeVar

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
            call: What to call.
            timeout_s: Longest wait for it and the one before it, seconds.
            unwanted: Takes the result of a call that ended after its timeout.

        Raises:
            TimeoutError: It goes on; its result is unwanted.
        """
        async with asyncio.timeout(timeout_s):
            await self._idle()
            begun = _Call(call, unwanted)
            try:
                return await asyncio.shield(self._begin(begun))
            except asyncio.CancelledError:
                begun.abandon()
                raise

    def start(self, call: Callable[[], object]) -> None:
        """Begin a call that only the next one waits for; the last one must be over."""
        self._begin(_Call(call, lambda _: None))

    async def wait(self, *, timeout_s: float) -> bool:
        """Wait until the last call is over, but not for ever; returns whether it is."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle()
        except TimeoutError:
            return False
        return True

    def _begin(self, call: "_Call[Result]") -> "asyncio.Future[Result]":
        waiting = asyncio.wrap_future(call.outcome)
        # The loop does not log what went wrong when it is not waited for.
        waiting.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._last = waiting
        Thread(target=call.work, daemon=True).start()
        return waiting

    async def _idle(self) -> None:
        while self._last is not None and not self._last.done():
            await asyncio.wait([self._last])


class _Call(Generic[Result]):
    """A call in its thread; what goes wrong, bugs included, is raised where it is awaited."""

    def __init__(self, call: Callable[[], Result], unwanted: Callable[[Result], object]) -> None:
        self.outcome: Future[Result] = Future()
        # What a thread has begun cannot be cancelled.
        self.outcome.set_running_or_notify_cancel()
        self._call = call
        self._unwanted = unwanted
        self._abandoned = False
        self._lock = Lock()

    def work(self) -> None:
        with _Outcome(self.outcome):
            result = self._call()
            with self._lock:
                if self._abandoned:
                    self._unwanted(result)
                self.outcome.set_result(result)

    def abandon(self) -> None:
        with self._lock:
            self._abandoned = True
            if self.outcome.done() and self.outcome.exception() is None:
                self._unwanted(self.outcome.result())


class _Outcome(AbstractContextManager["_Outcome"]):
    """Hands what goes wrong to the outcome."""

    def __init__(self, outcome: Future[Any]) -> None:
        self._outcome = outcome

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if error is not None:
            self._outcome.set_exception(error)
        return True
