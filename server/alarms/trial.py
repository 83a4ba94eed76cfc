"""Tries a rule on stored history: the same engine, over the readings of the past.

What people would have done is not known, so each onset counts as an alarm of its own and every
order as finished when the alarm returned.
"""

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from config.classes import AlarmRule, EquipmentClass
from protocols.reading import Quality, Value
from server.alarms.engine import STARTUP_GRACE_MS, AlarmEngine
from server.alarms.rulebook import RuleBook
from server.alarms.rules import compile_rule
from server.alarms.step import Step
from server.assets.series import Sample, Series
from server.history.base import Row

PAGE = 50_000
MOST_READINGS = 2_000_000
"""Of all equipment together; a trial that needs more says that it was cut short."""

Raw = Callable[[int, int, int, int], Sequence[Row]]
"""(series, start, end, limit) to stored readings, oldest first."""


class TrialPoint(NamedTuple):
    """A point of the equipment on which the rule is tried."""

    id: int
    key: str
    name: str
    equipment_id: int
    max_silence_ms: int | None


class Onset(NamedTuple):
    """The rule would have raised an alarm."""

    equipment_id: int
    point_id: int
    at: int
    until: int | None
    """When it would have returned; None: it would still be on."""
    value: Value


@dataclass(slots=True)
class Trial:
    """What came of it."""

    readings: int = 0
    onsets: list[Onset] = field(default_factory=list[Onset])
    cut_short_at: int | None = None
    """Instant up to which it was tried when there were too many readings."""


class _Clock:
    """The time of the reading that is being looked at."""

    def __init__(self, now: int) -> None:
        self.now = now

    def now_ms(self) -> int:
        return self.now

    def monotonic_s(self) -> float:
        return self.now / 1000

    async def sleep(self, seconds: float) -> None:
        self.now += round(seconds * 1000)


def needed_points(kind: EquipmentClass, name: str, rule: AlarmRule) -> frozenset[str]:
    """Return the names of the points that the rule looks at."""
    made = compile_rule(kind, name, rule)
    return made.reads | {made.point}


def try_rule(
    kind: EquipmentClass,
    name: str,
    rule: AlarmRule,
    *,
    points: Sequence[TrialPoint],
    raw: Raw,
    start: int,
    end: int,
    most: int = MOST_READINGS,
) -> Trial:
    """Run the rule over what the points reported in ``start <= at < end``."""
    tried = kind.model_copy(update={"rules": {name: _switched_on(rule)}})
    clock = _Clock(start - STARTUP_GRACE_MS)
    engine = AlarmEngine(RuleBook({kind.equipment_class: tried}), clock)
    series = {point.id: _series(point) for point in points}
    for one in series.values():
        engine.attach(one, equipment_class=kind.equipment_class)
    replay = _Replay(engine, clock, sweeps=compile_rule(tried, name, rule).judged_by_silence)
    trial = Trial()
    sources = [_rows(raw, one, start, end) for one in series.values()]
    for samples in _instants(heapq.merge(*sources, key=lambda sample: sample.taken_at)):
        trial.readings += len(samples)
        if trial.readings > most:
            trial.cut_short_at = samples[0].taken_at
            break
        replay.feed(samples)
    replay.finish(trial.cut_short_at or end)
    trial.onsets = replay.onsets()
    return trial


def _switched_on(rule: AlarmRule) -> AlarmRule:
    """Return the rule as it would be when it is on."""
    return rule.model_copy(update={"enabled": True, "mode": "announce"})


class _Replay:
    """Feeds samples as the chain would and remembers what is raised."""

    def __init__(self, engine: AlarmEngine, clock: _Clock, *, sweeps: bool) -> None:
        self._engine = engine
        self._clock = clock
        self._sweeps = sweeps
        self._onsets: list[Onset] = []
        self._open: dict[tuple[str, int], int] = {}
        self._pending: dict[str, tuple[int, str, int, int]] = {}

    def feed(self, samples: Sequence[Sample]) -> None:
        at = samples[0].taken_at
        self._pass_time(at)
        for sample in samples:
            series = sample.series
            series.last_at, series.last_value = at, sample.value
            series.last_quality, series.seen_at = sample.quality, at
        self._take(self._engine.evaluate(samples))

    def finish(self, at: int) -> None:
        self._pass_time(at)

    def onsets(self) -> list[Onset]:
        return sorted(self._onsets, key=lambda onset: onset.at)

    def _pass_time(self, until: int) -> None:
        """Run the delays that are over before ``until``, and look for silence."""
        while self._pending:
            key, (due_at, rule, point_id, since) = min(
                self._pending.items(), key=lambda item: item[1][0]
            )
            if due_at > until:
                break
            del self._pending[key]
            self._clock.now = max(self._clock.now, due_at)
            step = self._engine.expire(rule, point_id, since=since)
            if step is not None:
                self._take(step)
        self._clock.now = max(self._clock.now, until)
        if self._sweeps:
            self._take(self._engine.silence())

    def _take(self, step: Step) -> None:
        for timer in step.timers():
            self._pending.pop(timer.key, None)
            if timer.due_at is not None:
                load: Mapping[str, object] = timer.payload
                rule, point, since = load["rule"], load["point_id"], load["at"]
                if isinstance(rule, str) and isinstance(point, int) and isinstance(since, int):
                    self._pending[timer.key] = timer.due_at, rule, point, since
        for change in step.transitions:
            series = change.series
            key = change.rule.id, series.id
            if change.kind == "raised":
                self._open[key] = len(self._onsets)
                self._onsets.append(
                    Onset(series.equipment_id, series.id, change.at, None, change.value)
                )
            elif change.kind == "returned" and key in self._open:
                index = self._open.pop(key)
                self._onsets[index] = self._onsets[index]._replace(until=change.at)
        self._engine.commit(step)


def _series(point: TrialPoint) -> Series:
    return Series(
        point.id,
        key=point.key,
        name=point.name,
        equipment_id=point.equipment_id,
        max_silence_ms=point.max_silence_ms,
    )


def _rows(raw: Raw, series: Series, start: int, end: int) -> Iterator[Sample]:
    while True:
        rows = raw(series.id, start, end, PAGE)
        for row in rows:
            yield Sample(series, row.value, Quality(row.quality), row.taken_at)
        if len(rows) < PAGE:
            return
        start = rows[-1].taken_at + 1


def _instants(samples: Iterator[Sample]) -> Iterator[list[Sample]]:
    """Group what was read at one instant: the points of one message changed together."""
    group: list[Sample] = []
    for sample in samples:
        if group and sample.taken_at != group[0].taken_at:
            yield group
            group = []
        group.append(sample)
    if group:
        yield group
