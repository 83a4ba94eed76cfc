"""What is counted at each request: plain numbers, made metrics of when they are asked for."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

_BUCKETS_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, float("inf"))
_NO_REPLIES: Final = [0] * len(_BUCKETS_S)


@dataclass(slots=True)
class RequestCounts:
    """What one port has counted since the start.

    Attributes:
        requests: Sent to its devices.
        busy_s: Time that it spent asking, seconds.
        readings: Handed to the uplink.
        response_s: From request to reply, all replies together, seconds.
    """

    requests: int = 0
    busy_s: float = 0.0
    readings: int = 0
    response_s: float = 0.0
    _replies: list[int] = field(default_factory=_NO_REPLIES.copy)

    def replied(self, seconds: float) -> None:
        """Count a reply that came so many seconds after its request."""
        self.response_s += seconds
        self._replies[bisect_left(_BUCKETS_S, seconds)] += 1

    def buckets(self) -> list[tuple[str, float]]:
        """Return how many replies took at most so many seconds, shortest first."""
        counts = accumulate(self._replies)
        return [
            ("+Inf" if most == float("inf") else str(most), count)
            for most, count in zip(_BUCKETS_S, counts, strict=True)
        ]


class RequestMetrics(Collector):
    """The counts of all ports."""

    def __init__(self) -> None:
        self.ports: dict[str, RequestCounts] = {}

    def of(self, port: str) -> RequestCounts:
        """Return the counts of a port, from now on among the metrics."""
        return self.ports.setdefault(port, RequestCounts())

    def collect(self) -> Iterator[Metric]:
        """Yield all counts of this moment."""
        requests = _counter("plantroom_requests", "Requests to devices.")
        busy = _counter("plantroom_port_busy_seconds", "Time a port spent asking.")
        readings = _counter("plantroom_readings", "Readings handed to the uplink.")
        replies = HistogramMetricFamily(
            "plantroom_response_seconds", "Request to reply.", labels=["port"]
        )
        for port, counts in self.ports.items():
            requests.add_metric([port], counts.requests)
            busy.add_metric([port], counts.busy_s)
            readings.add_metric([port], counts.readings)
            replies.add_metric([port], counts.buckets(), counts.response_s)
        yield from (requests, busy, readings, replies)


def _counter(name: str, text: str) -> CounterMetricFamily:
    return CounterMetricFamily(name, text, labels=["port"])
