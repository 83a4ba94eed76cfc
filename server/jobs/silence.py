"""Looks for points that have been silent for too long."""

import asyncio
from collections.abc import Callable

import structlog

from server.chain import Chain
from server.core.clock import Clock
from server.core.errors import StoreError

_GRACE_S = 60.0
"""After the broker is back: the backlog and the births come first."""
_SURE = 2
"""So many sweeps without the broker are deafness; a start needs a moment to connect."""
log = structlog.get_logger()


class SilenceSweep:
    """Asks the chain to judge silence, again and again.

    While the server itself hears nothing, and shortly after, silence proves nothing.
    """

    def __init__(
        self,
        chain: Chain,
        clock: Clock,
        *,
        interval_s: float = 2.0,
        hears: Callable[[], bool] = lambda: True,
    ) -> None:
        self._chain = chain
        self._clock = clock
        self._interval_s = interval_s
        self._hears = hears
        self._deaf_sweeps = 0
        self._is_deaf = False
        self._patient_until_s = 0.0
        self._failing = False

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            try:
                await asyncio.to_thread(self.sweep)
                if self._failing:
                    log.info("silence_sweep_running_again")
                self._failing = False
            except StoreError as error:
                if not self._failing:
                    log.warning("silence_sweep_stopped", error=str(error))
                self._failing = True
            await self._clock.sleep(self._interval_s)

    def sweep(self) -> None:
        """Judge silence, unless it may be our own deafness.

        Raises:
            StoreError: Nothing changed; the next sweep does it.
        """
        now_s = self._clock.monotonic_s()
        if not self._hears():
            self._patient_until_s = now_s + _GRACE_S
            self._deaf_sweeps += 1
            if self._deaf_sweeps >= _SURE and not self._is_deaf:
                self._chain.on_deaf()
                self._is_deaf = True
            return
        self._deaf_sweeps = 0
        if now_s < self._patient_until_s:
            return
        if self._is_deaf:
            self._chain.on_hearing_again()
            self._is_deaf = False
        self._chain.on_silence()
