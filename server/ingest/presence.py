"""Who comes and goes, as the messages of its gateway say."""

from protocols.sparkplug.host_events import Message
from server.assets.asset import Asset
from server.assets.presence import REMOVED
from server.assets.registry import Registry
from server.ingest.births import devices_named
from server.ingest.node import Node
from server.ingest.persistence import Persist
from server.ingest.status import StatusChange, note_connection


class Presence:
    """Records what came and went of a node; instants are UTC ms of the server's clock."""

    def __init__(self, registry: Registry, persist: Persist) -> None:
        self._registry = registry
        self._persist = persist

    def set_online(
        self, node: Node, asset: Asset, device: str | None, *, online: bool, at: int, reason: str
    ) -> None:
        """Record that equipment came or went; repeating it changes nothing."""
        if asset.online == online and asset.connection.last_at:
            return
        asset.online = online
        omitted = self._registry.events.take(asset, at)
        node.changes.append(StatusChange(asset, device is None, online, at, reason, omitted))
        note_connection(node.decoded, asset, online=online, at=at)

    def gone(self, node: Node, device: str | None, reason: str, at: int) -> None:
        """Record that a device, or the node itself, went away."""
        unit = node.units.get(device)
        if unit is not None:
            reason = REMOVED if unit.asset.absence.removed else reason
            self.set_online(node, unit.asset, device, online=False, at=at, reason=reason)

    def node_gone(self, node: Node, at: int, reason: str, of_devices: str) -> None:
        """Record that the node went away, and its devices with it."""
        self.gone(node, None, reason, at)
        for device in node.units:
            if device is not None:
                self.gone(node, device, of_devices, at)

    def follow_devices(self, node: Node, message: Message) -> None:
        """Record which devices the node says it has, and which it no longer has."""
        named = devices_named(message.payload, node.session.node)
        if named is None:
            return
        assets = {device: unit.asset for device, unit in node.units.items() if device is not None}
        gone = [
            asset
            for device, asset in assets.items()
            if device not in named and not asset.absence.removed
        ]
        back = [
            asset for device, asset in assets.items() if device in named and asset.absence.removed
        ]
        if gone:
            self._persist("presence", lambda: self._registry.remove(gone))
        if back:
            self._persist("presence", lambda: self._registry.restore(back))
