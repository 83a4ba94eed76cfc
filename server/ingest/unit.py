"""What the ingest knows of one node or device: where each of its metrics goes."""

from typing import NamedTuple

from protocols.sparkplug.births import Table
from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.names import COMMAND_RESULT
from protocols.sparkplug.sparkplug_b_pb2 import Metric as WireMetric
from protocols.sparkplug.values import READERS, Reader
from server.assets.asset import Asset
from server.assets.naming import point_name
from server.assets.series import Series
from server.ingest.births import is_point


class Route(NamedTuple):
    """Where the values of a metric go; without series they are no values of the plant."""

    series: Series | None
    read: Reader


def _nothing(_metric: object) -> None:
    return None


NOWHERE = Route(None, _nothing)
ANSWER = Route(None, READERS[DataType.STRING])
"""What a gateway says of a command; no value of the plant."""


class Unit:
    """Routes of one node or device, made anew by each of its births."""

    __slots__ = ("_bd_seq", "_table", "aliases", "asset", "names")

    def __init__(self, asset: Asset, table: Table, *, bd_seq: int) -> None:
        """Find the series of what is declared.

        Args:
            asset: The equipment.
            table: What the birth declares.
            bd_seq: Of the session of its node.
        """
        self.asset = asset
        self._table = table
        self._bd_seq = bd_seq
        self.names = {
            name: _route(asset, name, known.datatype) for name, known in table.names.items()
        }
        self.aliases = {
            alias: self.names.get(known.name, NOWHERE) for alias, known in table.aliases.items()
        }

    def was_born_as(self, table: Table, bd_seq: int) -> bool:
        """Return whether another birth would be read in just the same way."""
        known = self._table
        return (
            self._bd_seq == bd_seq
            and known.names == table.names
            and known.aliases == table.aliases
            and known.online == table.online
        )

    def find(self, metric: WireMetric) -> Route | None:
        """Return the route of a metric without alias, or with alias 0; None when nobody knows it.

        A name with a datatype is believed: journaled rows outlive the birth of their alias.
        """
        name = metric.name
        if not name:
            return self.aliases.get(metric.alias) if metric.HasField("alias") else None
        datatype = metric.datatype
        if not datatype:
            return self.names.get(name)
        route = self.names.get(name)
        if route is None and point_name(name) in self.asset.series:
            route = self.names[name] = _route(self.asset, name, datatype)
        if route is None or route.series is None:
            return route
        return Route(route.series, READERS.get(datatype, _nothing))


def _route(asset: Asset, name: str, datatype: int) -> Route:
    if name == COMMAND_RESULT:
        return ANSWER
    series = asset.series.get(point_name(name)) if is_point(name) else None
    read = READERS.get(datatype)
    return NOWHERE if series is None or read is None else Route(series, read)
