"""Feeds one piece of equipment's stored readings to a rule, as the ingest and the chain would.

Hours in which no value leaves the band that the engine leaves alone are never read: the history
summarises them. What an hour brings is therefore exact, and most hours cost nothing.
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from protocols.reading import Quality, Value
from server.alarms.evaluation.engine import AlarmEngine
from server.alarms.evaluation.step import Step
from server.assets.series import Sample, Series
from server.history.base import Bucket, HistoryReader, read_all

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
_PAGE = 10_000
"""Readings of one query; the history keeps other threads waiting while it hands them over."""


class Onset(NamedTuple):
    """The rule would have raised an alarm."""

    equipment_id: int
    point_id: int
    at: int
    until: int | None
    """When it would have returned; None: it would still be on."""
    value: Value


class ReplayClock:
    """The time of the reading that is being replayed."""

    def __init__(self, now: int) -> None:
        self.now = now

    def now_ms(self) -> int:
        """Return it, UTC ms."""
        return self.now

    def monotonic_s(self) -> float:
        """Return it in seconds."""
        return self.now / 1000

    async def sleep(self, seconds: float) -> None:
        """Let it pass at once."""
        self.now += round(seconds * 1000)


class Replay:
    """One piece of equipment; remembers what is raised."""

    def __init__(
        self,
        engine: AlarmEngine,
        clock: ReplayClock,
        history: HistoryReader,
        series: Sequence[Series],
        *,
        sweeps: bool,
    ) -> None:
        self.readings = 0
        self._engine = engine
        self._clock = clock
        self._history = history
        self._series = series
        self._sweeps = sweeps
        self._end = 0
        self._heard = False
        self._onsets: list[Onset] = []
        self._open: dict[tuple[str, int], int] = {}
        self._pending: dict[str, tuple[int, str, int, int]] = {}

    def run(self, start: int, end: int, *, most: int) -> Iterator[int]:
        """Replay ``start <= taken_at < end``; yield after each page up to when it is done.

        With more than ``most`` readings it begins later; the first thing yielded is when.
        """
        self._end = end
        hours = [self._hours(one, start, end) for one in self._series]
        begin = _begin(hours, start, end, most=most)
        yield begin
        at = begin
        while at < end:
            ahead = min(_next_hour(at, start), end)
            slices = [of_one.get((at - start) // HOUR_MS) for of_one in hours]
            if self._quiet(slices):
                self._skip(slices)
                at = ahead
            else:
                # Where one hour is not quiet the next ones of its day rarely are.
                midnight = (at // DAY_MS + 1) * DAY_MS
                at, before = min(_next_hour(midnight - 1, start), end), at
                yield from self._read(before, at)
        self._pass_time(end)

    def onsets(self) -> list[Onset]:
        """Return what was found."""
        return self._onsets

    def _hours(self, series: Series, start: int, end: int) -> dict[int, Bucket]:
        number = max(1, -(-(end - start) // HOUR_MS))
        # A slice is exactly an hour; the last one may reach beyond the end.
        whole = start + number * HOUR_MS
        rows = self._history.buckets(series.id, start, whole, number)
        return {(row.start - start) // HOUR_MS: row for row in rows}

    def _quiet(self, slices: Sequence[Bucket | None]) -> bool:
        if self._sweeps:
            return False
        return all(
            one is None
            or (
                not one.bad_count
                and one.minimum is not None
                and one.maximum is not None
                and series.no_change_low <= one.minimum
                and one.maximum <= series.no_change_high
            )
            for one, series in zip(slices, self._series, strict=True)
        )

    def _skip(self, slices: Sequence[Bucket | None]) -> None:
        for one, series in zip(slices, self._series, strict=True):
            if one is not None:
                self.readings += one.count
                series.last_at, series.last_value = one.end - 1, one.last
                series.last_quality = Quality.GOOD

    def _read(self, start: int, end: int) -> Iterator[int]:
        sources = [self._rows(one, start, end) for one in self._series]
        merged = heapq.merge(*sources, key=lambda sample: sample.taken_at)
        if len(sources) == 1 and not self._sweeps:
            fed = self._feed_alone(merged)
        else:
            fed = self._feed_together(merged)
        for number, at in enumerate(fed, start=1):
            if number % _PAGE == 0:
                yield at
        yield end

    def _feed_alone(self, samples: Iterator[Sample]) -> Iterator[int]:
        for sample in samples:
            self.readings += 1
            if not _is_quiet(sample):
                self._feed([sample])
            yield sample.taken_at

    def _feed_together(self, samples: Iterator[Sample]) -> Iterator[int]:
        for group in _instants(samples):
            self.readings += len(group)
            self._feed(group)
            yield group[0].taken_at

    def _feed(self, samples: Sequence[Sample]) -> None:
        at = samples[0].taken_at
        self._pass_time(at)
        loud = [sample for sample in samples if not _is_quiet(sample)]
        for sample in samples:
            series = sample.series
            series.last_at, series.last_value = at, sample.value
            series.last_quality, series.seen_at = sample.quality, at
        self._heard = True
        if loud:
            self._take(self._engine.evaluate(loud))

    def _rows(self, series: Series, start: int, end: int) -> Iterator[Sample]:
        newest = 0
        for row in read_all(self._history, series.id, start, end, page=_PAGE):
            at = row.taken_at
            further = at if at == newest else 0
            yield Sample(series, row.value, row.quality, at, before_at=further)
            newest = at

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
        # Before its first reading a point may not have been there.
        if self._sweeps and (self._heard or until >= self._end):
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


def _is_quiet(sample: Sample) -> bool:
    """Return whether the ingest would keep this one away from the rules."""
    value, series = sample.value, sample.series
    if sample.quality is not Quality.GOOD or not isinstance(value, int | float):
        return False
    return series.no_change_low <= value <= series.no_change_high


def _next_hour(at: int, start: int) -> int:
    return start + ((at - start) // HOUR_MS + 1) * HOUR_MS


def _begin(hours: Sequence[Mapping[int, Bucket]], start: int, end: int, *, most: int) -> int:
    """Return the earliest hour from which there are at most ``most`` readings."""
    left = most
    for index in range(max(0, -(-(end - start) // HOUR_MS) - 1), -1, -1):
        found = [one[index] for one in hours if index in one]
        left -= sum(one.count + one.bad_count for one in found)
        if left < 0:
            return min(start + (index + 1) * HOUR_MS, end)
    return start


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
