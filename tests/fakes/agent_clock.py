"""A clock that stands still until it is told to go on."""

import asyncio


class FakeClock:
    """UTC starts in 2026 unless told otherwise; sleepers wake when ``advance`` passes them."""

    def __init__(self, now_ms: int = 1_795_000_000_000) -> None:
        self.utc_ms = now_ms
        self.elapsed_s = 1000.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now_ms(self) -> int:
        return self.utc_ms

    def monotonic_s(self) -> float:
        return self.elapsed_s

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            return
        done = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.elapsed_s + seconds, done))
        await done

    def advance(self, seconds: float) -> None:
        self.elapsed_s += seconds
        self.utc_ms += int(seconds * 1000)
        due = [entry for entry in self._sleepers if entry[0] <= self.elapsed_s]
        self._sleepers = [entry for entry in self._sleepers if entry[0] > self.elapsed_s]
        for _, done in sorted(due, key=lambda entry: entry[0]):
            if not done.done():
                done.set_result(None)
