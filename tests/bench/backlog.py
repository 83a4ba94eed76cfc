"""24 h of 200 points a second in the journal: all of it goes out in order, and live data is young.

Two parts. ``backlog_day.py`` replays the whole day, 17.28 million readings, on a simulated clock
and line, which at 5,000 readings a second is 58 minutes of it. Here an agent's uplink begins with
such a journal against a real broker and a host that acknowledges, for five minutes of real time.
"""

import asyncio
import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from edge_agent.clock import SystemClock
from protocols.reading import Quality, Reading
from protocols.sparkplug.topics import MessageKind
from tests.bench import backlog_day
from tests.bench.backlog_day import DEVICES, POINTS
from tests.bench.measure import cpu_s, percentile, rss_mb
from tests.fakes.gateway import gateway
from tests.fakes.running_agent import running
from tests.fakes.sparkplug_host import Heard, SparkplugHost
from tests.mosquitto import Mosquitto

HOURS = 24
MEASURED_S = 300


def _news(host: SparkplugHost) -> list[Heard]:
    """Take what was heard; a day's messages would not fit the memory of a test."""
    heard = [one for one in host.heard if one.kind is MessageKind.DDATA]
    host.heard.clear()
    return heard


async def _run(folder: Path, hours: float) -> dict[str, Any]:
    clock = SystemClock()
    devices = backlog_day.meters()
    names = list(devices[0].points)
    async with Mosquitto(folder / "broker") as broker:
        settings = gateway(*devices, mqtt_port=broker.port, journal=folder / "journal.sqlite")
        rows = await backlog_day.fill(settings, hours)
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
                    agent.uplink.publish(device.id, values)
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
                "measured_s": round(took_s),
                "journal_mb": round(pages * 4096 / 1e6),
                "backlog_readings_per_s": round(rate),
                "backlog_readings": len(offsets) * POINTS,
                "in_order": offsets == sorted(offsets),
                "live_messages": len(ages_ms),
                "live_age_p99_s": round(percentile(ages_ms, 99) / 1000, 3),
                "live_age_most_s": round(max(ages_ms) / 1000, 3),
                "cpu_cores_agent_and_host": round((cpu_s(os.getpid()) - began_cpu) / took_s, 2),
                "rss_mb": round(rss_mb(os.getpid()), 1),
            }


def run() -> dict[str, Any]:
    """A day's backlog, all of it on a simulated clock, then five minutes of real time."""
    figures: dict[str, Any] = {}
    for name, part in {"day": backlog_day.replay, "real": _run}.items():
        with tempfile.TemporaryDirectory(prefix="plantroom-backlog-") as folder:
            found = asyncio.run(part(Path(folder), HOURS))
        figures |= {f"{name}_{key}": value for key, value in found.items()}
    return figures
