"""The local status page: /healthz, /metrics, /status; this machine only unless configured."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs

import structlog
from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from config.edge import StatusSettings
from edge_agent.clock import Clock
from edge_agent.health import Health
from edge_agent.journal.base import Journal
from edge_agent.status_report import StatusReport, journal_fields
from edge_agent.uplink.uplink import Uplink

log = structlog.get_logger()

_REQUEST_S = 5.0
_MOST_HEADER_BYTES = 16_384
_DEPRECATED_GAUGES = {
    "uplink_held_readings": "uplink_provisional_readings",
    "journal_salvaging": "journal_recovering",
}
"""Former names of metrics, still served."""


class AgentCollector(Collector):
    """Figures of journal and uplink, read when they are asked for: they cost nothing otherwise."""

    def __init__(self, journal: Journal, uplink: Uplink, clock: Clock) -> None:
        self._journal = journal
        self._uplink = uplink
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        """Yield all figures of this moment."""
        journal, uplink = self._journal.stats(), self._uplink.stats()
        oldest_s = 0.0
        if journal.oldest_at is not None:
            oldest_s = max(0.0, (self._clock.now_ms() - journal.oldest_at) / 1000)
        gauges = {
            "journal_messages": ("Messages not acknowledged yet.", journal.rows),
            "journal_bytes": ("Used bytes of the journal file.", journal.disk_bytes),
            "journal_oldest_seconds": ("Age of the oldest message on disk.", oldest_s),
            "journal_writable": ("0 while the disk refuses.", journal.writable),
            "uplink_online": ("1 while data may be published.", uplink.online),
            "uplink_queued_bytes": ("Bytes that the broker has not taken.", uplink.queued_bytes),
            "uplink_provisional_readings": (
                "Readings with a provisional timestamp; they wait for the clock.",
                journal.provisional_readings,
            ),
            "journal_recovering": ("1 while a damaged file is recovered.", journal.recovering),
            "clock_synchronised": ("0 while the clock is not synchronised.", uplink.synchronised),
        }
        counters = {
            "journal_dropped_messages": ("Given up at a bound.", journal.dropped_rows),
            "journal_commits": ("Group commits.", journal.commits),
            "uplink_published_messages": ("Data messages published.", uplink.published),
            "uplink_resent_messages": ("Of these, from the journal.", uplink.resent),
            "uplink_acknowledged_messages": ("Stored by the server.", uplink.acknowledged),
            "uplink_refused_acknowledgements": (
                "Acknowledgements of rows that are not ours.",
                uplink.refused_acknowledgements,
            ),
            "uplink_unreadable_messages": ("Torn messages received.", uplink.unreadable),
            "uplink_unnumbered_readings": ("Published without journal.", uplink.unnumbered),
            "uplink_given_up_readings": ("Neither published nor kept.", uplink.given_up),
            "journal_failed_reads": ("Times the journal could not be read.", uplink.failed_reads),
        }
        for old, name in _DEPRECATED_GAUGES.items():
            gauges[old] = (f"Deprecated: plantroom_{name}.", gauges[name][1])
        for name, (text, value) in gauges.items():
            yield GaugeMetricFamily(f"plantroom_{name}", text, value=value)
        for name, (text, value) in counters.items():
            yield CounterMetricFamily(f"plantroom_{name}", text, value=value)


class StatusPage:
    """A very small HTTP server; entering starts it, leaving stops it.

    Attributes:
        port: The TCP port it listens on; 0 when it could not listen.
    """

    def __init__(
        self,
        settings: StatusSettings,
        *,
        health: Health,
        journal: Journal,
        uplink: Uplink,
        report: StatusReport | None = None,
    ) -> None:
        self._settings = settings
        self._health = health
        self._journal = journal
        self._uplink = uplink
        self._report = report
        self._server: asyncio.Server | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        try:
            self._server = await asyncio.start_server(
                self._serve,
                self._settings.host,
                self._settings.port,
                limit=_MOST_HEADER_BYTES,
            )
        except OSError as error:
            # A taken port costs the page, not the plant's data.
            log.warning("status_page_unavailable", port=self._settings.port, error=str(error))
            return self
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(
            OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError
        ):
            async with asyncio.timeout(_REQUEST_S):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(self._answer(head))
                await writer.drain()
        writer.close()

    def _answer(self, head: bytes) -> bytes:
        method, _, rest = head.split(b"\r\n", 1)[0].partition(b" ")
        path, _, query = rest.split(b" ", 1)[0].partition(b"?")
        if method not in {b"GET", b"HEAD"}:
            return _response(HTTPStatus.METHOD_NOT_ALLOWED, "text/plain", b"only GET\n")
        if path == b"/metrics":
            body = generate_latest(self._health.registry)
            return _response(HTTPStatus.OK, "text/plain; version=0.0.4; charset=utf-8", body)
        if path == b"/healthz":
            return self._healthz()
        if path == b"/status" and self._report is not None:
            device = parse_qs(query.decode("ascii", "replace")).get("device", [None])[0]
            return _json(self._report.of(device))
        known = b"there are /healthz, /metrics and /status\n"
        return _response(HTTPStatus.NOT_FOUND, "text/plain", known)

    def _healthz(self) -> bytes:
        journal, uplink = self._journal.stats(), self._uplink.stats()
        down = [name for name, state in self._health.devices.items() if state.up is False]
        good = journal.writable and uplink.online and not uplink.problem and not down
        fields: dict[str, object] = {
            "status": "ok" if good else "degraded",
            "uplink": "online" if uplink.online else "offline",
            "link": uplink.link,
            "problem": uplink.problem or uplink.why,
            "journal": journal_fields(journal),
            "devices_down": down,
            "ports_down": [name for name, port in self._health.ports.items() if port.up is False],
        }
        # Degraded answers 200 as well: starting the agent again would mend none of it.
        return _json(fields)


def _json(fields: dict[str, object]) -> bytes:
    body = json.dumps(fields, ensure_ascii=False).encode() + b"\n"
    return _response(HTTPStatus.OK, "application/json", body)


def _response(status: HTTPStatus, kind: str, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
