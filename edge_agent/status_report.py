"""What ``/status`` contains of a running agent: ports, units, journal, last values."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Final

from prometheus_client import CollectorRegistry

from config.edge import AgentSettings
from edge_agent.clock import Clock
from edge_agent.health import Health, State
from edge_agent.journal.base import Journal, JournalStats
from edge_agent.port_metrics import DEPRECATED_OFFLINE_SECONDS
from edge_agent.port_owner import OwnedDevice, Owner
from edge_agent.uplink.uplink import Uplink
from protocols.exact_json import exact_value

MOST_VALUES: Final = 500
"""A page of ten thousand values would hold up polling; ask for one device to see all of its."""

_COUNTED: Final = {
    "plantroom_requests_total": "requests",
    "plantroom_port_busy_seconds_total": "busy_s",
    "plantroom_port_offline_seconds_total": "offline_s",
    DEPRECATED_OFFLINE_SECONDS + "_total": "dead_s",
    "plantroom_skipped_cycles_total": "skipped_cycles",
    "plantroom_readings_total": "readings",
    "plantroom_response_seconds_count": "replies",
    "plantroom_response_seconds_sum": "response_s",
}
_ERRORS: Final = "plantroom_request_errors_total"


class StatusReport:
    """Puts together what others know; keeps nothing but when it was built."""

    def __init__(
        self,
        settings: AgentSettings,
        *,
        ports: Mapping[str, Owner],
        health: Health,
        journal: Journal,
        uplink: Uplink,
        linkages: Callable[[], Sequence[dict[str, object]]] = tuple,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._ports = ports
        self._health = health
        self._journal = journal
        self._uplink = uplink
        self._linkages = linkages
        self._clock = clock
        self._began_s = clock.monotonic_s()

    def of(self, device: str | None) -> dict[str, object]:
        """Return the state of this moment; all last values of ``device``, or some of all."""
        counts, errors = _counts(self._health.registry)
        journal, uplink = self._journal.stats(), self._uplink.stats()
        return {
            "site": self._settings.site,
            "gateway": self._settings.gateway,
            "at": self._clock.now_ms(),
            "uptime_s": round(self._clock.monotonic_s() - self._began_s, 3),
            "uplink": {
                "online": uplink.online,
                "link": uplink.link,
                "why": uplink.why,
                "problem": uplink.problem,
                "published": uplink.published,
                "acknowledged": uplink.acknowledged,
                "resent": uplink.resent,
                "queued_bytes": uplink.queued_bytes,
            },
            "journal": journal_fields(journal),
            "ports": {
                name: {
                    **_state(self._health.ports.get(name)),
                    "open": self._health.ports.get(name, State()).open,
                    **counts[name],
                    "errors": errors[name],
                    "devices": [self._device(each) for each in port.devices.values()],
                }
                for name, port in self._ports.items()
            },
            "linkages": list(self._linkages()),
            "values": list(self._values(device)),
        }

    def _device(self, polled: OwnedDevice) -> dict[str, object]:
        unit, device = polled.unit, polled.device
        return {
            "id": device.id,
            "unit": unit.number,
            "profile": device.profile,
            **_state(self._health.devices.get(device.id)),
            "state": unit.state.value,
            "response_ms": None if unit.response_s is None else round(1000 * unit.response_s, 1),
            "failures": unit.failures,
            "points": len(device.reported),
        }

    def _values(self, wanted: str | None) -> Iterator[dict[str, object]]:
        left = MOST_VALUES
        for port in self._ports.values():
            for polled in port.devices.values():
                if wanted is not None and polled.device.id != wanted:
                    continue
                units = polled.device.reported
                for name, reading in polled.latest.items():
                    if wanted is None and left <= 0:
                        return
                    left -= 1
                    yield {
                        "device": polled.device.id,
                        "point": name,
                        "value": exact_value(reading.value),
                        "unit": units[name].unit,
                        "quality": reading.quality.name.lower(),
                        "reason": reading.reason,
                        "at": reading.taken_at,
                    }


def journal_fields(stats: JournalStats) -> dict[str, object]:
    """Return the figures of a journal for ``/status`` and ``/healthz``, by former names, too."""
    former = {"held_readings": stats.provisional_readings, "salvaging": stats.recovering}
    return {**asdict(stats), **former}


def _state(state: State | None) -> dict[str, object]:
    known = state or State()
    return {"up": known.up, "since": known.since, "reason": known.reason}


def _counts(
    registry: CollectorRegistry,
) -> tuple[Mapping[str, dict[str, float]], Mapping[str, dict[str, float]]]:
    """Return the counters and the failed requests by reason, of each port."""
    counts: defaultdict[str, dict[str, float]] = defaultdict(dict)
    errors: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for family in registry.collect():
        for sample in family.samples:
            port = sample.labels.get("port")
            if port is None:
                continue
            if sample.name in _COUNTED:
                counts[port][_COUNTED[sample.name]] = sample.value
            elif sample.name == _ERRORS:
                errors[port][sample.labels["reason"]] = sample.value
    return counts, errors
