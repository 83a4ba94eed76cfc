"""Nodes whose death may have been missed while this host was not connected."""

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from protocols.sparkplug.births import NO_BD_SEQ
from protocols.sparkplug.datatypes import DataType
from protocols.sparkplug.names import BD_SEQ
from protocols.sparkplug.sparkplug_b_pb2 import Payload as WirePayload

K = TypeVar("K")


class SilenceWatch(Generic[K]):
    """Who has said nothing since this host came to the broker, and whom it has asked.

    While the host is away a death reaches no one. So each node that is said to be
    alive has to speak once; after ``patience_s`` they are asked to, after as long again they
    count as gone. Times are monotonic seconds.
    """

    def __init__(self, *, patience_s: float) -> None:
        self._patience_s = patience_s
        self._waits: dict[K, float] = {}
        """Until when each may be silent before it is asked."""
        self._asked: dict[K, float] = {}
        """Until when each may leave the question unanswered."""

    def begin(self, nodes: Iterable[K], now_s: float) -> None:
        """Expect a sign of life of exactly these from now on."""
        self._waits = dict.fromkeys(nodes, now_s + self._patience_s)
        self._asked = {}

    def expect(self, node: K, now_s: float) -> None:
        """Expect a sign of life of one more, of which something was missed."""
        self._waits.setdefault(node, now_s + self._patience_s)

    def heard(self, node: K) -> None:
        """Record a sign of life."""
        if self._waits or self._asked:
            self._waits.pop(node, None)
            self._asked.pop(node, None)

    def asked(self, node: K, now_s: float) -> None:
        """Record that the node was really asked; others ask later, a few at a time."""
        if self._waits.pop(node, None) is not None:
            self._asked[node] = now_s + self._patience_s

    def overdue(self, now_s: float) -> list[K]:
        """Return who has been silent for too long."""
        return [node for node, until in self._waits.items() if now_s >= until]

    def take_gone(self, now_s: float, *, unread: Callable[[K], bool]) -> list[K]:
        """Return who did not answer, and expect nothing of them any more.

        Args:
            now_s: Monotonic seconds.
            unread: Whether something of a node waits to be read; it may be a sign of life.
        """
        gone = [node for node, until in self._asked.items() if now_s >= until and not unread(node)]
        for node in gone:
            del self._asked[node]
        return gone


def death_of(bd_seq: int) -> WirePayload:
    """Return the payload of the NDEATH that ends this session of a node."""
    payload = WirePayload()
    if bd_seq != NO_BD_SEQ:
        payload.metrics.add(name=BD_SEQ, datatype=DataType.UINT64, long_value=bd_seq)
    return payload
