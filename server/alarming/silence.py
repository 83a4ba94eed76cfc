"""Looks for points that have been silent for too long."""

from collections.abc import Callable

import structlog

from server.alarming.pipeline import AlarmPipeline
from server.core.clock import Clock
from server.core.sweep import Sweep

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
        pipeline: AlarmPipeline,
        clock: Clock,
        *,
        interval_s: float = 2.0,
        hears: Callable[[], bool] = lambda: True,
    ) -> None:
        self._pipeline = pipeline
        self._clock = clock
        self._interval_s = interval_s
        self._hears = hears
        self._deaf_sweeps = 0
        self._is_deaf = False
        # A start is as deaf as a lost connection: who came back meanwhile has to say so first.
        self._is_listening = False
        self._patient_until_s = clock.monotonic_s() + _GRACE_S

    async def run(self) -> None:
        """Sweep until cancelled."""
        await Sweep("silence", self.sweep, self._clock, interval_s=self._interval_s).run()

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
                self._pipeline.on_deaf()
                self._is_deaf = True
            return
        self._deaf_sweeps = 0
        if now_s < self._patient_until_s:
            return
        if self._is_deaf:
            self._pipeline.on_hearing_again()
        elif not self._is_listening:
            self._pipeline.on_listening()
        self._is_deaf, self._is_listening = False, True
        self._pipeline.on_silence()
