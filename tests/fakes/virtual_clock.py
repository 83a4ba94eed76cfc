"""A clock for many tasks: time jumps from one wake to the next as fast as the machine can."""

import asyncio
import heapq
from itertools import count

_TURNS = 8  # as many as the longest chain of tasks that wake each other needs


class VirtualClock:
    """Only for tasks that wait for this clock and nothing else, such as ports on a fake line."""

    def __init__(self, now_ms: int = 1_795_000_000_000) -> None:
        self._start_ms = now_ms
        self._elapsed_s = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()

    def now_ms(self) -> int:
        return self._start_ms + round(self._elapsed_s * 1000)

    def monotonic_s(self) -> float:
        return self._elapsed_s

    async def sleep(self, seconds: float) -> None:
        done = asyncio.get_running_loop().create_future()
        wake_s = self._elapsed_s + max(0.0, seconds)
        heapq.heappush(self._sleepers, (wake_s, next(self._order), done))
        await done

    async def run_for(self, seconds: float) -> None:
        """Let that much time pass, wake by wake."""
        until_s = self._elapsed_s + seconds
        await _settle()
        while self._sleepers and self._sleepers[0][0] <= until_s:
            wake_s, _, done = heapq.heappop(self._sleepers)
            if not done.done():
                self._elapsed_s = max(self._elapsed_s, wake_s)
                done.set_result(None)
                await _settle()
        self._elapsed_s = until_s


async def _settle() -> None:
    """Let whoever woke come to its next sleep."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)
