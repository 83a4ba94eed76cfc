"""One linkage while it runs: its conditions, its state, and what was last reported of it."""

from collections.abc import Mapping, Sequence

import structlog

from config.gateway import ResolvedDevice
from config.interlock import Place
from edge_agent.clock import Clock
from edge_agent.commands.interlocks import Latest
from edge_agent.health import Health
from edge_agent.linkages.condition import Condition, Judged
from edge_agent.linkages.device import NOT_SEEN_YET, SILENCE_S, readings_of
from edge_agent.linkages.state import LinkageState, State
from edge_agent.polling.sink import ReadingSink
from protocols.reading import Reading

log = structlog.get_logger()

_REPORTED_AGAIN_S = SILENCE_S * 0.8


class Linked:
    """A linkage of the running agent.

    Attributes:
        name: Of the linkage, and of the device that stands for it.
        state: Its state machine.
        judged: What its condition is now, or why that is not known.
    """

    def __init__(
        self,
        name: str,
        state: LinkageState,
        *,
        devices: Mapping[str, ResolvedDevice],
        latest: Latest,
        sink: ReadingSink,
        health: Health,
        clock: Clock,
    ) -> None:
        self.name = name
        self.judged = Judged(None, NOT_SEEN_YET)
        self.state = state
        linkage = state.linkage
        health.linkage_known.labels(name).set(0)
        self._when = Condition(linkage.when, devices, max_age_s=linkage.max_age_s)
        self._reset = (
            Condition(linkage.reset, devices, max_age_s=linkage.max_age_s)
            if linkage.reset is not None
            else None
        )
        self._latest = latest
        self._sink = sink
        self._health = health
        self._clock = clock
        self._blind = False
        self._seen: dict[Place, int] = {}
        self._reported: dict[str, Reading] = {}
        self._reported_s = clock.monotonic_s()

    @property
    def devices(self) -> frozenset[str]:
        """The devices whose readings it looks at."""
        conditions = (self._when, *([self._reset] if self._reset else []))
        return frozenset(place.device for one in conditions for place in one.places)

    @property
    def longest_age_s(self) -> float:
        """How old any reading may be that its condition is judged by, seconds."""
        return max(self._when.max_age_s.values())

    def take(self, device: str, readings: Sequence[Reading]) -> bool:
        """Look at new readings of a device; return whether a run is to begin."""
        here = {reading.point: reading for reading in readings}
        news = [place for place in self._when.places if place.device == device]
        times = [self._followed(place, here[place.point]) for place in news if place.point in here]
        if not times:
            # Perhaps the condition of the reset is about them.
            return self.look()
        now_ms, now_s = self._clock.now_ms(), self._clock.monotonic_s()
        self._judge(now_ms)
        due = self.state.seen(
            truth=self.judged.truth,
            at_s=now_s - max(0, now_ms - max(times)) / 1000,
            gap_s=self.longest_age_s,
            now_s=now_s,
            now_ms=now_ms,
        )
        self._look_at_reset(now_ms)
        self.report(max(times))
        return due

    def look(self) -> bool:
        """See what time alone changes: a reading that is too old now; nothing begins by that."""
        now_ms = self._clock.now_ms()
        self._judge(now_ms)
        if self.judged.truth is None:
            self.state.truth = None
            self.state.broken()
        self._look_at_reset(now_ms)
        self.report(now_ms)
        return False

    def report(self, seen_at: int) -> None:
        """Publish what is different now, and now and then all of it.

        Args:
            seen_at: Time of what the condition was judged by, UTC ms.
        """
        now_s = self._clock.monotonic_s()
        again = now_s - self._reported_s >= _REPORTED_AGAIN_S
        why = self.judged.why or ("" if self.state.truth is not None else NOT_SEEN_YET)
        news = [
            reading
            for reading in readings_of(self.state, why, self._clock.now_ms(), seen_at)
            if again or self._is_news(reading)
        ]
        if again:
            self._reported_s = now_s
        if news:
            self._reported.update((reading.point, reading) for reading in news)
            self._sink.publish(self.name, news)

    def last_of(self, point: str) -> Reading | None:
        """Return what was last reported of a point."""
        return self._reported.get(point)

    def status(self) -> dict[str, object]:
        """Return what ``/status`` says of it."""
        memory = self.state.memory
        return {
            "id": self.name,
            "armed": self.state.linkage.armed,
            "state": self.state.state.value,
            "latched": memory.latched,
            "condition": self.judged.truth,
            "why_unknown": self.judged.why,
            "runs": memory.runs,
            "last_run": memory.began_at,
            "results": list(memory.results),
        }

    def _is_news(self, reading: Reading) -> bool:
        last = self._reported.get(reading.point)
        return last is None or last._replace(taken_at=0) != reading._replace(taken_at=0)

    def _followed(self, place: Place, reading: Reading) -> int:
        """Return the time of a reading; one long after that before it breaks the delay."""
        before = self._seen.get(place, reading.taken_at)
        self._seen[place] = reading.taken_at
        if reading.taken_at - before > 1000 * self._when.max_age_s[place]:
            self.state.broken()
        return reading.taken_at

    def _judge(self, now_ms: int) -> None:
        before = self.judged
        self.judged = self._when.judge(self._latest, now_ms)
        known = self.judged.truth is not None
        self._health.linkage_known.labels(self.name).set(known)
        if not known and before.truth is not None:
            self._blind = True
            log.warning("linkage_condition_unknown", linkage=self.name, why=self.judged.why)
        elif known and self._blind:
            self._blind = False
            log.info("linkage_condition_known", linkage=self.name, truth=self.judged.truth)

    def _look_at_reset(self, now_ms: int) -> None:
        if self._reset is None or not self.state.memory.latched:
            return
        if self._reset.judge(self._latest, now_ms).truth is True:
            self.state.release()
            if self.state.memory.state is State.READY:
                log.info("linkage_reset", linkage=self.name, by="its condition")
