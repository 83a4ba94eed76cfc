"""The time series store as the rest of the server sees it.

Every implementation passes tests/contract/test_history_contract.py. A row is known by series,
instant, value, quality and reason: appending it again, in whatever order, stores nothing twice and
changes nothing. Several values of one instant are kept in the order in which they came (ADR-25).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from protocols.reading import Quality, Value
from server.history.slices import Slices


@dataclass(slots=True)
class Batch:
    """Readings in columns, in the order in which they arrived."""

    series: list[int] = field(default_factory=list[int])
    taken_at: list[int] = field(default_factory=list[int])
    values: list[Value] = field(default_factory=list[Value])
    quality: list[int] = field(default_factory=list[int])
    reason: list[str] = field(default_factory=list[str])
    nth: dict[int, int] = field(default_factory=dict[int, int])
    """Of rows whose message said the same of the same instant before, with something else in
    between: how often. All others are the first."""

    def __len__(self) -> int:
        return len(self.series)

    def add(
        self,
        series_id: int,
        taken_at: int,
        value: Value,
        quality: int = Quality.GOOD,
        reason: str = "",
    ) -> None:
        """Append one reading."""
        self.series.append(series_id)
        self.taken_at.append(taken_at)
        self.values.append(value)
        self.quality.append(quality)
        self.reason.append(reason)

    def extend(self, other: "Batch") -> None:
        """Append the readings of another batch."""
        rows = len(self.series)
        self.nth.update((rows + row, nth) for row, nth in other.nth.items())
        self.series += other.series
        self.taken_at += other.taken_at
        self.values += other.values
        self.quality += other.quality
        self.reason += other.reason

    def clear(self) -> None:
        """Forget all readings."""
        for column in (self.series, self.taken_at, self.values, self.quality, self.reason):
            column.clear()
        self.nth.clear()


class Row(NamedTuple):
    """One stored reading of a series."""

    taken_at: int
    value: Value
    quality: Quality
    reason: str


class LastValue(NamedTuple):
    """The newest stored reading of a series."""

    series_id: int
    value: Value
    quality: Quality
    taken_at: int
    reason: str


class Bucket(NamedTuple):
    """A slice of time of one series; only slices that hold readings are given.

    Minimum to last are of the good values; whole numbers stay exact. Text has only first and last.
    """

    start: int
    end: int
    minimum: float | int | None
    average: float | None
    maximum: float | int | None
    first: Value
    last: Value
    count: int  # pyright: ignore[reportIncompatibleMethodOverride] (no list method is meant)
    """Good readings."""
    bad_count: int
    """Readings whose quality is not good."""


@dataclass(frozen=True, slots=True)
class Trend:
    """A series: slices that hold readings, oldest first, and a list as long for each figure.

    Attributes:
        slices: Their numbers, from 0 on.
        figures: By the name of the field of a bucket; None where no good reading says it.
    """

    slices: list[int]
    figures: dict[str, list[Value]]


@dataclass(frozen=True, slots=True)
class Readings:
    """Readings of a series in columns, oldest first."""

    taken_at: list[int]
    values: list[Value]
    qualities: list[int]
    reasons: list[str]


class HistoryReader(Protocol):
    """Where readings are looked up; from any thread."""

    def buckets(self, series_id: int, start_ms: int, end_ms: int, buckets: int) -> list[Bucket]:
        """Summarise ``start_ms <= taken_at < end_ms`` in at most ``buckets`` equal slices.

        Raises:
            StoreError: The store cannot be read now.
        """
        ...

    def raw(self, series_id: int, start_ms: int, end_ms: int, limit: int) -> list[Row]:
        """Return the first ``limit`` readings of ``start_ms <= taken_at < end_ms``, oldest first.

        Those of one instant are in the order in which they came.

        Raises:
            StoreError: The store cannot be read now.
        """
        ...

    def trends(
        self, series: Sequence[int], slices: Slices, figures: Sequence[str]
    ) -> dict[int, Trend]:
        """Summarise several series; one without readings in the range is left out.

        Args:
            series: Their ids.
            slices: The range, and how it is cut.
            figures: Fields of a bucket that are wanted, from ``minimum`` to ``bad_count``.

        Raises:
            StoreError: The store cannot be read now.
        """
        ...

    def readings(
        self, series: Sequence[int], start_ms: int, end_ms: int, limit: int
    ) -> dict[int, Readings]:
        """Return readings of several series; one without readings is left out.

        What is beyond the first ``limit`` readings, in the order of series and time, is left out.

        Raises:
            StoreError: The store cannot be read now.
        """
        ...

    def packed_trends(self, series: Sequence[int], slices: Slices, figures: Sequence[str]) -> bytes:
        """Like ``trends``, in Arrow's bytes; ``unpack_trends`` and ``trend_lists`` read them.

        Raises:
            StoreError: The store cannot be read now.
        """
        ...

    def packed_readings(
        self, series: Sequence[int], start_ms: int, end_ms: int, limit: int
    ) -> bytes:
        """Like ``readings``, in Arrow's bytes; ``unpack_readings`` and ``reading_lists`` read them.

        Raises:
            StoreError: The store cannot be read now.
        """
        ...


class History(HistoryReader, Protocol):
    """Where readings are kept. Reading is allowed from any thread, appending from one."""

    def append(self, batch: Batch) -> None:
        """Store the batch; it is durable when this returns.

        Raises:
            StoreError: Nothing of the batch is stored; trying again may help.
        """
        ...

    def last_values(self) -> Iterable[LastValue]:
        """Return the newest reading of every series.

        Those of one instant are all given, in the order in which they came: the last one counts.

        Raises:
            StoreError: The store cannot be read now.
        """
        ...

    def maintain(self, now_ms: int) -> None:
        """Seal past days and delete what is older than the retention; call it every hour or so.

        Raises:
            StoreError: It did not succeed; the next call tries again.
        """
        ...

    def close(self) -> None:
        """Let go of the store; may be repeated."""
        ...


def read_all(
    history: HistoryReader, series_id: int, start_ms: int, end_ms: int, *, page: int
) -> Iterator[Row]:
    """Yield all readings of a range, oldest first, some at a time.

    Raises:
        StoreError: The store cannot be read now.
    """
    passed = 0
    while True:
        rows = history.raw(series_id, start_ms, end_ms, page + passed)
        yield from rows[passed:]
        if len(rows) < page + passed:
            return
        start_ms, passed = after_page(rows)


def after_page(rows: list[Row]) -> tuple[int, int]:
    """Return where the next page begins: an instant, and how many readings of it were given.

    Args:
        rows: The page, not empty, from the first reading of an instant on.
    """
    at = rows[-1].taken_at
    return at, sum(row.taken_at == at for row in rows)
