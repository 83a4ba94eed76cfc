"""The bounded queue between the MQTT thread and the ingest thread."""

from queue import Empty, SimpleQueue
from typing import NamedTuple

from server.ingest.metrics import IngestMetrics

_DATA_KINDS = frozenset({"NDATA", "DDATA"})


class Arrival(NamedTuple):
    """A message as the broker delivered it."""

    topic: str
    payload: bytes
    arrived_at: int
    """Steady ms: UTC, as long as nobody turns the clock back."""


class Inbox:
    """Takes messages from one thread and gives them to another, in order.

    When it is full, data are refused: journaled ones are sent again, and the gap in their
    sequence is noticed. Births and deaths are still taken, nobody repeats them.
    """

    def __init__(
        self,
        metrics: IngestMetrics,
        *,
        max_messages: int = 100_000,
        max_bytes: int = 256_000_000,
        max_payload_bytes: int = 1_000_000,
    ) -> None:
        self._metrics = metrics
        self._queue: SimpleQueue[Arrival | None] = SimpleQueue()
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._max_payload_bytes = max_payload_bytes
        # Each is written by one thread only; their difference is what waits.
        self._bytes_in = 0
        self._bytes_out = 0

    def __len__(self) -> int:
        return self._queue.qsize()

    def put(self, topic: str, payload: bytes, arrived_at: int) -> None:
        """Take a message or count why not; never blocks."""
        size = len(payload)
        if size > self._max_payload_bytes:
            self._metrics.reject("payload_too_large", topic=topic[:200], bytes=size)
            return
        waiting = self._bytes_in - self._bytes_out
        if self._queue.qsize() >= self._max_messages or waiting + size > self._max_bytes:
            kind = topic.split("/", 3)[2:3]
            if kind and kind[0] in _DATA_KINDS:
                self._metrics.reject("queue_full", topic=topic[:200])
                return
        self._bytes_in += size
        self._queue.put(Arrival(topic, payload, arrived_at))

    def wake(self) -> None:
        """Let a waiting ``take`` return."""
        self._queue.put(None)

    def take(self, *, limit: int, wait_s: float) -> list[Arrival]:
        """Return what waits, up to ``limit``; wait so long for the first."""
        taken: list[Arrival] = []
        try:
            first = self._queue.get(timeout=wait_s) if wait_s > 0 else self._queue.get_nowait()
            while True:
                if first is not None:
                    taken.append(first)
                if len(taken) >= limit:
                    break
                first = self._queue.get_nowait()
        except Empty:
            pass
        self._bytes_out += sum(len(arrival.payload) for arrival in taken)
        return taken
