"""A clock for everything that waits: the machine's, but never backwards."""

import threading

from sqlalchemy import select
from sqlalchemy.orm import Session
from structlog import get_logger

from server.core.clock import Clock
from server.core.model import Event

_LONGEST_MS = 90_000_000
"""25 hours, more than a date that is set a day too early. A clock that is turned back by more was
wrong before: it is believed at once."""
_PACE = 0.9
"""Until the machine's clock has caught up, ten seconds take eleven."""
_STEP_MS = 1_000
log = get_logger()


class SteadyClock:
    """Follows the machine's clock; when that is turned back, goes on a little slower instead.

    What waits for an instant would otherwise wait for an hour when the clock is turned back by
    one. A jump ahead is followed at once (server/alarming/link_watch.py tells the alarms). ADR-19.
    """

    def __init__(self, wall: Clock) -> None:
        self.wall = wall
        """The machine's own; for what others check against theirs, as signatures."""
        self._lock = threading.Lock()
        self._wall_ms = wall.now_ms()
        self._at_s = wall.monotonic_s()
        self._steady_ms = float(self._wall_ms)

    def start(self, newest_ms: int, *, tolerance_ms: int = 0) -> None:
        """Go on where the process before this one was.

        Args:
            newest_ms: Time of the newest of what it stored, UTC ms.
            tolerance_ms: How far this may have been ahead of its clock. A clock that is behind by
                no more may be right, and is left alone.
        """
        with self._lock:
            ahead_ms = newest_ms - self._steady_ms
            if tolerance_ms < ahead_ms <= _LONGEST_MS:
                self._steady_ms = newest_ms

    def now_ms(self) -> int:
        """UTC milliseconds since 1970; from any thread."""
        with self._lock:
            wall_ms, at_s = self.wall.now_ms(), self.wall.monotonic_s()
            passed_ms = (at_s - self._at_s) * 1000
            back_ms = self._wall_ms + passed_ms - wall_ms
            if back_ms > _STEP_MS:
                log.warning("clock_turned_back", seconds=round(back_ms / 1000, 1))
            slow_ms = self._steady_ms + _PACE * passed_ms
            if slow_ms - wall_ms > _LONGEST_MS:
                slow_ms = wall_ms
            self._wall_ms, self._at_s = wall_ms, at_s
            self._steady_ms = max(float(wall_ms), slow_ms)
            return int(self._steady_ms)

    def monotonic_s(self) -> float:
        """Seconds that never run backwards."""
        return self.wall.monotonic_s()

    async def sleep(self, seconds: float) -> None:
        """Let that much of this clock's time pass."""
        await self.wall.sleep(seconds)


def newest_record(session: Session) -> int:
    """Return when the newest event was written, UTC ms; 0 when there is none."""
    return session.scalar(select(Event.at).order_by(Event.id.desc()).limit(1)) or 0
