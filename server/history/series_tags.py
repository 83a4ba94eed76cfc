"""What people call a series: how a store that others read as well names it."""

from collections.abc import Callable
from typing import NamedTuple

from server.assets.registry import Registry

UNCLASSIFIED = "unclassified"


class SeriesTags(NamedTuple):
    """The class of the equipment, and where the point is; empty: it has none."""

    equipment_class: str
    site: str = ""
    gateway: str = ""
    equipment: str = ""
    point: str = ""


UNKNOWN = SeriesTags(UNCLASSIFIED)
Describe = Callable[[int], SeriesTags]
"""Takes the id of a series; from any thread."""


def describe_by(registry: Registry) -> Describe:
    """Return what describes the series of a registry as they are when they are written."""

    def describe(series_id: int) -> SeriesTags:
        series = registry.find(series_id)
        asset = series and registry.asset(series.key.removesuffix(f"/{series.name}"))
        if series is None or asset is None:
            return UNKNOWN
        site, _, rest = asset.key.partition("/")
        gateway, _, equipment = rest.partition("/")
        return SeriesTags(
            asset.equipment_class or UNCLASSIFIED, site, gateway, equipment, series.name
        )

    return describe
