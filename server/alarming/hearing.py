"""Whether the server hears what gateways say, and whether its clock goes on as time does."""

import threading
from collections.abc import Callable

import structlog

from server.alarms.evaluation.engine import AlarmEngine
from server.core.clock import Clock

_LEAP_S = 5.0
"""Further ahead than the time that has passed: the machine stood still, or was set ahead."""
log = structlog.get_logger()


class Hearing:
    """Tells the alarm engine when it may have missed something; asked before every sweep."""

    def __init__(self, engine: AlarmEngine, clock: Clock, *, hears: Callable[[], bool]) -> None:
        self._engine = engine
        self._clock = clock
        self._hears = hears
        self._lock = threading.Lock()
        self._heard = True
        self._ahead_s = self._wall_ahead_s()

    def look(self) -> bool:
        """Return whether the server hears; from any thread."""
        with self._lock:
            ahead_s = self._wall_ahead_s()
            leapt_s, self._ahead_s = ahead_s - self._ahead_s, ahead_s
            heard, self._heard = self._heard, self._hears()
            if leapt_s > _LEAP_S:
                log.warning("clock_leapt", seconds=round(leapt_s, 1))
            if leapt_s > _LEAP_S or (heard and not self._heard):
                self._engine.doubt(leapt=leapt_s > _LEAP_S)
            if leapt_s > _LEAP_S or (self._heard and not heard):
                self._engine.hear_again()
            return self._heard

    def _wall_ahead_s(self) -> float:
        return self._clock.now_ms() / 1000 - self._clock.monotonic_s()
