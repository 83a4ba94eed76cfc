"""Requests for a rebirth."""

import structlog

from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.names import REBIRTH
from protocols.sparkplug.payload import Metric, encode_payload
from protocols.sparkplug.topics import MessageKind, Topic
from server.ingest.metrics import IngestMetrics
from server.ingest.node import Node

_log = structlog.get_logger()


class RebirthRequests:
    """Gathers the requests until somebody sends them."""

    def __init__(self, metrics: IngestMetrics) -> None:
        self._metrics = metrics
        self._requests: list[tuple[str, bytes]] = []

    def ask(self, node: Node, reason: str, now_ms: int) -> None:
        """Ask a node to be born again; ``now_ms`` is UTC."""
        self._metrics.rebirths.labels(reason).inc()
        _log.info("rebirth_asked", node=node.key, reason=reason)
        metric = Metric(name=REBIRTH, timestamp=now_ms, datatype=DataType.BOOLEAN, value=True)
        topic = Topic(node.group, MessageKind.NCMD, node.name).format()
        self._requests.append((topic, encode_payload([metric], timestamp=now_ms)))

    def take(self) -> list[tuple[str, bytes]]:
        """Return topic and payload of each request, and forget them."""
        taken, self._requests = self._requests, []
        return taken
