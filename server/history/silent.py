"""Points that have been silent for almost as long as readings are kept: their last values copied.

Without them the server would forget that these points ever said anything.
"""

from collections.abc import Mapping
from typing import NamedTuple

from server.history.base import LastValue

_DAY_MS = 86_400_000
_MARGIN_DAYS = 7
"""So long before its end a last value is kept elsewhere."""


class Kept(NamedTuple):
    """The last values of a silent point, those of one instant in their order."""

    at_ms: int
    """Under which instant they are kept."""
    values: list[LastValue]


def copies_due(
    newest: Mapping[int, list[LastValue]],
    kept: Mapping[int, Kept],
    *,
    today: int,
    retention_days: int,
) -> list[LastValue]:
    """Return the last values that have to be copied, or copied again, today.

    Args:
        newest: Rows by series.
        kept: Copies by series.
        today: Days since 1970.
        retention_days: So long the store keeps readings, and copies.
    """
    margin = min(_MARGIN_DAYS, retention_days // 4)
    silent_since = (today - retention_days + margin) * _DAY_MS
    renew_before = (today - retention_days // 2) * _DAY_MS

    def has_copy(series: int, values: list[LastValue]) -> bool:
        copy = kept.get(series)
        return copy is not None and copy.at_ms >= renew_before and copy.values == values

    return [
        value
        for series, values in newest.items()
        if values[-1].taken_at < silent_since and not has_copy(series, values)
        for value in values
    ]
