"""Work that is done again and again and finds by itself what there is to do."""

import asyncio
from collections.abc import Callable

import structlog

from server.core.clock import Clock
from server.core.errors import StoreError
from server.core.isolation import ErrorIsolation

log = structlog.get_logger()

_BUG_PAUSE_S = 10.0
"""Longer than any interval: a traceback for each look would fill the disk."""


class Sweep:
    """Calls a function in a worker thread at an interval; a failing store is said once.

    A bug in one look does not stop the other sweeps; ``works`` says so until a look goes well.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], object],
        clock: Clock,
        *,
        interval_s: float,
        isolation: ErrorIsolation | None = None,
    ) -> None:
        self._name = name
        self._work = work
        self._clock = clock
        self._interval_s = interval_s
        self._isolation = isolation or ErrorIsolation()
        self._failing = False

    @property
    def works(self) -> bool:
        """Whether the last look went well."""
        return not self._failing

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            pause_s = self._interval_s
            try:
                with self._isolation.isolate_errors("sweep", sweep=self._name) as met:
                    await asyncio.to_thread(self._work)
                if met.error is not None:
                    pause_s = max(pause_s, _BUG_PAUSE_S)
                elif self._failing:
                    log.info("sweep_running_again", sweep=self._name)
                self._failing = met.error is not None
            except StoreError as error:
                if not self._failing:
                    log.warning("sweep_stopped", sweep=self._name, error=str(error))
                self._failing = True
            await self._clock.sleep(pause_s)
