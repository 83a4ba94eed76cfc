"""The time series store as the rest of the server sees it.

Every implementation passes tests/contract/test_history_contract.py. A row is known by
(series, taken_at): appending it again, in whatever order, stores nothing twice and changes nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from protocols.reading import Quality, Value


@dataclass(slots=True)
class Batch:
    """Readings in columns, in the order in which they arrived."""

    series: list[int] = field(default_factory=list[int])
    taken_at: list[int] = field(default_factory=list[int])
    values: list[Value] = field(default_factory=list[Value])
    quality: list[int] = field(default_factory=list[int])
    reason: list[str] = field(default_factory=list[str])

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


class History(Protocol):
    """Where readings are kept. Reading is allowed from any thread, appending from one."""

    def append(self, batch: Batch) -> None:
        """Store the batch; it is durable when this returns.

        Raises:
            StoreError: Nothing of the batch is stored; trying again may help.
        """
        ...

    def buckets(self, series_id: int, start_ms: int, end_ms: int, buckets: int) -> list[Bucket]:
        """Summarise ``start_ms <= taken_at < end_ms`` in at most ``buckets`` equal slices.

        Raises:
            StoreError: The store cannot be read now.
        """
        ...

    def raw(self, series_id: int, start_ms: int, end_ms: int, limit: int) -> list[Row]:
        """Return the first ``limit`` readings of ``start_ms <= taken_at < end_ms``, oldest first.

        Raises:
            StoreError: The store cannot be read now.
        """
        ...

    def last_values(self) -> Iterable[LastValue]:
        """Return the newest reading of every series.

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


def slice_width(start_ms: int, end_ms: int, buckets: int) -> int:
    """Return the width of a slice, ms; the last slice may reach beyond the end."""
    return max(1, -(-(end_ms - start_ms) // buckets))
