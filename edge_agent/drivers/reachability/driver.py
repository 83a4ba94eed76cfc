"""Hosts as the polling sees them: one is asked after the other, the silent ones together.

A host that is not there costs the whole wait, and a switch without power takes fifty with it. So
whoever is asked and does not answer at once is not waited for alone: where a host falls silent,
all others are looked at meanwhile; where it was silent before, the silent ones are. When their turn
comes their outcome is there, with its own time.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Final, NamedTuple, Self, TypeAlias

from config.ports import ReachabilityPort
from edge_agent.clock import Clock
from edge_agent.drivers.base import AtOnce, Reply
from edge_agent.drivers.reachability.planner import ProbeQuestion
from edge_agent.errors import CommandError

_AT_ONCE_S: Final = 0.05
"""A host of the same network answers within this time."""
_MOST_AT_ONCE: Final = 64
"""Probes that run at the same time: each has a socket."""
_KEPT: Final = 2.0
"""Times the longest wait: how long an outcome waits for its question."""


class Outcome(NamedTuple):
    """What a probe came to.

    Attributes:
        is_there: Whether the host answered.
        took_s: To its answer, or all that it was waited for, seconds.
    """

    is_there: bool
    took_s: float


Look: TypeAlias = Callable[[str, ProbeQuestion], Awaitable[Outcome]]
"""Asks one host; raises DriverError when it cannot be asked."""

_Place: TypeAlias = tuple[str, ProbeQuestion]


class ReachabilityDriver(AtOnce):
    """Asks hosts; see ``Driver`` for what it promises.

    Args:
        port: Its settings.
        look: Asks one host.
        clock: Time.
    """

    def __init__(self, port: ReachabilityPort, *, look: Look, clock: Clock) -> None:
        self._kept_s = _KEPT * port.longest_s
        self._look = look
        self._clock = clock
        self._places = asyncio.Semaphore(_MOST_AT_ONCE)
        self._under_way: dict[_Place, asyncio.Task[Reply]] = {}
        self._found: dict[_Place, tuple[float, Reply]] = {}
        self._was_there: dict[_Place, bool] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._found.clear()

    async def ask(self, unit: str, question: ProbeQuestion, *, timeout_s: float) -> Reply:
        """Look whether a host is there; the reply carries 1 or 0 and microseconds.

        Silence is an answer here, after the port's own time: ``timeout_s`` does not count.
        """
        del timeout_s
        place = (unit, question)
        found = self._take(place)
        if found is not None:
            return found
        task = self._under_way.get(place)
        if task is None:
            task = self._begin(place)
            done, _ = await asyncio.wait({task}, timeout=_AT_ONCE_S)
            if not done:
                self._look_at_others(place)
        # Whoever gives up the question does not end the probe.
        await asyncio.wait({task})
        self._found.pop(place, None)
        return task.result()

    async def tell(
        self, unit: str, target: str, values: Sequence[int], *, timeout_s: float
    ) -> Reply:
        """Refuse: no point of a host is written."""
        del values, timeout_s
        raise CommandError(f"host {unit}: {target} cannot be written")

    def _take(self, place: _Place) -> Reply | None:
        """Return, once, an outcome that waits for its question and is not too old."""
        fresh = self._is_fresh(place)
        _, reply = self._found.pop(place, (0.0, None))
        return reply if fresh else None

    def _is_fresh(self, place: _Place) -> bool:
        """Whether an outcome waits for its question and is not too old."""
        found_s, _ = self._found.get(place, (float("-inf"), None))
        return self._clock.monotonic_s() - found_s <= self._kept_s

    def _look_at_others(self, place: _Place) -> None:
        fell_silent = self._was_there.get(place, True)
        for other, was_there in list(self._was_there.items()):
            wanted = other != place and (fell_silent or not was_there)
            if wanted and other not in self._under_way and not self._is_fresh(other):
                self._begin(other)

    def _begin(self, place: _Place) -> asyncio.Task[Reply]:
        self._was_there.setdefault(place, True)
        name = f"probe {place[0]} {place[1].probe}"
        task = asyncio.create_task(self._probe(place), name=name)
        self._under_way[place] = task
        task.add_done_callback(lambda done: self._over(place, done))
        return task

    async def _probe(self, place: _Place) -> Reply:
        async with self._places:
            outcome = await self._look(*place)
        values = (int(outcome.is_there), round(outcome.took_s * 1e6))
        return Reply(values, self._clock.now_ms(), outcome.took_s)

    def _over(self, place: _Place, task: asyncio.Task[Reply]) -> None:
        del self._under_way[place]
        # What went wrong is raised where it is asked for; nobody may have asked.
        if not task.cancelled() and task.exception() is None:
            reply = task.result()
            self._was_there[place] = bool(reply.values[0])
            self._found[place] = (self._clock.monotonic_s(), reply)
