"""Time as a parameter; the only module of the simulators that asks the machine for it."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Where time comes from."""

    def now_s(self) -> float:
        """UTC seconds since 1970; the plant's day curve follows it."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let that much of this clock's time pass."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now_s(self) -> float:
        """UTC seconds since 1970."""
        return time.time()  # noqa: TID251 (this is the clock)

    async def sleep(self, seconds: float) -> None:
        """Sleep in real time."""
        await asyncio.sleep(seconds)  # noqa: TID251 (this is the clock)
