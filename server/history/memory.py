"""A history without a disk: for tests, and the plainest statement of what a history does."""

from collections.abc import Iterable

from protocols.reading import Quality
from server.history.base import Batch, Bucket, LastValue, Row, slice_width
from server.history.summary import buckets_of

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
        width = slice_width(start_ms, end_ms, buckets)
        return buckets_of(self._range(series_id, start_ms, end_ms), start_ms=start_ms, width=width)

    def raw(self, series_id: int, start_ms: int, end_ms: int, limit: int) -> list[Row]:
        """Return the first rows of a range, oldest first."""
        return self._range(series_id, start_ms, end_ms)[:limit]

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

    def _range(self, series_id: int, start_ms: int, end_ms: int) -> list[Row]:
        rows = self._rows.get(series_id, {})
        return [row for at in sorted(rows) if start_ms <= at < end_ms for row in rows[at]]
