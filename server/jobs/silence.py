"""Looks for points that have been silent for too long."""

import asyncio

import structlog

from server.chain import Chain
from server.core.clock import Clock
from server.core.errors import StoreError

log = structlog.get_logger()


class SilenceSweep:
    """Asks the chain to judge silence, again and again."""

    def __init__(self, chain: Chain, clock: Clock, *, interval_s: float = 2.0) -> None:
        self._chain = chain
        self._clock = clock
        self._interval_s = interval_s
        self._failing = False

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            try:
                await asyncio.to_thread(self._chain.on_silence)
                if self._failing:
                    log.info("silence_sweep_running_again")
                self._failing = False
            except StoreError as error:
                if not self._failing:
                    log.warning("silence_sweep_stopped", error=str(error))
                self._failing = True
            await self._clock.sleep(self._interval_s)
