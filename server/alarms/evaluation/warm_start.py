"""What rules over several values remember of the history; looked up once, after a start."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from protocols.reading import Quality
from server.alarms.evaluation.judging import look_around
from server.alarms.evaluation.rule_instance import Watch
from server.alarms.evaluation.watches import Posts
from server.alarms.evaluation.windows import TracedCondition, advance, span_ms
from server.assets.series import Sample, Series
from server.history.base import LastValue, Row

Recall = Callable[[int, int, int], Iterable[Row]]
"""Stored readings of a series from one instant to before another, oldest first."""


def seed(posts: Posts, values: Iterable[LastValue]) -> None:
    """Let expressions know what was in force before the first value comes."""
    for last in values:
        post = posts.by_series.get(last.series_id)
        if post is not None and post.guarded:
            post.past.append(Sample(post.series, last.value, last.quality, last.taken_at))


def recall(posts: Posts, rows_of: Recall, *, now: int) -> None:
    """Take stored readings into the traces; the alarms saw them before they were stored."""
    for watch in posts.watches.values():
        condition = watch.rule.traced
        if condition is not None:
            _recall(posts, watch, condition, rows_of, now=now)


def _recall(
    posts: Posts, watch: Watch, condition: TracedCondition, rows_of: Recall, *, now: int
) -> None:
    start = now - 2 * span_ms(condition)
    unit = posts.units[watch.series.equipment_id]
    read = {name: unit.posts[name] for name in sorted(watch.rule.reads) if name in unit.posts}
    # Before its first reading in the window the newest value of back then was in force.
    known = {
        name: sample
        for name, post in read.items()
        if (sample := post.value_before()) is not None and sample.taken_at < start
    }
    own = [_samples(post.series, rows_of, start, now) for post in read.values()]
    others = [] if watch.series.name in read else [_samples(watch.series, rows_of, start, now)]
    for sample in heapq.merge(*own, *others, key=lambda one: one.taken_at):
        if sample.series.name in read:
            known[sample.series.name] = sample
        if sample.series is watch.series:
            _remember(watch, condition, sample, enabled=_enabled(watch, known))


def _samples(series: Series, rows_of: Recall, start: int, now: int) -> Iterator[Sample]:
    for row in rows_of(series.id, start, now + 1):
        yield Sample(series, row.value, row.quality, row.taken_at)


def _enabled(watch: Watch, known: Mapping[str, Sample]) -> bool:
    return look_around(watch.rule, known.get).enabled is True


def _remember(watch: Watch, condition: TracedCondition, sample: Sample, *, enabled: bool) -> None:
    memory, trace, at = watch.memory, None, sample.taken_at
    if enabled and sample.quality is Quality.GOOD:
        hold_ms = watch.series.max_silence_ms
        trace = advance(condition, memory.trace, sample.value, at=at, hold_ms=hold_ms)
    watch.memory = replace(memory, trace=trace, seen_at=max(memory.seen_at, at))
