"""Figures of the ports, made when they are asked for: bus load, and how true the periods are."""

from collections import deque
from collections.abc import Iterator
from typing import Final

from prometheus_client import Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from edge_agent.clock import Clock
from edge_agent.health import Health

DEPRECATED_OFFLINE_SECONDS: Final = "plantroom_port_dead_seconds"
"""The earlier name of ``plantroom_port_offline_seconds``; still exported."""
_SAMPLE_S = 5.0
_SAMPLES = 13
"""One minute: twelve steps between thirteen samples."""
_QUANTILES = (0.5, 0.95, 0.99)


class PortMetrics(Collector):
    """Bus load of the last minute; quantiles of the last cycles of each scan class."""

    def __init__(self, health: Health, clock: Clock) -> None:
        self._health = health
        self._clock = clock
        self._samples: deque[tuple[float, dict[str, float]]] = deque(maxlen=_SAMPLES)

    async def run(self) -> None:
        """Sample the time that ports were busy, for ever."""
        while True:
            self._samples.append((self._clock.monotonic_s(), self._busy_s()))
            await self._clock.sleep(_SAMPLE_S)

    def load(self) -> dict[str, float]:
        """Return the share of the last minute that each port was busy; 0 when it just began."""
        if not self._samples:
            return {}
        then_s, then = self._samples[0]
        spent_s = self._clock.monotonic_s() - then_s
        return {
            port: (busy_s - then.get(port, 0.0)) / spent_s if spent_s > 0 else 0.0
            for port, busy_s in self._busy_s().items()
        }

    def periods(self) -> dict[tuple[str, float], dict[float, float]]:
        """Return, by port and scan class, the quantiles of the time between cycles, seconds."""
        return {
            scan: {share: _quantile(sorted(kept), share) for share in _QUANTILES}
            for scan, kept in self._health.periods.items()
            if kept
        }

    def collect(self) -> Iterator[Metric]:
        """Yield all figures of this moment."""
        load = GaugeMetricFamily(
            "plantroom_port_load_ratio", "Share of the last minute spent asking.", labels=["port"]
        )
        for port, share in self.load().items():
            load.add_metric([port], share)
        yield load
        periods = GaugeMetricFamily(
            "plantroom_period_seconds",
            "Time between the last 512 cycles of all devices of a scan class.",
            labels=["port", "class", "quantile"],
        )
        for (port, period_s), quantiles in self.periods().items():
            for share, seconds in quantiles.items():
                periods.add_metric([port, f"{period_s:g}", f"{share:g}"], seconds)
        yield periods
        deprecated = CounterMetricFamily(
            DEPRECATED_OFFLINE_SECONDS,
            "Deprecated: plantroom_port_offline_seconds_total.",
            labels=["port"],
        )
        for port, seconds in _totals(self._health.offline).items():
            deprecated.add_metric([port], seconds)
        yield deprecated

    def _busy_s(self) -> dict[str, float]:
        ports = self._health.ports
        counts = self._health.requests.ports
        return {port: one.busy_s for port, one in counts.items() if port in ports}


def _totals(counter: Counter) -> dict[str, float]:
    """Return what was counted for each port."""
    return {
        sample.labels["port"]: sample.value
        for family in counter.collect()
        for sample in family.samples
        if sample.name.endswith("_total")
    }


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
