"""What must not wait long, and whether it does: told by a metric, /readyz and once in the log."""

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Gauge
from structlog import get_logger

from server.core.clock import Clock

_INTERVAL_S = 1.0
log = get_logger()


class Lateness:
    """Parts that say since when their oldest work waits."""

    def __init__(self, clock: Clock, *, limit_s: float, metrics: CollectorRegistry) -> None:
        """Begin without parts.

        Args:
            clock: Paces the looks.
            limit_s: What waits longer is late, seconds.
            metrics: Where ``plantroom_late_seconds`` is shown.
        """
        self._clock = clock
        self._limit_s = limit_s
        self._parts: dict[str, Callable[[], float]] = {}
        self._late: set[str] = set()
        self._gauge = Gauge(
            "plantroom_late_seconds",
            "Since when the oldest work waits: alarm_chain - a message of a gateway for the "
            "evaluation of its values, outbox - a due message for being looked at.",
            ["part"],
            registry=metrics,
        )

    def watch(self, part: str, late_s: Callable[[], float]) -> Callable[[], bool]:
        """Watch a part; return the check that it is in time."""
        self._parts[part] = late_s
        self._gauge.labels(part).set_function(late_s)
        return lambda: late_s() <= self._limit_s

    def late_s(self) -> Mapping[str, float]:
        """Return since when the oldest work of each part that is late waits, seconds."""
        waits = {part: late_s() for part, late_s in self._parts.items()}
        return {part: round(age, 1) for part, age in waits.items() if age > self._limit_s}

    async def run(self) -> None:
        """Tell the log, once, when a part becomes late and when it is in time again."""
        while True:
            self.look()
            await self._clock.sleep(_INTERVAL_S)

    def look(self) -> None:
        """Look once."""
        late = self.late_s()
        for part, age in late.items():
            if part not in self._late:
                log.warning("late", part=part, seconds=age)
        for part in self._late - late.keys():
            log.info("in_time_again", part=part)
        self._late = set(late)
