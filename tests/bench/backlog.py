"""24 h of 200 points a second in the journal: how fast it goes out, and how old live data is.

The journal is filled directly with a day's messages; then an agent's uplink runs against a real
broker and a host that acknowledges, and live readings go out beside the backlog.
"""

import asyncio
import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from edge_agent.clock import SystemClock
from edge_agent.journal.sqlite import SqliteJournal
from edge_agent.uplink.uplink import Uplink
from protocols.reading import Quality, Reading
from protocols.sparkplug.topics import MessageKind
from tests.bench.measure import cpu_s, percentile, rss_mb
from tests.fakes.gateway import gateway, point, pump
from tests.fakes.running_agent import running
from tests.fakes.sparkplug_host import Heard, SparkplugHost
from tests.mosquitto import Mosquitto

HOURS, DEVICES, POINTS = 24, 10, 20
MEASURED_S = 30
ROWS_A_BATCH = 50_000


async def _fill(settings: Any, hours: float) -> int:
    """Write a day of messages, one of 20 readings for each device and second."""
    clock = SystemClock()
    async with SqliteJournal(settings.settings.journal, clock) as journal:
        uplink = Uplink(settings, journal, clock)
        encoders = uplink._node.encoders
        first = clock.now_ms() - round(hours * 3_600_000)
        rows = 0
        for second in range(round(hours * 3600)):
            at = first + second * 1000
            for name, encoder in encoders.items():
                values = [Reading(f"p{n}", float(second), Quality.GOOD, at) for n in range(POINTS)]
                journal.append(name, encoder.fragment(values), taken_at=at, readings=POINTS)
                rows += 1
            if rows % ROWS_A_BATCH < DEVICES:
                await journal.commit()
        await journal.commit()
    return rows


def _news(host: SparkplugHost) -> list[Heard]:
    """Take what was heard; a day's messages would not fit the memory of a test."""
    heard = [one for one in host.heard if one.kind is MessageKind.DDATA]
    host.heard.clear()
    return heard


async def _run(folder: Path, hours: float) -> dict[str, Any]:
    clock = SystemClock()
    names = {f"p{number}": point() for number in range(POINTS)}
    devices = [pump(f"meter-{number}", **names) for number in range(DEVICES)]
    async with Mosquitto(folder / "broker") as broker:
        settings = gateway(*devices, mqtt_port=broker.port, journal=folder / "journal.sqlite")
        rows = await _fill(settings, hours)
        with closing(sqlite3.connect(folder / "journal.sqlite")) as database:
            (pages,) = database.execute("PRAGMA page_count").fetchone()
        async with (
            SparkplugHost(broker.port) as host,
            running(settings) as agent,
        ):
            for device in devices:
                agent.uplink.device_up(device.id, clock.now_ms())
            await host.hears(MessageKind.DBIRTH, DEVICES)
            began_s, began_cpu = clock.monotonic_s(), cpu_s(os.getpid())
            offsets: list[int] = []
            ages_ms: list[float] = []
            while clock.monotonic_s() - began_s < MEASURED_S and len(offsets) < rows:
                for device in devices:
                    at = clock.now_ms()
                    values = [Reading(name, 1.0, Quality.GOOD, at) for name in names]
                    agent.uplink.readings(device.id, values)
                await asyncio.sleep(0.1)
                news, now = _news(host), clock.now_ms()
                offsets += [one.offset for one in news if one.historical]
                ages_ms += [
                    now - (one.payload.metrics[0].timestamp or 0)
                    for one in news
                    if not one.historical
                ]
                ranges = [(one.offset, one.offset) for one in news]
                if ranges:
                    host.acknowledge(agent.journal.journal_id, ranges)
            took_s = clock.monotonic_s() - began_s
            rate = len(offsets) * POINTS / took_s
            return {
                "backlog_hours": hours,
                "backlog_readings": rows * POINTS,
                "journal_mb": round(pages * 4096 / 1e6),
                "allowed_readings_per_s": settings.settings.uplink.backlog_rate,
                "backlog_readings_per_s": round(rate),
                "backlog_minutes": round(rows * POINTS / rate / 60, 1) if rate else None,
                "in_order": offsets == sorted(offsets),
                "live_messages": len(ages_ms),
                "live_age_p99_s": round(percentile(ages_ms, 99) / 1000, 3),
                "live_age_most_s": round(max(ages_ms) / 1000, 3),
                "cpu_cores_agent_and_host": round((cpu_s(os.getpid()) - began_cpu) / took_s, 2),
                "rss_mb": round(rss_mb(os.getpid()), 1),
            }


def run() -> dict[str, Any]:
    """A day's backlog at its rate, in order, live data beside it; two minutes."""
    with tempfile.TemporaryDirectory(prefix="plantroom-backlog-") as folder:
        return asyncio.run(_run(Path(folder), HOURS))
