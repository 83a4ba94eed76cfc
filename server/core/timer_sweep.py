"""Runs what is due."""

from collections.abc import Callable, Mapping
from functools import partial

from server.core.clock import Clock
from server.core.isolation import ErrorIsolation
from server.core.records import Records
from server.core.sweep import Sweep
from server.core.timers import DueTimer, due_timers, postpone_timer

_FIRST_POSTPONE_MS = 10_000
_MOST_DOUBLINGS = 6

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
        before: Callable[[], object] = lambda: None,
        limit: int = 200,
        isolation: ErrorIsolation | None = None,
        mine: Callable[[DueTimer], bool] | None = None,
    ) -> None:
        """Prepare.

        Args:
            records: Where the timers are.
            handlers: By kind of timer.
            clock: Says what is due.
            interval_s: Between two sweeps, seconds.
            before: Called before each sweep.
            limit: Most timers of one sweep.
            isolation: Where what harms no other is kept.
            mine: Whether a timer is this process's; None: all are.
        """
        self._mine = mine
        self._before = before
        self._limit = limit
        self._records = records
        self._isolation = isolation or ErrorIsolation()
        self._bugs: dict[str, int] = {}
        self._handlers = handlers
        self._clock = clock
        self._sweep = Sweep(
            "timers", self.sweep, clock, interval_s=interval_s, isolation=self._isolation
        )

    @property
    def works(self) -> bool:
        """Whether the last look went well."""
        return self._sweep.works

    async def run(self) -> None:
        """Sweep until cancelled."""
        await self._sweep.run()

    def sweep(self) -> int:
        """Run what is due now; return how many there were.

        A timer whose handler meets a bug is due again later, ever more seldom, so that those
        behind it run.

        Raises:
            StoreError: The records cannot be reached; what was not run is still due.
        """
        self._before()
        due = self._due()
        for timer in due:
            with self._isolation.isolate_errors(
                "timer", timer=timer.key, timer_kind=timer.kind
            ) as met:
                self._handlers[timer.kind](timer)
            if met.error is None:
                self._bugs.pop(timer.key, None)
            else:
                self._postpone(timer)
        return len(due)

    def _due(self) -> list[DueTimer]:
        """Find what is due; what belongs to a process that is away hides nothing."""
        now, kinds = self._clock.now_ms(), tuple(self._handlers)
        find = partial(due_timers, now=now, kinds=kinds, limit=self._limit)
        page = self._records.read(find)
        if self._mine is None:
            return page
        mine = list(filter(self._mine, page))
        while len(page) == self._limit and len(mine) < self._limit:
            page = self._records.read(partial(find, after=page[-1]))
            mine += filter(self._mine, page)
        return mine

    def _postpone(self, timer: DueTimer) -> None:
        bugs = self._bugs.get(timer.key, 0)
        self._bugs[timer.key] = min(bugs + 1, _MOST_DOUBLINGS)
        due_at = self._clock.now_ms() + _FIRST_POSTPONE_MS * 2**bugs
        self._records.write(partial(postpone_timer, timer=timer, due_at=due_at))
