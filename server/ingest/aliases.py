"""By which alias the metric of a point is commanded; from any thread."""

from collections.abc import Mapping

from protocols.sparkplug.births import AMBIGUOUS
from server.assets.naming import metric_name
from server.ingest.node import Node


class Aliases:
    """What the births of the present sessions declare."""

    def __init__(self, nodes: Mapping[tuple[str, str], Node]) -> None:
        """Look into these nodes, by group and edge node id."""
        self._nodes = nodes

    def find(self, equipment: str, point: str) -> int | None:
        """Return the alias of a point; None when it was born without one, or is not born.

        Args:
            equipment: Key of the equipment.
            point: Name of the point.
        """
        group, name, *device = equipment.split("/")
        node = self._nodes.get((group, name))
        if node is None:
            return None
        session = node.session
        table = session.devices.get(device[0]) if device else session.node
        known = None if table is None else table.names.get(metric_name(point))
        if table is None or known is None or known.alias is None:
            return None
        return None if table.aliases.get(known.alias) is AMBIGUOUS else known.alias
