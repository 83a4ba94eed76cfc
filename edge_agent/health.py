"""What the agent counts, and the state of its ports and devices.

One object, built by ``app.py``, with a registry of its own; served at ``/metrics``. Going down and
coming back is logged here, once each way; everything else is a number.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from edge_agent.request_metrics import RequestMetrics

_KEPT_PERIODS = 512


@dataclass(slots=True)
class State:
    """What is known of a port or a device.

    Attributes:
        up: None until the first answer or the first failure.
        since: UTC ms of the last change.
        reason: Why it is down, a fixed word; empty when up.
        open: Of a port: whether its connection is there, answered or not.
    """

    up: bool | None = None
    since: int = 0
    reason: str = ""
    open: bool = False


class Health:
    """Counters, gauges and the state of ports and devices."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.ports: dict[str, State] = {}
        self.devices: dict[str, State] = {}
        self.periods: dict[tuple[str, float], deque[float]] = {}
        """Port and scan class to what its last cycles were apart, seconds."""
        self.requests = RequestMetrics()
        registry.register(self.requests)
        self.request_errors = Counter(
            "plantroom_request_errors", "Failed requests.", ["port", "reason"], registry=registry
        )
        self.offline = Counter(
            "plantroom_port_offline_seconds",
            "Time a port spent on units that do not answer.",
            ["port"],
            registry=registry,
        )
        self.skipped = Counter(
            "plantroom_skipped_cycles",
            "Scan cycles left out because the previous one was not finished.",
            ["port"],
            registry=registry,
        )
        self.heard = Counter(
            "plantroom_heard_events",
            "Events of equipment that speaks first: changed, or repeated and without a change.",
            ["port", "outcome"],
            registry=registry,
        )
        self.commands = Counter(
            "plantroom_commands", "Commands by result.", ["status"], registry=registry
        )
        self.linkage_runs = Counter(
            "plantroom_linkage_runs",
            "Causes of a linkage by what became of them: done, failed, limited, not_armed.",
            ["linkage", "outcome"],
            registry=registry,
        )
        self.linkage_known = Gauge(
            "plantroom_linkage_condition_known",
            "0 while readings that the condition of a linkage needs are bad, missing or too old.",
            ["linkage"],
            registry=registry,
        )
        self.reload_refused = Gauge(
            "plantroom_reload_refused",
            "1 while the agent file was refused at the last reload and the one before it runs.",
            registry=registry,
        )
        self.port_up = Gauge(
            "plantroom_port_up", "1 while the port is open.", ["port"], registry=registry
        )
        self.device_up = Gauge(
            "plantroom_device_up", "1 while the device answers.", ["device"], registry=registry
        )

    def period(self, port: str, period_s: float, took_s: float) -> None:
        """Keep how far apart two cycles of a scan class were."""
        kept = self.periods.get((port, period_s))
        if kept is None:
            kept = self.periods[port, period_s] = deque(maxlen=_KEPT_PERIODS)
        kept.append(took_s)

    def forget(self, *, ports: Iterable[str], devices: Iterable[str]) -> None:
        """Drop what is no longer configured; counters stay, as counters do."""
        for name in ports:
            if self.ports.pop(name, None) is not None:
                self.port_up.remove(name)
            for scan in [scan for scan in self.periods if scan[0] == name]:
                del self.periods[scan]
        for name in devices:
            if self.devices.pop(name, None) is not None:
                self.device_up.remove(name)

    def port_opened(self, name: str, *, at: int) -> None:
        """Set that the connection of a port is there; up it is when a unit answers."""
        state = self.ports.setdefault(name, State(since=at))
        state.open = True
        self.port_up.labels(name).set(1)

    def port(self, name: str, *, up: bool, at: int, reason: str = "", error: str = "") -> None:
        """Set whether a port works; logged when that changes."""
        state = self.ports.setdefault(name, State())
        state.open = up
        self.port_up.labels(name).set(up)
        if state.up is up:
            return
        log = structlog.get_logger()
        if not up:
            log.warning("port_down", port=name, reason=reason, error=error)
        elif state.up is False:
            log.info("port_up", port=name, down_s=(at - state.since) / 1000)
        state.up, state.since, state.reason = up, at, reason

    def device(self, name: str, *, up: bool, at: int, reason: str = "", error: str = "") -> None:
        """Set whether a device answers; logged when that changes."""
        state = self.devices.setdefault(name, State())
        if state.up is up:
            return
        log = structlog.get_logger()
        if up:
            log.info("device_up", device=name, reason=state.reason)
        else:
            log.warning("device_down", device=name, reason=reason, error=error)
        state.up, state.since, state.reason = up, at, reason
        self.device_up.labels(name).set(up)
