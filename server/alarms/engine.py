"""Runs the rules over samples, in event time, once per reading.

The engine only proposes: a ``Step`` holds what follows from the samples and becomes the engine's
memory by ``commit``, after the records hold it. So memory never claims what the database lacks.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace

from config.classes import EquipmentClass
from protocols.reading import Quality
from server.alarms.conditions import EVERYTHING
from server.alarms.judging import enabled_now, judge_sample, known_normal_at, newest
from server.alarms.late import settle_late
from server.alarms.memory import Memory, Seen, expire, judge
from server.alarms.rules import Rule, compile_rules
from server.alarms.step import LATE_SETTLE_MS, Step
from server.alarms.watch import Post, Unit, Watch
from server.assets.series import CONNECTION, Sample, Series
from server.core.clock import Clock

STARTUP_GRACE_MS = 60_000
"""Silence is not judged so long after a start: the readings may have waited for the server."""


class AlarmEngine:
    """The rules of all equipment, attached to the series that the registry announces.

    Callers hold ``lock`` from ``evaluate`` to ``commit``.
    """

    def __init__(self, classes: Mapping[str, EquipmentClass], clock: Clock) -> None:
        self.lock = threading.RLock()
        self._clock = clock
        self._rules = compile_rules(classes.values())
        self._units: dict[int, Unit] = {}
        self._posts: dict[int, Post] = {}
        self._watches: dict[tuple[str, int], Watch] = {}
        self._silences: dict[tuple[str, int], Watch] = {}
        self._restored: Mapping[tuple[str, int], Memory] = {}
        self._started_at = clock.now_ms()
        self._late_at = 0

    def attach(self, series: Series, *, equipment_class: str) -> None:
        """Watch a series of equipment of that class; repeating it changes nothing."""
        with self.lock:
            unit = self._unit(series.equipment_id, equipment_class)
            known = unit.posts.get(series.name)
            if known is not None and known.series is series:
                return
            rules = self._rules.get(equipment_class, [])
            post = Post(series)
            unit.posts[series.name] = post
            post.watches = [
                self._watch(rule, series) for rule in rules if rule.point == series.name
            ]
            self._posts[series.id] = post
            if post.watches or any(rule.enabled_while for rule in rules):
                unit.connect()

    def restore(self, memories: Mapping[tuple[str, int], Memory]) -> None:
        """Take over what the records hold, for series attached before and after."""
        with self.lock:
            self._restored = memories
            for key, watch in self._watches.items():
                watch.memory = memories.get(key, Memory())
            for post in self._posts.values():
                post.set_band()

    def connections(self) -> list[Series]:
        """Return the connection series that a rule watches."""
        with self.lock:
            posts = self._posts.values()
            return [
                post.series for post in posts if post.series.name == CONNECTION and post.watches
            ]

    def evaluate(self, samples: Sequence[Sample]) -> Step:
        """Propose what follows from the samples."""
        step = Step(self._clock.now_ms())
        guarded: list[Sample] = []
        for sample in samples:
            if sample.late:
                self._late_at = step.now
            post = self._posts.get(sample.series.id)
            if post is None:
                continue
            step.touched.add(sample.series.id)
            for watch in post.plain:
                judge_sample(step, watch, sample, at=sample.taken_at)
            if post.guarded:
                guarded.append(sample)
            if sample.quality is Quality.GOOD and not sample.late:
                step.looked[sample.series] = sample.value
        if guarded:
            self._judge_guarded(step, guarded)
        return step

    def expire(self, rule: str, point_id: int, *, since: int) -> Step | None:
        """Propose what follows from the end of a delay; None when nothing watches there."""
        watch = self._watches.get((rule, point_id))
        if watch is None:
            return None
        step = Step(self._clock.now_ms())
        memory, flips = expire(watch.memory, since=since)
        step.memories[watch] = memory
        step.add_flips(watch, flips)
        return step

    def settle(self, rule: str, point_id: int) -> Step | None:
        """Propose the end of a late run; None when nobody watches or late values still come."""
        watch = self._watches.get((rule, point_id))
        now = self._clock.now_ms()
        if watch is None or now - self._late_at < LATE_SETTLE_MS:
            return None
        step = Step(now)
        normal_at = known_normal_at(watch, enabled=True)
        memory, finding, flips = settle_late(
            watch.memory, normal_at=normal_at, delays=watch.delays, now=now
        )
        step.memories[watch] = memory
        step.add_late(watch, finding)
        step.add_flips(watch, flips)
        return step

    def silence(self) -> Step:
        """Propose alarms for points that are silent, or not good, for too long."""
        step = Step(self._clock.now_ms())
        earliest = self._started_at + STARTUP_GRACE_MS
        for watch in self._silences.values():
            after = watch.after_ms
            memory = watch.memory
            if after is None or memory.active or memory.pending is not None:
                continue
            series = watch.series
            since = series.seen_at if memory.bad_since is None else memory.bad_since
            if step.now - max(since, earliest) <= after:
                continue
            silent_at = series.last_at + after if series.last_at else step.now
            at = min(max(silent_at, memory.changed_at + 1), step.now)
            seen = Seen(at, series.last_value, Quality.STALE)
            held, flips = judge(
                replace(memory, held=True), seen, condition=True, delays=watch.delays
            )
            step.memories[watch] = held
            step.add_flips(watch, flips)
        return step

    def commit(self, step: Step) -> None:
        """Make the step the truth and tell the ingest which values may be skipped from now on."""
        touched = step.touched
        for watch, memory in step.memories.items():
            watch.memory = memory
            touched.add(watch.series.id)
        for series, value in step.looked.items():
            self._posts[series.id].looked = value
        for series_id in touched:
            self._posts[series_id].set_band()

    def _unit(self, equipment_id: int, equipment_class: str) -> Unit:
        unit = self._units.get(equipment_id)
        if unit is not None and unit.equipment_class == equipment_class:
            return unit
        self._units[equipment_id] = Unit(equipment_class)
        if unit is not None:
            self._move(unit, equipment_class)
        return self._units[equipment_id]

    def _move(self, unit: Unit, equipment_class: str) -> None:
        """The equipment was born again with another class: other rules watch its points."""
        for post in unit.posts.values():
            for watch in post.watches:
                self._watches.pop(watch.key, None)
                self._silences.pop(watch.key, None)
            del self._posts[post.series.id]
            post.series.quiet_low, post.series.quiet_high = EVERYTHING
            self.attach(post.series, equipment_class=equipment_class)

    def _watch(self, rule: Rule, series: Series) -> Watch:
        watch = Watch(rule, series)
        watch.memory = self._restored.get(watch.key, watch.memory)
        self._watches[watch.key] = watch
        if rule.judged_by_silence:
            self._silences[watch.key] = watch
        return watch

    def _judge_guarded(self, step: Step, samples: Sequence[Sample]) -> None:
        """Judge what one message says about one instant together: its points changed at once."""
        groups: dict[tuple[int, int, bool], dict[str, Sample]] = {}
        for sample in samples:
            key = (sample.series.equipment_id, sample.taken_at, sample.late)
            groups.setdefault(key, {})[sample.series.name] = sample
        news: dict[tuple[int, bool], dict[str, Sample]] = {}
        for (equipment_id, at, late), group in groups.items():
            known = news.setdefault((equipment_id, late), {})
            known.update(group)
            unit = self._units[equipment_id]
            watches = {watch: None for name in group for watch in unit.posts[name].guarded}
            for watch in watches:
                name = watch.series.name
                sample = known.get(name) or newest(watch.series)
                enabled = enabled_now(watch.rule, unit, known, late_at=at if late else None)
                own = name in group
                if own or not late or sample.taken_at <= at:
                    judge_sample(
                        step, watch, sample._replace(late=late), at=at, enabled=enabled, own=own
                    )
