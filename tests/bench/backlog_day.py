"""A whole day's backlog through journal, drain and encoder, on a simulated clock and line.

The line takes ``LINE_BYTES_S`` bytes a second, one message after the other; the host acknowledges
what has arrived ``ACK_S`` later. Live readings are taken every second beside the backlog.
"""

import time
from collections import deque
from pathlib import Path
from typing import Any

from config.gateway import Gateway, ResolvedDevice
from edge_agent.clock import SystemClock
from edge_agent.journal.sqlite import SqliteJournal
from edge_agent.uplink.uplink import Uplink
from protocols.reading import Quality, Reading
from protocols.sparkplug.payload import parse_uuid
from protocols.sparkplug.sparkplug_b_pb2 import Payload
from tests.bench.measure import percentile
from tests.fakes.agent_clock import FakeClock
from tests.fakes.gateway import gateway, point, pump

DEVICES, POINTS = 10, 20
LINE_BYTES_S = 250_000
"""Two megabits a second."""
ACK_S = 0.3
_ROWS_A_BATCH = 20_000
_COMMIT_S, _LIVE_S = 0.25, 1.0


def meters() -> list[ResolvedDevice]:
    """Ten devices of twenty points."""
    names = {f"p{number}": point() for number in range(POINTS)}
    return [pump(f"meter-{number}", **names) for number in range(DEVICES)]


async def fill(settings: Gateway, hours: float) -> int:
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
            if rows % _ROWS_A_BATCH < DEVICES:
                await journal.commit()
        await journal.commit()
    return rows


class Line:
    """Stands in for the connection: takes time, checks what arrives, acknowledges it."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._way: deque[tuple[float, str, bytes]] = deque()
        self._free_at_s = 0.0
        self._arrived: deque[tuple[float, int]] = deque()
        self._stamps: dict[tuple[str, int], int] = {}
        self.queued_bytes = 0
        self.rows = self.readings = 0
        self.last_offset = -1
        self.ages_s: list[float] = []

    def publish(self, topic: str, payload: bytes) -> bool:
        self._free_at_s = max(self._free_at_s, self._clock.monotonic_s())
        self._free_at_s += (len(topic) + len(payload)) / LINE_BYTES_S
        self._way.append((self._free_at_s, topic, payload))
        self.queued_bytes += len(payload)
        return True

    def disconnect(self) -> None:
        """Nobody is there to be told."""

    def deliver(self) -> list[tuple[int, int]]:
        """Let arrive what has arrived by now; return what is acknowledged by now."""
        now_s = self._clock.monotonic_s()
        while self._way and self._way[0][0] <= now_s:
            at_s, topic, payload = self._way.popleft()
            self.queued_bytes -= len(payload)
            if "/DDATA/" in topic:
                self._check(at_s, topic, Payload.FromString(payload))
        ranges: list[tuple[int, int]] = []
        while self._arrived and self._arrived[0][0] <= now_s:
            offset = self._arrived.popleft()[1]
            ranges.append((offset, offset))
        return ranges

    def _check(self, at_s: float, topic: str, payload: Payload) -> None:
        uuid = parse_uuid(payload.uuid)
        assert uuid is not None
        self._arrived.append((at_s + ACK_S, uuid[1]))
        if not payload.metrics[0].is_historical:
            age_ms = self._clock.now_ms() - payload.metrics[0].timestamp
            # Delivery is looked at now and then; it arrived a little before that.
            self.ages_s.append(age_ms / 1000 - (self._clock.monotonic_s() - at_s))
            return
        assert uuid[1] > self.last_offset, "a row came twice or out of order"
        self.last_offset = uuid[1]
        stamps = self._stamps
        for metric in payload.metrics:
            key = (topic, metric.alias)
            assert metric.timestamp > stamps.get(key, 0), f"{key} runs backwards"
            stamps[key] = metric.timestamp
        self.rows += 1
        self.readings += len(payload.metrics)


async def replay(folder: Path, hours: float) -> dict[str, Any]:
    """Write the day, send it to the end; raises AssertionError when anything is lost or late."""
    settings = gateway(*meters(), journal=folder / "journal.sqlite")
    rows = await fill(settings, hours)
    began = time.monotonic()
    clock = FakeClock(SystemClock().now_ms())
    async with SqliteJournal(settings.settings.journal, clock) as journal:
        uplink, line = Uplink(settings, journal, clock), Line(clock)
        node, drain, book = uplink._node, uplink._drain, uplink._book
        for device in node.encoders:
            uplink.device_up(device, clock.now_ms())
        node.session.connect()
        node.connection = line
        uplink._act(node.session.connected())
        start_s = clock.monotonic_s()
        commit_at_s = live_at_s = start_s
        while line.rows < rows:
            now_s = clock.monotonic_s()
            if now_s >= live_at_s:
                live_at_s += _LIVE_S
                at = clock.now_ms()
                values = [Reading(f"p{n}", 1.0, Quality.GOOD, at) for n in range(POINTS)]
                for device in node.encoders:
                    uplink.publish(device, values)
            if now_s >= commit_at_s:
                commit_at_s += _COMMIT_S
                await journal.commit()
            clock.advance(await drain.step())
            ranges = line.deliver()
            if ranges:
                journal.acknowledge(ranges)
                book.acknowledged(ranges, clock.monotonic_s())
        took_s = clock.monotonic_s() - start_s
        live = len(line.ages_s)
    assert line.readings == rows * POINTS
    return {
        "hours": hours,
        "readings": line.readings,
        "lost": rows * POINTS - line.readings,
        "out_of_order": 0,
        "allowed_readings_per_s": settings.settings.uplink.backlog_rate,
        "readings_per_s": round(line.readings / took_s),
        "minutes": round(took_s / 60, 1),
        "line_bytes_per_s": LINE_BYTES_S,
        "live_messages": live,
        "live_age_p99_s": round(percentile(line.ages_s, 99), 3),
        "live_age_most_s": round(max(line.ages_s), 3),
        "real_minutes": round((time.monotonic() - began) / 60, 1),
    }
