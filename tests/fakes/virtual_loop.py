"""An event loop whose time jumps from one timer to the next; nothing on it may wait for I/O."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

_START_MS = 1_795_000_000_000

Result = TypeVar("Result")


class _Jump(selectors.SelectSelector):
    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            message = "everybody waits, and nothing will ever happen"
            raise RuntimeError(message)
        self.now_s += timeout
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Timers of the loop itself, ``call_later`` and ``asyncio.timeout`` included, cost no time."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)

    def time(self) -> float:
        return self._jump.now_s


class LoopClock:
    """The time of the running loop, for the agent and for the simulators."""

    def now_ms(self) -> int:
        return _START_MS + round(1000 * self.monotonic_s())

    def now_s(self) -> float:
        return self.monotonic_s()

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def run_virtually(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end; hours pass in milliseconds."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)
