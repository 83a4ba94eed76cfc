"""Runs the rules over samples, in event time, once per reading.

The engine only proposes: a ``Step`` holds what follows from the samples and becomes the engine's
memory by ``commit``, after the records hold it. So memory never claims what the database lacks.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from protocols.reading import Quality
from server.alarms.judging import (
    ALONE,
    Around,
    holds_now,
    judge_sample,
    known_normal_at,
    look_around,
    newest,
)
from server.alarms.late import settle_late
from server.alarms.memory import Memory, Seen, expire, judge
from server.alarms.posts import Posts
from server.alarms.rulebook import RuleBook
from server.alarms.step import LATE_SETTLE_MS, Step
from server.alarms.trace import advance, span_ms
from server.alarms.watch import Watch
from server.assets.series import Sample, Series
from server.core.clock import Clock
from server.history.base import Row

Recall = Callable[[int, int, int], Sequence[Row]]
"""Stored readings of a series from one instant to before another, oldest first."""

STARTUP_GRACE_MS = 60_000
"""Silence is not judged so long after a start: the readings may have waited for the server."""


class AlarmEngine:
    """The rules of all equipment, attached to the series that the registry announces.

    Callers hold ``lock`` from ``evaluate`` to ``commit``.
    """

    def __init__(self, book: RuleBook, clock: Clock) -> None:
        self.lock = threading.RLock()
        self._clock = clock
        self._posts = Posts(book)
        self._started_at = clock.now_ms()
        self._late_at: dict[str, int] = {}
        """When the last late value of each gateway came, server time."""
        self._unsettled: dict[Watch, bool] = {}
        """Whose rule was changed (True) or is gone, as long as that is not committed."""

    def attach(self, series: Series, *, equipment_class: str) -> None:
        """Watch a series of equipment of that class; repeating it changes nothing."""
        with self.lock:
            self._posts.attach(series, equipment_class=equipment_class)

    def restore(self, memories: Mapping[tuple[str, int], Memory]) -> None:
        """Take over what the records hold, for series attached before and after."""
        with self.lock:
            self._posts.restore(memories)

    def recall(self, rows_of: Recall) -> None:
        """Let rules over several values look at what the history holds; once, after a start."""
        now = self._clock.now_ms()
        with self.lock:
            for watch in self._posts.watches.values():
                condition = watch.rule.traced
                if condition is None:
                    continue
                start = now - 2 * span_ms(condition)
                for row in rows_of(watch.series.id, start, now + 1):
                    _remember(watch, row)

    def connections(self) -> list[Series]:
        """Return the connection series that a rule watches."""
        with self.lock:
            return self._posts.connections()

    def watched(self) -> set[tuple[str, int]]:
        """Return rule and point of everything that is watched."""
        with self.lock:
            return set(self._posts.watches)

    def reload(self, book: RuleBook) -> Step:
        """Apply other rules at once; propose what they find in the newest values.

        Open alarms stay open unless the newest value says otherwise or their rule is gone.
        """
        step = Step(self._clock.now_ms())
        changed, gone = self._posts.replace_rules(book)
        self._unsettled.update(dict.fromkeys(changed, True) | dict.fromkeys(gone, False))
        step.rules_changed = True
        for watch, stays in self._unsettled.items():
            step.touched.add(watch.series.id)
            if stays:
                step.promote(watch)
                self._judge_again(step, watch)
            else:
                step.withdraw(watch)
        return step

    def evaluate(self, samples: Sequence[Sample]) -> Step:
        """Propose what follows from the samples."""
        step = Step(self._clock.now_ms())
        guarded: list[Sample] = []
        for sample in samples:
            if sample.late:
                self._late_at[_gateway_of(sample.series)] = step.now
            post = self._posts.by_series.get(sample.series.id)
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
        watch = self._posts.watches.get((rule, point_id))
        if watch is None:
            return None
        step = Step(self._clock.now_ms())
        memory, flips = expire(watch.memory, since=since)
        step.memories[watch] = memory
        step.add_flips(watch, flips)
        return step

    def settle(self, rule: str, point_id: int) -> Step | None:
        """Propose the end of a late run; None when nobody watches or late values still come."""
        watch = self._posts.watches.get((rule, point_id))
        now = self._clock.now_ms()
        if watch is None:
            return None
        if now - self._late_at.get(_gateway_of(watch.series), 0) < LATE_SETTLE_MS:
            return None
        step = Step(now)
        normal_at = known_normal_at(watch, around=self._around(watch))
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
        for watch in self._posts.silences.values():
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

    def doubt_connections(self) -> Step:
        """Propose to stop the delays of lost connections."""
        step = Step(self._clock.now_ms())
        for watch in self._posts.of_connections():
            if watch.memory.pending is not None and not watch.memory.active:
                step.memories[watch] = replace(watch.memory, pending=None)
        return step

    def judge_connections(self) -> Step:
        """Propose what follows from connections that are lost now, as if that began now."""
        step = Step(self._clock.now_ms())
        for watch in self._posts.of_connections():
            memory, series = watch.memory, watch.series
            if memory.active or memory.pending is not None or series.last_value is not False:
                continue
            seen = Seen(max(step.now, memory.changed_at), series.last_value, series.last_quality)
            after, flips = judge(
                replace(memory, held=True), seen, condition=True, delays=watch.delays
            )
            step.memories[watch] = after
            step.add_flips(watch, flips)
        return step

    def commit(self, step: Step) -> None:
        """Make the step the truth and tell the ingest which values may be skipped from now on."""
        touched = step.touched
        if step.rules_changed:
            self._unsettled.clear()
        for watch, memory in step.memories.items():
            watch.memory = memory
            touched.add(watch.series.id)
        for series, value in step.looked.items():
            self._posts.by_series[series.id].looked = value
        for series_id in touched:
            self._posts.by_series[series_id].set_band()

    def _around(self, watch: Watch) -> Around:
        """Return what the other points say now."""
        if not watch.rule.reads:
            return ALONE
        unit = self._posts.units[watch.series.equipment_id]
        return look_around(watch.rule, unit, {}, late_at=None)

    def _judge_again(self, step: Step, watch: Watch) -> None:
        """Judge the newest value by a rule that has changed; it counts from its own instant."""
        series = watch.series
        if not series.last_at or watch.rule.judged_by_silence:
            return
        memory = watch.memory
        condition = holds_now(watch, memory, around=self._around(watch))
        if condition is None:
            return
        seen = Seen(max(series.last_at, memory.changed_at), series.last_value, series.last_quality)
        after, flips = judge(
            replace(memory, held=condition), seen, condition=condition, delays=watch.delays
        )
        step.memories[watch] = after
        step.retimed.add(watch)
        step.add_flips(watch, flips)

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
            unit = self._posts.units[equipment_id]
            watches = {watch: None for name in group for watch in unit.posts[name].guarded}
            for watch in watches:
                name = watch.series.name
                sample = known.get(name) or newest(watch.series)
                around = look_around(watch.rule, unit, known, late_at=at if late else None)
                own = name in group
                if own or not late or sample.taken_at <= at:
                    judge_sample(
                        step,
                        watch,
                        sample._replace(late=late),
                        at=at,
                        around=around,
                        present=self._around(watch) if late else around,
                        own=own,
                    )


def _gateway_of(series: Series) -> str:
    site, _, rest = series.key.partition("/")
    return f"{site}/{rest.partition('/')[0]}"


def _remember(watch: Watch, row: Row) -> None:
    """Take a stored reading into the trace; the alarms have seen it before it was stored."""
    condition, memory = watch.rule.traced, watch.memory
    if condition is None:
        return
    trace = None
    if row.quality is Quality.GOOD:
        hold_ms = watch.series.max_silence_ms
        trace = advance(condition, memory.trace, row.value, at=row.taken_at, hold_ms=hold_ms)
    seen_at = max(memory.seen_at, row.taken_at)
    watch.memory = replace(memory, trace=trace, seen_at=seen_at)
