"""The last value of every point, for any thread to read."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from protocols.reading import Quality, Value
from server.assets.registry import Registry
from server.assets.series import Series


class LastValue(NamedTuple):
    """The last value of a point."""

    point_id: int
    value: Value
    quality: Quality
    reason: str
    taken_at: int
    """UTC ms; 0 = never."""
    seen_at: int
    """When it arrived, UTC ms."""


# A point is late when it missed two of the reports that it owes.
_SILENCE_FACTOR = 2


def quality_now(
    last: LastValue, *, max_silence_ms: int | None, now: int, online: bool
) -> tuple[Quality, str]:
    """Return the quality of a last value and why; one that is overdue is stale, whatever it was."""
    if last.quality is not Quality.GOOD:
        return last.quality, last.reason
    if not online:
        return Quality.STALE, "offline"
    if max_silence_ms is not None and now - last.seen_at > _SILENCE_FACTOR * max_silence_ms:
        return Quality.STALE, "silent"
    return last.quality, last.reason


class Values(Protocol):
    """The last values, wherever they come from."""

    def read(self, point_id: int) -> LastValue | None:
        """Return the last value, its parts belonging together; None for an unknown point."""
        ...

    def of_points(self, point_ids: Iterable[int]) -> list[LastValue]:
        """Return the last values of the known ones among these points."""
        ...

    def max_silence_ms(self, point_id: int) -> int | None:
        """Return how long a point may say nothing, ms; None when it may for ever."""
        ...

    def ids(self) -> list[int]:
        """Return the ids of all known points."""
        ...


class LiveValues:
    """A view of the series that the ingest keeps; they are restored from the history at start."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def find(self, point_id: int) -> Series | None:
        """Return the series of a point, None while it is not known to this process."""
        return self._registry.find(point_id)

    def read(self, point_id: int) -> LastValue | None:
        """Return the last value, its parts belonging together; None for an unknown point."""
        series = self._registry.find(point_id)
        return None if series is None else _snapshot(series)

    def of_points(self, point_ids: Iterable[int]) -> list[LastValue]:
        """Return the last values of the known ones among these points."""
        found = (self._registry.find(point_id) for point_id in point_ids)
        return [_snapshot(series) for series in found if series is not None]

    def max_silence_ms(self, point_id: int) -> int | None:
        """Return how long a point may say nothing, ms; None when it may for ever."""
        series = self._registry.find(point_id)
        return None if series is None else series.max_silence_ms

    def ids(self) -> list[int]:
        """Return the ids of all points of this process."""
        return [series.id for series in self._registry.series()]


class MirroredValues:
    """The last values as another process sent them; used in the event loop, read anywhere."""

    def __init__(self) -> None:
        self._last: dict[int, LastValue] = {}
        self._silence: dict[int, int | None] = {}

    def take(self, values: Sequence[LastValue], silences: Sequence[int | None]) -> None:
        """Take newer values, and how long each of the points may send none."""
        self._last.update((last.point_id, last) for last in values)
        self._silence.update(
            (last.point_id, silence) for last, silence in zip(values, silences, strict=True)
        )

    def read(self, point_id: int) -> LastValue | None:
        """Return the last value received."""
        return self._last.get(point_id)

    def of_points(self, point_ids: Iterable[int]) -> list[LastValue]:
        """Return the last values received of these points."""
        found = map(self._last.get, point_ids)
        return [last for last in found if last is not None]

    def max_silence_ms(self, point_id: int) -> int | None:
        """Return how long a point may say nothing, ms."""
        return self._silence.get(point_id)

    def ids(self) -> list[int]:
        """Return the ids of all points of which a value was received."""
        return list(self._last)


def _snapshot(series: Series) -> LastValue:
    # CPython switches threads at calls and jumps only: six attributes read (and, by the ingest,
    # written) in a straight line are of one reading.
    parts = (
        series.id,
        series.last_value,
        series.last_quality,
        series.last_reason,
        series.last_at,
        series.seen_at,
    )
    return LastValue(*parts)
