"""Hourly care of the history: past days are sealed, what is too old is deleted."""

import asyncio

from structlog import get_logger

from server.core.clock import Clock
from server.core.errors import StoreError
from server.history.base import History

_INTERVAL_S = 3600.0
log = get_logger()


class Upkeep:
    """Asks the history to look after itself, again and again."""

    def __init__(self, history: History, clock: Clock, *, interval_s: float = _INTERVAL_S) -> None:
        self._history = history
        self._clock = clock
        self._interval_s = interval_s

    async def run(self) -> None:
        """Maintain until cancelled; a failure is tried again the next time."""
        while True:
            try:
                await asyncio.to_thread(self._history.maintain, self._clock.now_ms())
            except StoreError as error:
                log.warning("history_not_maintained", error=str(error))
            await self._clock.sleep(self._interval_s)
