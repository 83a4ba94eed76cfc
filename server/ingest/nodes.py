"""The edge nodes that are heard of, within the limits of this server."""

from collections.abc import Container

from config.server import SparkplugSettings
from protocols.errors import FrameError
from protocols.sparkplug.host_session import HostSession, NodePhase
from protocols.sparkplug.rebirth import RebirthBudget
from protocols.sparkplug.topics import MessageKind, Topic, parse_state_topic, parse_topic
from server.assets.registry import Registry
from server.ingest.metrics import IngestMetrics
from server.ingest.node import Node

NodeKey = tuple[str, str]
"""Group and edge node id."""
_COMMANDS = frozenset({MessageKind.NCMD, MessageKind.DCMD})
_MAX_TOPIC = 300
"""Longer ids do not fit into the keys of the records."""


class Nodes:
    """A session for each node; anybody can invent names, so those without a birth are forgotten."""

    def __init__(
        self,
        settings: SparkplugSettings,
        registry: Registry,
        metrics: IngestMetrics,
        *,
        budget: RebirthBudget,
        busy: Container[str],
    ) -> None:
        """Begin without nodes.

        Args:
            settings: Times of the sessions, and how many gateways there may be.
            registry: Says whether there is room for one more gateway.
            metrics: Where refused messages are counted.
            budget: Shared by all sessions.
            busy: Keys of nodes that are never forgotten.
        """
        self.by_key: dict[NodeKey, Node] = {}
        self._settings = settings
        self._registry = registry
        self._metrics = metrics
        self._budget = budget
        self._busy = busy
        self._refused: set[str] = set()
        """Keys of gateways that are beyond their number."""

    def find(self, key: str) -> Node | None:
        """Return a node by site/gateway."""
        site, _, name = key.partition("/")
        return self.by_key.get((site, name))

    def take(self, group: str, name: str) -> Node:
        """Return a node, a new one when nothing is known of it."""
        node = self.by_key.get((group, name))
        if node is None:
            if len(self.by_key) >= 2 * self._settings.limits.gateways:
                self._forget_unborn()
            session = HostSession(
                reorder_timeout_ms=round(self._settings.reorder_timeout_s * 1000),
                rebirth_interval_ms=round(self._settings.rebirth_interval_s * 1000),
                budget=self._budget,
            )
            node = self.by_key[group, name] = Node(group, name, session)
        return node

    def refuse(self, node: Node) -> None:
        """Forget a node for which there is no room, and take nothing of it until there is."""
        if len(self._refused) >= 2 * self._settings.limits.gateways:
            self._refused.clear()  # a node that still sends is refused anew
        self._refused.add(node.key)
        self.by_key.pop((node.group, node.name), None)

    def topic_of(self, text: str) -> Topic | None:
        """Return the topic of a message that is for a host and may be taken, None for others."""
        try:
            topic = parse_topic(text)
        except FrameError:
            if parse_state_topic(text) is None:
                self._metrics.reject("topic", topic=text[:_MAX_TOPIC])
            return None
        if topic.kind in _COMMANDS:
            return None
        if len(text) > _MAX_TOPIC:
            self._metrics.reject("topic_too_long", topic=text[:_MAX_TOPIC])
            return None
        if self._refused and f"{topic.group}/{topic.node}" in self._refused:
            if not self._registry.admission.takes_gateways():
                self._metrics.rejected.labels("refused_gateway").inc()
                return None
            self._refused.clear()
        return topic

    def _forget_unborn(self) -> None:
        for key, node in list(self.by_key.items()):
            if node.session.phase is NodePhase.UNKNOWN and node.key not in self._busy:
                del self.by_key[key]
        self._refused.clear()
