"""Time as a parameter; the only module of the agent that asks the machine for it."""

import asyncio
import time
import uuid
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final, Protocol

import structlog

TRUSTED_FROM_MS: Final = 1_704_067_200_000
"""2024-01-01: a clock that says less was never set."""

_LARGEST_STEP_MS: Final = 600_000
_JITTER_MS: Final = 100
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class Clock(Protocol):
    """Where time comes from."""

    def now_ms(self) -> int:
        """UTC milliseconds since 1970."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that never run backwards."""
        ...

    def sleep(self, seconds: float) -> Coroutine[Any, Any, None]:
        """Let that much of this clock's time pass."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now_ms(self) -> int:
        """UTC milliseconds since 1970."""
        return time.time_ns() // 1_000_000

    monotonic_s = staticmethod(time.monotonic)  # noqa: TID251 (this is the clock)

    def sleep(self, seconds: float) -> Coroutine[Any, Any, None]:
        """Sleep in real time."""
        return asyncio.sleep(seconds)  # noqa: TID251 (this is the clock)


class SteadyClock:
    """A clock whose UTC never runs backwards, for timestamps.

    When the machine's clock is set back by up to ten minutes (a coarse NTP correction), this one
    goes on at half speed until it is true again: order and intervals survive, and what is newer
    never looks older. Set back by more, the truth wins at once; the step is logged each way.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # As they are, without a call in between: each request asks fourteen times.
        self.monotonic_s = clock.monotonic_s
        self.sleep = clock.sleep
        self._last_ms = 0
        self._slowed_from: tuple[int, float] | None = None

    def now_ms(self) -> int:
        """UTC milliseconds since 1970, never less than before but for a large step."""
        true_ms = self._clock.now_ms()
        if true_ms >= self._last_ms:
            self._last_ms = true_ms
            self._slowed_from = None
            return true_ms
        return self._behind(true_ms)

    def _behind(self, true_ms: int) -> int:
        back_ms = self._last_ms - true_ms
        if back_ms > _LARGEST_STEP_MS:
            structlog.get_logger().error("clock_stepped_back", by_s=back_ms / 1000, held=False)
            self._last_ms, self._slowed_from = true_ms, None
            return true_ms
        now_s = self._clock.monotonic_s()
        if self._slowed_from is None:
            if back_ms > _JITTER_MS:
                structlog.get_logger().warning("clock_stepped_back", by_s=back_ms / 1000, held=True)
            self._slowed_from = (self._last_ms, now_s)
        from_ms, from_s = self._slowed_from
        self._last_ms = max(self._last_ms, from_ms + int((now_s - from_s) * 500))
        return self._last_ms


def boot_id() -> str:
    """Return the name of the machine's present run, from power on to power off."""
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except OSError:
        return str(uuid.uuid4())
