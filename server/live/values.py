"""The last value of every point, for any thread to read."""

from collections.abc import Iterable
from typing import NamedTuple

from protocols.reading import Quality, Value
from server.assets.registry import Registry
from server.assets.series import Series


class LastValue(NamedTuple):
    """What a point said last."""

    point_id: int
    value: Value
    quality: Quality
    reason: str
    taken_at: int
    """UTC ms; 0 = never."""
    seen_at: int
    """When it arrived, UTC ms."""


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

    def of_equipment(self, key: str) -> dict[str, LastValue]:
        """Return the last value of each point of a piece of equipment, by the point's name."""
        asset = self._registry.asset(key)
        if asset is None:
            return {}
        return {name: _snapshot(series) for name, series in list(asset.series.items())}


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
