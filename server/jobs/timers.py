"""Runs what is due."""

from collections.abc import Callable, Mapping
from functools import partial

from server.core.clock import Clock
from server.core.records import Records
from server.core.timers import DueTimer, due_timers
from server.jobs.sweep import Sweep

Handler = Callable[[DueTimer], None]
"""Takes the timer and does its work in one transaction of its own; runs in a worker thread."""


class TimerSweep:
    """Looks for due rows, so a timer that was due while the server was down runs at once.

    Kinds without a handler here belong to a process with another role.
    """

    def __init__(
        self,
        records: Records,
        handlers: Mapping[str, Handler],
        clock: Clock,
        *,
        interval_s: float = 0.25,
    ) -> None:
        self._records = records
        self._handlers = handlers
        self._clock = clock
        self._interval_s = interval_s

    async def run(self) -> None:
        """Sweep until cancelled."""
        await Sweep("timers", self.sweep, self._clock, interval_s=self._interval_s).run()

    def sweep(self) -> int:
        """Run what is due now; return how many there were.

        Raises:
            StoreError: The records cannot be reached; what was not run is still due.
        """
        find = partial(due_timers, now=self._clock.now_ms(), kinds=tuple(self._handlers))
        due = self._records.read(find)
        for timer in due:
            self._handlers[timer.kind](timer)
        return len(due)
