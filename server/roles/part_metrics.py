"""Whether each part works, as a figure: what /readyz says, for alerts."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector


class PartMetrics(Collector):
    """Asks the checks of a process whenever its figures are read."""

    def __init__(self, checks: Mapping[str, Callable[[], bool]]) -> None:
        self._checks = checks

    def collect(self) -> Iterator[Metric]:
        """Yield 1 or 0 for each part."""
        family = GaugeMetricFamily(
            "plantroom_part_works", "1 while the part works, as /readyz says.", labels=["part"]
        )
        for name, works in self._checks.items():
            family.add_metric([name], works())
        yield family
