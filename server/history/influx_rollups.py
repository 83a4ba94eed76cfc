"""Roll-ups in InfluxDB: made every hour out of readings, used as far as nothing came late.

An hour is rolled up when it has been over for a while. Whatever is written of it later comes with a
line in the same write, before it, that says that the hour does not count; it is made anew the next
time. So what is killed at any moment leaves parts that are right, or are not used (ADR-60).
"""

import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager

from server.history.base import Bucket
from server.history.influx_connection import InfluxConnection
from server.history.influx_parts import (
    CAME_LATE,
    COUNTS,
    MIXED,
    all_known_statements,
    by_series,
    first_statement,
    hours_of,
    known_statements,
    late_line,
    part_line,
    parts_from,
    parts_statement,
    rolled_line,
    rolled_of,
)
from server.history.line_protocol import SERIES
from server.history.parts import Part, Plan, Rolled, part_of, planned
from server.history.places import PLACES, Instant
from server.history.rollups import DENSE
from server.history.shared import Span
from server.history.slices import DAY_MS, HOUR_MS, MINUTE_MS, Slices

Summarise = Callable[[Span, int, int], list[Bucket] | None]
_GRACE_MS = 2 * MINUTE_MS
"""Most readings have come by then."""
_AT_ONCE_MS, _MOST_MS = 4 * DAY_MS, 128 * DAY_MS
_MANY = 20_000
"""So much of a series is asked for in one question: more as long as these are few readings."""
_NOTHING = Rolled(0, 0, 0)


class InfluxRollups:
    """Makes parts, and answers from them. Written by one thread, maintained by another."""

    def __init__(self, connection: InfluxConnection, summarise: Summarise) -> None:
        """Prepare.

        Args:
            connection: To the bucket.
            summarise: Has InfluxDB summarise readings (span, where a slice begins, its width);
                None: only the readings say what they are.
        """
        self._connection = connection
        self._summarise = summarise
        self._writing = threading.Lock()
        """Held while readings are written, and while parts are."""
        self._rolled: dict[int, Rolled] | None = None
        self._begun: dict[int, tuple[int, int]] = {}
        """From when until when each series is rolled up, or is about to be."""
        self._own: set[int] = set()
        self._touched: set[Instant] = set()
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Let what is under way end soon."""
        self._stopping.set()

    @contextmanager
    def writing(self, instants: Iterable[Instant]) -> Generator[list[str]]:
        """Give the lines that go before readings; they are written while this is open.

        Raises:
            StoreError: It is not known now how far the series are rolled up.
        """
        with self._writing:
            self._know()
            hours = {(series, at - at % HOUR_MS) for series, at in instants}
            self._own.update(series for series, _ in hours)
            begun = self._begun
            late = [
                (series, hour)
                for series, hour in sorted(hours)
                if (of := begun.get(series)) is not None and of[0] <= hour < of[1]
            ]
            self._touched.update(late)
            yield [late_line(series, hour, CAME_LATE) for series, hour in late]

    def answers(self, spans: Sequence[Span], slices: Slices) -> list[tuple[Plan, list[Part]]]:
        """Return how each range is answered, and what there is of it in parts.

        Raises:
            StoreError: It cannot be read now.
        """
        statements = [known_statements(*span) for span in spans]
        said = self._connection.ask([one for pair in statements for one in pair])
        plans = [
            planned(
                slices, span.start_ms, span.end_ms, rolled_of(known) or _NOTHING, hours_of(late)
            )
            for span, known, late in zip(spans, said[::2], said[1::2], strict=True)
        ]
        there = [number for number, plan in enumerate(plans) if plan.inner[0] < plan.inner[1]]
        asked = [
            parts_statement(spans[number].series_id, plans[number].inner, slices)
            for number in there
        ]
        found = dict(zip(there, self._connection.ask(asked), strict=True))
        return [
            (
                plan,
                [
                    one
                    for one in parts_from(found.get(number, ()), slices)
                    if one.bucket.start not in plan.spoiled
                ],
            )
            for number, plan in enumerate(plans)
        ]

    def roll_up(self, now_ms: int, oldest_ms: int) -> None:
        """Roll up what is over of the series that have spoken since the start.

        Args:
            now_ms: UTC.
            oldest_ms: Nothing older is kept, UTC ms.

        Raises:
            StoreError: The rest is read as it is until the next call.
        """
        with self._writing:
            self._know()
            own = sorted(self._own)
        until = (now_ms - _GRACE_MS) // HOUR_MS * HOUR_MS
        self._make_anew(own)
        for series in own:
            self._roll_up(series, until, oldest_ms)

    def _know(self) -> None:
        if self._rolled is None:
            known, _ = self._connection.ask(all_known_statements())
            found = {series: rolled_of(some) for series, some in by_series(known).items()}
            self._rolled = {series: one for series, one in found.items() if one is not None}
            self._begun = {series: (one.since, one.until) for series, one in self._rolled.items()}

    def _roll_up(self, series: int, until: int, oldest_ms: int) -> None:
        """Add what comes after that which is rolled up, then what is before it, by pieces."""
        known, length = self._known(series, until), _AT_ONCE_MS
        at = known.until
        while at < until and not self._stopping.is_set():
            end = min(at + length, until)
            length = _next_length(length, self._add(series, at, end))
            at = end
        (found,) = self._connection.ask(
            [first_statement(Span(series, max(oldest_ms, 0), known.since), SERIES)]
        )
        first = min((row[0] // PLACES for one in found for row in one.values), default=known.since)
        oldest, at, length = first // HOUR_MS * HOUR_MS, known.since, _AT_ONCE_MS
        while at > oldest and not self._stopping.is_set():
            start = max(at - length, oldest)
            length = _next_length(length, self._add(series, start, at))
            at = start

    def _known(self, series: int, until: int) -> Rolled:
        return (self._rolled or {}).get(series) or Rolled(until, until, until)

    def _add(self, series: int, start: int, end: int) -> int:
        """Roll up whole hours right before or after what there is; return how many readings."""
        known = self._known(series, end)
        rolled = Rolled(min(start, known.since), max(end, known.until), known.minutes)
        with self._writing:
            self._begun[series] = rolled.since, rolled.until
            self._touched.clear()
        hours = self._hours(series, start, end)
        most = max((one.count + one.bad_count for one in hours or ()), default=0)
        touches = start == known.until or known.minutes == known.since
        goes_on = known.minutes < known.until and touches
        begins = most >= DENSE * HOUR_MS // MINUTE_MS and touches
        minutes: list[Bucket] | None = None
        if goes_on or begins:
            rolled = rolled._replace(minutes=min(start, known.minutes))
            minutes = self._summaries(series, start, end, MINUTE_MS)
            hours = None if minutes is None else hours
        elif start == known.until:
            rolled = rolled._replace(minutes=rolled.until)
        self._write(series, (start, end), hours, minutes, rolled)
        return _MANY if hours is None else sum(one.count + one.bad_count for one in hours)

    def _make_anew(self, own: Iterable[int]) -> None:
        """Roll up hours again of which something came late."""
        _, late = self._connection.ask(all_known_statements())
        found = by_series(late)
        for series in own:
            known = (self._rolled or {}).get(series)
            for hour in hours_of(found.get(series, ())) if known is not None else ():
                if self._stopping.is_set():
                    return
                with self._writing:
                    self._touched.clear()
                end = hour + HOUR_MS
                hours = self._hours(series, hour, end)
                has_minutes = known is not None and hour >= known.minutes
                minutes = self._summaries(series, hour, end, MINUTE_MS) if has_minutes else []
                hours = None if minutes is None else hours
                self._write(series, (hour, end), hours, minutes, None)

    def _hours(self, series: int, start: int, end: int) -> list[Bucket] | None:
        return self._summaries(series, start, end, HOUR_MS)

    def _summaries(self, series: int, start: int, end: int, unit_ms: int) -> list[Bucket] | None:
        return self._summarise(Span(series, start, end), start, unit_ms)

    def _write(
        self,
        series: int,
        span: tuple[int, int],
        hours: list[Bucket] | None,
        minutes: list[Bucket] | None,
        rolled: Rolled | None,
    ) -> None:
        """Write parts, which hours do not count, and how far the series is rolled up now."""
        mixed = set(range(*span, HOUR_MS)) if hours is None else set[int]()
        lines: list[str] = []
        for unit, buckets in ((HOUR_MS, hours or ()), (MINUTE_MS, minutes or ())):
            for one in buckets:
                line = part_line(one, part_of(one).numbers, series=series, unit_ms=unit)
                if line is None:
                    mixed.add(one.start - one.start % HOUR_MS)
                else:
                    lines.append(line)
        said = dict.fromkeys(range(*span, HOUR_MS), COUNTS) if rolled is None else {}
        said |= dict.fromkeys(mixed, MIXED)
        with self._writing:
            # What came meanwhile has said by itself that its hour does not count.
            lines += [
                late_line(series, hour, why)
                for hour, why in sorted(said.items())
                if (series, hour) not in self._touched
            ]
            if rolled is not None:
                lines.append(rolled_line(series, rolled))
            self._connection.write(lines)
            if rolled is not None and self._rolled is not None:
                self._rolled[series] = rolled


def _next_length(length_ms: int, readings: int) -> int:
    return min(length_ms * 2, _MOST_MS) if readings < _MANY else _AT_ONCE_MS
