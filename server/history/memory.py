"""A history without a disk: for tests, and the plainest statement of what a history does."""

from collections.abc import Iterable, Sequence

from protocols.reading import Quality
from server.history.base import Batch, Bucket, LastValue, Readings, Row, Trend
from server.history.slices import Slices, exact_slices
from server.history.summary import buckets_of
from server.history.trends import pack_readings, pack_trends, readings_of_all, trend_of

DAY_MS = 86_400_000


class MemoryHistory:
    """Keeps rows in dictionaries; durable as long as the process."""

    def __init__(self, *, retention_days: int = 1825) -> None:
        self._rows: dict[int, dict[int, list[Row]]] = {}
        self._latest: dict[int, list[Row]] = {}
        self._retention_days = retention_days

    def append(self, batch: Batch) -> None:
        """Store what is not there yet."""
        columns = (batch.series, batch.taken_at, batch.values, batch.quality, batch.reason)
        for index, row_values in enumerate(zip(*columns, strict=True)):
            series, taken_at, value, quality, reason = row_values
            row = Row(taken_at, value, Quality(quality), reason)
            stored = self._rows.setdefault(series, {}).setdefault(taken_at, [])
            # In Python True is 1 and 1 is 1.0.
            same = sum(one == row and type(one.value) is type(value) for one in stored)
            if same <= batch.nth.get(index, 0):
                stored.append(row)
            if series not in self._latest or taken_at >= self._latest[series][-1].taken_at:
                self._latest[series] = stored

    def buckets(self, series_id: int, start_ms: int, end_ms: int, buckets: int) -> list[Bucket]:
        """Summarise a range in equal slices."""
        return self._slices(series_id, exact_slices(start_ms, end_ms, buckets))

    def raw(self, series_id: int, start_ms: int, end_ms: int, limit: int) -> list[Row]:
        """Return the first rows of a range, oldest first."""
        return self._range(series_id, start_ms, end_ms)[:limit]

    def trends(
        self, series: Sequence[int], slices: Slices, figures: Sequence[str]
    ) -> dict[int, Trend]:
        """Summarise several series."""
        found = {one: self._slices(one, slices) for one in series}
        return {one: trend_of(some, slices, figures) for one, some in found.items() if some}

    def packed_trends(self, series: Sequence[int], slices: Slices, figures: Sequence[str]) -> bytes:
        """Summarise several series, in bytes."""
        return pack_trends(self.trends(series, slices, figures), figures)

    def readings(
        self, series: Sequence[int], start_ms: int, end_ms: int, limit: int
    ) -> dict[int, Readings]:
        """Return readings of several series."""
        return readings_of_all(self.raw, series, start_ms, end_ms, limit)

    def packed_readings(
        self, series: Sequence[int], start_ms: int, end_ms: int, limit: int
    ) -> bytes:
        """Return readings of several series, in bytes."""
        return pack_readings(self.readings(series, start_ms, end_ms, limit))

    def last_values(self) -> Iterable[LastValue]:
        """Return the newest row of every series."""
        for series, rows in self._latest.items():
            for row in rows:
                yield LastValue(series, row.value, row.quality, row.taken_at, row.reason)

    def maintain(self, now_ms: int) -> None:
        """Forget whole days beyond the retention."""
        oldest = (now_ms // DAY_MS - self._retention_days) * DAY_MS
        for series, rows in list(self._rows.items()):
            self._rows[series] = {at: row for at, row in rows.items() if at >= oldest}

    def close(self) -> None:
        """Nothing to let go of."""

    def _slices(self, series_id: int, slices: Slices) -> list[Bucket]:
        rows = self._range(series_id, slices.start_ms, slices.end_ms)
        return buckets_of(rows, start_ms=slices.first_ms, width=slices.width_ms)

    def _range(self, series_id: int, start_ms: int, end_ms: int) -> list[Row]:
        rows = self._rows.get(series_id, {})
        return [row for at in sorted(rows) if start_ms <= at < end_ms for row in rows[at]]
