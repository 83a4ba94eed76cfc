"""Names of metrics as names of points: the same, but for what would hide a point of our own."""

from typing import Final

from server.assets.series import CONNECTION

_MARK: Final = "~"


def point_name(metric: str) -> str:
    """Return the name of the point of a metric.

    A metric ``connection`` is the point ``~connection``: ``connection`` is this server's own point,
    whether the equipment answers. One more mark keeps those apart that have one already.
    """
    return _MARK + metric if metric.lstrip(_MARK) == CONNECTION else metric


def metric_name(point: str) -> str:
    """Return the name of the metric of a point, as its node knows it."""
    marked = point.startswith(_MARK) and point.lstrip(_MARK) == CONNECTION
    return point.removeprefix(_MARK) if marked else point
