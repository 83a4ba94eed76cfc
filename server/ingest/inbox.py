"""The bounded queues between the MQTT thread and the ingest thread: one for each gateway.

Gateways are served in turn, by bytes (deficit round robin, new ones first as in FQ-CoDel), so who
sends too much waits for itself. What does not fit into its own queue is refused: journaled data
are sent again, a gap in the sequence is noticed, and for a lost birth or death the gateway is
asked for a birth.
"""

import threading
from collections import deque
from collections.abc import Callable, Container
from typing import NamedTuple

import structlog

from server.ingest.metrics import IngestMetrics

_DATA_KINDS = frozenset({"NDATA", "DDATA"})
_QUANTUM = 16_384
"""Cost that a gateway may have in one turn, bytes."""
_MESSAGE_COST = 500
"""What reading a message costs beside its bytes, in bytes."""
_ROUND = 262_144
"""Cost after which nothing more is taken at once: somebody else may have news meanwhile."""
_RESERVE = 2
"""Births and deaths may fill a queue so many times over."""
_MOST_MISSED = 10_000
_log = structlog.get_logger()


class Arrival(NamedTuple):
    """A message as the broker delivered it."""

    topic: str
    payload: bytes
    arrived_at: int
    """UTC ms, by the server's clock, which never runs backwards."""


class Bounds(NamedTuple):
    """What may wait; of one gateway, and of all."""

    messages: int = 20_000
    bytes: int = 16_000_000
    all_messages: int = 100_000
    all_bytes: int = 256_000_000
    payload_bytes: int = 1_000_000


class _Queue:
    """What waits of one gateway."""

    __slots__ = ("bytes", "credit", "messages", "refused")

    def __init__(self) -> None:
        self.messages: deque[Arrival] = deque()
        self.bytes = 0
        self.credit = 0
        self.refused = 0
        """Since it was empty."""


class Inbox:
    """Takes messages from one thread and gives them to another; in order for each gateway."""

    def __init__(
        self,
        metrics: IngestMetrics,
        bounds: Bounds | None = None,
        *,
        knows: Callable[[str], bool] = lambda _key: True,
    ) -> None:
        """Begin empty.

        Args:
            metrics: Where refused messages are counted.
            bounds: What may wait.
            knows: Whether a gateway, by its key, is in the ledger; from any thread. Names that
                nobody has heard of are never served before a gateway that has just begun to speak.
        """
        self._metrics = metrics
        self._bounds = bounds or Bounds()
        self._knows = knows
        self._lock = threading.Lock()
        self._news = threading.Condition(self._lock)
        self._queues: dict[str, _Queue] = {}
        self._fresh: deque[str] = deque()
        """Gateways that have just begun to speak; served before the others, once."""
        self._waiting: deque[str] = deque()
        self._missed: set[str] = set()
        self._messages = 0
        self._bytes = 0
        self._woken = False

    def __len__(self) -> int:
        return self._messages

    def put(self, topic: str, payload: bytes, arrived_at: int) -> None:
        """Take a message or count why not; never blocks for long."""
        size = len(payload)
        if size > self._bounds.payload_bytes:
            self._metrics.reject("payload_too_large", topic=topic[:200], bytes=size)
            return
        source, kind = _source_of(topic)
        is_data = kind in _DATA_KINDS
        with self._lock:
            queue = self._queues.get(source)
            if queue is None:
                queue = _Queue()
            if not self._fits(queue, size, is_data=is_data):
                self._refuse(queue, source, is_data=is_data)
                return
            if source not in self._queues:
                self._queues[source] = queue
                (self._fresh if self._knows(source) else self._waiting).append(source)
            queue.messages.append(Arrival(topic, payload, arrived_at))
            queue.bytes += size
            self._messages += 1
            self._bytes += size
            self._news.notify()

    def wake(self) -> None:
        """Let a waiting ``take`` return."""
        with self._lock:
            self._woken = True
            self._news.notify()

    def take(self, *, limit: int, wait_s: float, but: Container[str] = ()) -> list[Arrival]:
        """Return messages of gateways in turn; wait so long for the first.

        Args:
            limit: Most messages.
            wait_s: Seconds.
            but: Keys of gateways that are passed over now.
        """
        taken: list[Arrival] = []

        def served() -> bool:
            taken.extend(self._serve(limit, but))
            return bool(taken) or self._woken

        with self._lock:
            if not served() and wait_s > 0:
                self._news.wait_for(served, wait_s)
            self._woken = False
        return taken

    def waits(self, source: str) -> bool:
        """Return whether something of this gateway is unread."""
        queue = self._queues.get(source)
        return queue is not None and bool(queue.messages)

    def unread_since(self, source: str) -> int | None:
        """Return when the oldest unread message of this gateway arrived, UTC ms; or None."""
        with self._lock:
            queue = self._queues.get(source)
            return queue.messages[0].arrived_at if queue is not None and queue.messages else None

    def oldest_at(self) -> int | None:
        """Return when the oldest unread message arrived, UTC ms; None when all are read."""
        with self._lock:
            heads = [
                queue.messages[0].arrived_at for queue in self._queues.values() if queue.messages
            ]
        return min(heads, default=None)

    def take_missed(self) -> set[str]:
        """Return the gateways of which a birth or death was refused, and forget them."""
        with self._lock:
            torn, self._missed = self._missed, set()
        return torn

    def _fits(self, queue: _Queue, size: int, *, is_data: bool) -> bool:
        """Say whether it may wait; who has less than a fair share of it all always may."""
        bounds, times = self._bounds, 1 if is_data else _RESERVE
        messages, total = len(queue.messages) + 1, queue.bytes + size
        if messages > times * bounds.messages or total > times * bounds.bytes:
            return False
        share = max(1, len(self._queues))
        if self._messages >= bounds.all_messages:
            return messages * share <= times * bounds.all_messages
        if self._bytes + size > bounds.all_bytes:
            return total * share <= times * bounds.all_bytes
        return True

    def _refuse(self, queue: _Queue, source: str, *, is_data: bool) -> None:
        if not is_data and len(self._missed) < _MOST_MISSED:
            self._missed.add(source)
        if not queue.messages:
            self._metrics.reject("queue_full", gateway=source)
            return
        self._metrics.rejected.labels("queue_full").inc()
        if not queue.refused:
            _log.warning(
                "gateway_floods", gateway=source, waiting=len(queue.messages), bytes=queue.bytes
            )
        queue.refused += 1

    def _serve(self, limit: int, but: Container[str]) -> list[Arrival]:
        taken: list[Arrival] = []
        left = _ROUND
        for turns in (self._fresh, self._waiting):
            skipped: list[str] = []
            while turns and left > 0 and len(taken) < limit:
                source = turns.popleft()
                if source in but:
                    skipped.append(source)
                    continue
                left -= self._serve_one(source, taken, limit)
            # Who is passed over keeps its turn.
            turns.extendleft(reversed(skipped))
        return taken

    def _serve_one(self, source: str, taken: list[Arrival], limit: int) -> int:
        """Give one gateway its turn, after which it waits behind the others; return its cost."""
        queue = self._queues[source]
        messages = queue.messages
        queue.credit += _QUANTUM
        size = count = 0
        # A message beyond a whole turn is paid for by the turns to come.
        while messages and queue.credit > 0 and len(taken) < limit:
            arrival = messages.popleft()
            taken.append(arrival)
            queue.credit -= len(arrival.payload) + _MESSAGE_COST
            size += len(arrival.payload)
            count += 1
        queue.bytes -= size
        self._bytes -= size
        self._messages -= count
        if messages or queue.credit < 0:
            queue.credit = min(queue.credit, 0)
            self._waiting.append(source)
        else:
            del self._queues[source]
            if queue.refused:
                _log.info("gateway_flood_over", gateway=source, refused=queue.refused)
        return size + count * _MESSAGE_COST


def _source_of(topic: str) -> tuple[str, str]:
    """Return site/gateway and the kind of message; what is no topic of a node shares one queue."""
    parts = topic.split("/", 4)
    return (f"{parts[1]}/{parts[3]}", parts[2]) if len(parts) > 3 else ("", "")  # noqa: PLR2004
