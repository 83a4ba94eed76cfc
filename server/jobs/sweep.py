"""Work that is done again and again and finds by itself what there is to do."""

import asyncio
from collections.abc import Callable

import structlog

from server.core.clock import Clock
from server.core.errors import StoreError

log = structlog.get_logger()


class Sweep:
    """Calls a function in a worker thread at an interval; a failing store is said once."""

    def __init__(
        self, name: str, work: Callable[[], object], clock: Clock, *, interval_s: float
    ) -> None:
        self._name = name
        self._work = work
        self._clock = clock
        self._interval_s = interval_s
        self._failing = False

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            try:
                await asyncio.to_thread(self._work)
                if self._failing:
                    log.info("sweep_running_again", sweep=self._name)
                self._failing = False
            except StoreError as error:
                if not self._failing:
                    log.warning("sweep_stopped", sweep=self._name, error=str(error))
                self._failing = True
            await self._clock.sleep(self._interval_s)
