"""What rules over several values remember of the history; looked up once, after a start."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from protocols.reading import Quality
from server.alarms.evaluation.conditions import WindowedCondition, advance, span_ms
from server.alarms.evaluation.judging import context_from
from server.alarms.evaluation.watches import RuleInstance, WatchRegister
from server.assets.series import Sample, Series
from server.history.base import LastValue, Row

StoredRows = Callable[[int, int, int], Iterable[Row]]
"""Stored readings of a series from one instant to before another, oldest first."""


def seed(entries: WatchRegister, values: Iterable[LastValue]) -> None:
    """Let expressions know what was in force before the first value comes."""
    for last in values:
        entry = entries.by_series.get(last.series_id)
        if entry is not None and entry.with_expression:
            entry.past.append(Sample(entry.series, last.value, last.quality, last.taken_at))


def warm_start(entries: WatchRegister, rows_of: StoredRows, *, now: int) -> None:
    """Take stored readings into the windows; the alarms saw them before they were stored."""
    for instance in entries.instances.values():
        condition = instance.rule.windowed
        if condition is not None:
            _fill(entries, instance, condition, rows_of, now=now)


def _fill(
    entries: WatchRegister,
    instance: RuleInstance,
    condition: WindowedCondition,
    rows_of: StoredRows,
    *,
    now: int,
) -> None:
    start = now - 2 * span_ms(condition)
    unit = entries.units[instance.series.equipment_id]
    read = {
        name: unit.entries[name] for name in sorted(instance.rule.reads) if name in unit.entries
    }
    # Before its first reading in the window the newest value of back then was in force.
    known = {
        name: sample
        for name, entry in read.items()
        if (sample := entry.value_before()) is not None and sample.taken_at < start
    }
    own = [_samples(entry.series, rows_of, start, now) for entry in read.values()]
    others = (
        [] if instance.series.name in read else [_samples(instance.series, rows_of, start, now)]
    )
    for sample in heapq.merge(*own, *others, key=lambda one: one.taken_at):
        if sample.series.name in read:
            known[sample.series.name] = sample
        if sample.series is instance.series:
            _remember(instance, condition, sample, enabled=_enabled(instance, known))


def _samples(series: Series, rows_of: StoredRows, start: int, now: int) -> Iterator[Sample]:
    for row in rows_of(series.id, start, now + 1):
        yield Sample(series, row.value, row.quality, row.taken_at)


def _enabled(instance: RuleInstance, known: Mapping[str, Sample]) -> bool:
    return context_from(instance.rule, known.get).enabled is True


def _remember(
    instance: RuleInstance, condition: WindowedCondition, sample: Sample, *, enabled: bool
) -> None:
    memory, window, at = instance.memory, None, sample.taken_at
    if enabled and sample.quality is Quality.GOOD:
        hold_ms = instance.series.max_silence_ms
        window = advance(condition, memory.window, sample.value, at=at, hold_ms=hold_ms)
    instance.memory = replace(memory, window=window, seen_at=max(memory.seen_at, at))
