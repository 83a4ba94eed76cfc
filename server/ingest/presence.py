"""Who comes and goes, as the messages of its gateway say."""

from server.assets.presence import REMOVED
from server.assets.registry import Asset
from server.ingest.node import Node
from server.ingest.status import StatusChange, note_connection
from server.ingest.steady import SteadyTime


class Presence:
    """Notes with a node what came and went of it; instants are steady ms."""

    def __init__(self, time: SteadyTime) -> None:
        self._time = time

    def set_online(
        self, node: Node, asset: Asset, device: str | None, *, online: bool, at: int, reason: str
    ) -> None:
        """Note that equipment came or went; repeating it changes nothing."""
        if asset.online == online and asset.connection.last_at:
            return
        at = self._time.wall(at)
        asset.online = online
        node.changes.append(StatusChange(asset, device is None, online, at, reason))
        note_connection(node.intake, asset, online=online, at=at)

    def gone(self, node: Node, device: str | None, reason: str, at: int) -> None:
        """Note that a device, or the node itself, went away."""
        unit = node.units.get(device)
        if unit is not None:
            reason = REMOVED if unit.asset.absence.removed else reason
            self.set_online(node, unit.asset, device, online=False, at=at, reason=reason)

    def node_gone(self, node: Node, at: int, reason: str, of_devices: str) -> None:
        """Note that the node went away, and its devices with it."""
        self.gone(node, None, reason, at)
        for device in node.units:
            if device is not None:
                self.gone(node, device, of_devices, at)
