"""What the ingest counts, and the one log line that a kind of trouble is worth."""

from typing import Any

import structlog
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from server.core.clock import Clock

_QUIET_S = 60.0
"""A reason is logged again after this long."""

_log = structlog.get_logger()


class IngestMetrics:
    """Counters of one ingest."""

    def __init__(self, clock: Clock, registry: CollectorRegistry = REGISTRY) -> None:
        self._clock = clock
        self._logged_at: dict[str, float] = {}
        self._unlogged: dict[str, int] = {}
        self.messages = Counter("plantroom_ingest_messages", "Messages read.", registry=registry)
        self.values = Counter("plantroom_ingest_values", "Values stored.", registry=registry)
        self.duplicates = Counter(
            "plantroom_ingest_duplicates", "Values that were stored already.", registry=registry
        )
        self.rejected = Counter(
            "plantroom_ingest_rejected",
            "Messages and values refused, by reason.",
            ["reason"],
            registry=registry,
        )
        self.rebirths = Counter(
            "plantroom_ingest_rebirths", "Rebirths asked, by reason.", ["reason"], registry=registry
        )
        self.session = Counter(
            "plantroom_ingest_session",
            "Irregularities of Sparkplug sessions, by kind.",
            ["kind"],
            registry=registry,
        )
        self.acks = Counter("plantroom_ingest_acks", "Messages acknowledged.", registry=registry)
        self.store_failures = Counter(
            "plantroom_ingest_store_failures",
            "Failed attempts to store, by step.",
            ["step"],
            registry=registry,
        )
        self.flush_s = Histogram(
            "plantroom_ingest_flush_seconds", "Time to make a batch durable.", registry=registry
        )
        self.chain_s = Histogram(
            "plantroom_ingest_chain_seconds",
            "From the arrival of a message to the commit of what its values are judged to be.",
            registry=registry,
        )
        self.queued = Gauge(
            "plantroom_ingest_queued", "Messages that wait to be read.", registry=registry
        )

    def reject(self, reason: str, **details: Any) -> None:  # noqa: ANN401 (fields of a log line)
        """Count a refused message or value; say so at most once a minute for each reason."""
        self.rejected.labels(reason).inc()
        now = self._clock.monotonic_s()
        last = self._logged_at.get(reason)
        if last is not None and now - last < _QUIET_S:
            self._unlogged[reason] = self._unlogged.get(reason, 0) + 1
            return
        self._logged_at[reason] = now
        unlogged = self._unlogged.pop(reason, 0)
        _log.warning("ingest_rejected", reason=reason, unlogged_before=unlogged, **details)
