"""Values out of messages: the hot path of the server, so one long function is worth it."""

from dataclasses import dataclass, field
from math import inf

from protocols.reading import Quality
from protocols.sparkplug.host_events import Message
from protocols.sparkplug.names import NOT_A_NUMBER, NOT_READ
from protocols.sparkplug.payload import may_carry_quality
from protocols.sparkplug.properties import read_quality
from protocols.sparkplug.sparkplug_b_pb2 import Metric as WireMetric
from server.assets.series import Sample, Series
from server.history.base import Batch
from server.ingest.instants import REPEATED, further_values, is_further
from server.ingest.metrics import IngestMetrics
from server.ingest.unit import Unit

EARLIEST_MS = 946_684_800_000
"""2000-01-01; a clock that says less has never been set."""
NO_VALUE = "no_value"
"""Reason of a null that comes without a quality."""
_GOOD = Quality.GOOD  # looking a member up in its class costs 0.1 us, twice a value
_UNMARKED = (_GOOD, "")


@dataclass(slots=True)
class DecodedBatch:
    """What was decoded and is not stored yet."""

    batch: Batch = field(default_factory=Batch)
    samples: list[Sample] = field(default_factory=list[Sample])
    """Those that an alarm rule has to see, in order."""
    answers: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    """Equipment id, and what it says of a command."""


class Decoder:
    """Reads the metrics of births and data messages into a batch."""

    def __init__(self, metrics: IngestMetrics, *, max_future_ms: int) -> None:
        self._metrics = metrics
        self._max_future_ms = max_future_ms
        self.from_future = False
        """Whether the last message had values that may be right when the clocks agree again."""

    def read(  # noqa: C901, PLR0912, PLR0915 (a function call per value costs a tenth of the rate)
        self, message: Message, unit: Unit, decoded: DecodedBatch, *, birth: bool = False
    ) -> list[WireMetric]:
        """Add the values of a message; return the metrics that nobody declared."""
        self.from_future = False
        payload, arrived_at = message.payload, message.arrived_at
        latest = arrived_at + self._max_future_ms
        carries_quality = may_carry_quality(message.data)
        aliases, samples, batch = unit.aliases, decoded.samples, decoded.batch
        add_series, add_at = batch.series.append, batch.taken_at.append
        add_value, add_quality = batch.values.append, batch.quality.append
        add_reason = batch.reason.append
        unknown: list[WireMetric] = []
        further: dict[int, int] | None = None
        for place, metric in enumerate(payload.metrics):
            alias = metric.alias
            route = aliases.get(alias) if alias and not birth else unit.find(metric)
            if route is None:
                unknown.append(metric)
                continue
            series, read = route
            if series is None:
                answer = read(metric)
                if answer is not None and not birth:
                    decoded.answers.append((unit.asset.id, str(answer)))
                continue
            taken_at = metric.timestamp
            if not EARLIEST_MS <= taken_at <= latest:
                taken_at = self._stand_in(message, metric, series, latest)
                if not taken_at:
                    continue
            value = read(metric)
            quality, reason = read_quality(metric) if carries_quality else _UNMARKED
            kind = value.__class__
            # A difference that is not zero: NaN or infinite.
            if kind is float and value - value != 0.0:  # type: ignore[operator]
                value, quality, reason = None, Quality.BAD, NOT_A_NUMBER
                self._metrics.rejected.labels(NOT_A_NUMBER).inc()
            elif value is None and birth and (quality is _GOOD or reason == NOT_READ):
                # No reading: it may carry the instant of the first one, which would then be lost.
                continue
            elif value is None and quality is _GOOD:
                quality, reason = Quality.BAD, NO_VALUE
            late = metric.is_historical
            last_at = series.last_at
            if taken_at > last_at:
                series.last_value = value
                series.last_quality = quality
                series.last_reason = reason
                series.last_at = taken_at
                series.seen_at = arrived_at
            else:
                if further is None:
                    further = further_values(payload)
                nth = further.get(place, 0)
                if taken_at < last_at:
                    late = True
                elif nth >= 0 and is_further(series, value, quality, reason, nth=nth):
                    series.last_value = value
                    series.last_quality = quality
                    series.last_reason = reason
                    series.seen_at = arrived_at
                else:
                    nth = REPEATED
                if nth == REPEATED:
                    self._metrics.duplicates.inc()
                    continue
                if nth:
                    batch.nth[len(batch.series)] = nth
            add_series(series.id)
            add_at(taken_at)
            add_value(value)
            add_quality(quality)
            add_reason(reason)
            if quality is _GOOD and (
                (series.no_change_low == -inf and series.no_change_high == inf)
                if late or kind is str
                else series.no_change_low <= value <= series.no_change_high  # type: ignore[operator]
            ):
                continue
            samples.append(
                Sample(series, value, quality, taken_at, reason, late, arrived_at, last_at)
            )
            # What follows is seen in order; the alarm engine sets the band again. Counted first:
            # an engine that sets it in another thread meanwhile must find out.
            series.undecided += 1
            series.no_change_low, series.no_change_high = inf, -inf
        if birth:
            _note_standing(message, unit)
        return unknown

    def _stand_in(self, message: Message, metric: WireMetric, series: Series, latest: int) -> int:
        """Return the payload's time, or the arrival's, for a metric that has none; 0 = refused."""
        taken_at = metric.timestamp
        if not taken_at and not metric.HasField("timestamp"):
            payload = message.payload
            taken_at = payload.timestamp if payload.HasField("timestamp") else message.arrived_at
            if EARLIEST_MS <= taken_at <= latest:
                return taken_at
        self.from_future |= taken_at > latest
        reason = "timestamp_in_future" if taken_at > latest else "timestamp_too_old"
        self._metrics.reject(reason, point=series.key, timestamp=taken_at)
        return 0


def _note_standing(message: Message, unit: Unit) -> None:
    """A birth says which value of each point is the newest; repeating a known one is news too."""
    for metric in message.payload.metrics:
        if metric.is_null or metric.is_historical:
            continue
        route = unit.find(metric)
        if route is not None and route.series is not None:
            route.series.stands_at = metric.timestamp
