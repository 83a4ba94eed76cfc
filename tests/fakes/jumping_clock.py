"""A clock whose sleepers do not wait: time jumps to where they want to wake, up to a limit."""

import asyncio


class JumpingClock:
    """For one task that sleeps and works; hours pass in milliseconds."""

    def __init__(self, now_ms: int = 1_795_000_000_000) -> None:
        self._start_ms = now_ms
        self._elapsed_s = 0.0
        self._limit_s = 0.0
        self._parked = asyncio.Event()
        self._raised = asyncio.Event()

    def now_ms(self) -> int:
        return self._start_ms + round(self._elapsed_s * 1000)

    def monotonic_s(self) -> float:
        return self._elapsed_s

    async def sleep(self, seconds: float) -> None:
        wake_s = self._elapsed_s + max(0.0, seconds)
        while wake_s > self._limit_s:
            self._raised.clear()
            self._parked.set()
            await self._raised.wait()
        self._elapsed_s = max(self._elapsed_s, wake_s)
        turn = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(lambda: turn.done() or turn.set_result(None))
        await turn

    async def run_for(self, seconds: float) -> None:
        """Let that much time pass."""
        self._parked.clear()
        self._limit_s += seconds
        self._raised.set()
        await self._parked.wait()
        self._elapsed_s = self._limit_s
