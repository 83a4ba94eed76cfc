"""A long backlog goes out in order, at its rate, and live data does not wait behind it.

Six hundred messages against a real broker; ``make bench-backlog`` replays 24 h of 200 points/s
to the end on a simulated clock.
"""

import asyncio
from pathlib import Path

import pytest

from edge_agent.clock import SystemClock
from edge_agent.uplink.clock_trust import TRUSTED_FROM_MS
from protocols.reading import Quality, Reading
from protocols.sparkplug.topics import MessageKind
from tests.fakes.gateway import gateway, point, pump, reading
from tests.fakes.running_agent import new_broker, running
from tests.fakes.sparkplug_host import SparkplugHost

ROWS, READINGS, RATE = 600, 20, 8000
DDATA = MessageKind.DDATA


async def acknowledge_all(host: SparkplugHost, journal_id: str) -> None:
    """What the server does: acknowledge what is stored, a few times a second."""
    known = 0
    while True:
        await asyncio.sleep(0.1)
        offsets = [one.offset for one in host.heard[known:] if one.kind is DDATA]
        known = len(host.heard)
        if offsets:
            host.acknowledge(journal_id, [(offset, offset) for offset in offsets])


@pytest.mark.long
async def test_a_backlog_goes_out_in_order_and_live_data_passes_it(tmp_path: Path) -> None:
    names = [f"p{number}" for number in range(READINGS)]
    device = pump("meter", **dict.fromkeys(names, point()))
    clock = SystemClock()
    with new_broker() as broker:
        settings = gateway(
            device,
            mqtt_port=broker.port,
            journal=tmp_path / "journal.sqlite",
            uplink={"backlog_rate": RATE},
        )
        async with SparkplugHost(broker.port) as host, running(settings, clock) as agent:
            # Nothing is awaited here, so the agent has not connected before all is in its journal.
            agent.uplink.device_up("meter", clock.now_ms())
            long_ago = clock.now_ms() - ROWS * 1000
            for row in range(ROWS):
                at = long_ago + row * 1000
                agent.uplink.publish(
                    "meter", [Reading(name, float(row), Quality.GOOD, at) for name in names]
                )
            acks = asyncio.create_task(acknowledge_all(host, agent.journal.journal_id))
            await host.hears(MessageKind.DBIRTH)
            began_s = clock.monotonic_s()
            ages_ms: list[int] = []
            live = 0
            while len(historical(host)) < ROWS:
                taken_at = clock.now_ms()
                agent.uplink.publish("meter", [reading(1.0, at=taken_at, name="p0")])
                live += 1
                await host.until(lambda _, n=live: len(lives(host)) >= n)
                ages_ms.append(clock.now_ms() - taken_at)
                await asyncio.sleep(0.05)
            took_s = clock.monotonic_s() - began_s
            while agent.journal.stats().rows:
                await asyncio.sleep(0.01)
            acks.cancel()
            backlog = historical(host)
    assert backlog == list(range(ROWS))
    assert took_s >= 0.8 * ROWS * READINGS / RATE
    assert len(ages_ms) > 5
    assert max(ages_ms) < 2000


def historical(host: SparkplugHost) -> list[int | None]:
    return [one.offset for one in host.heard if one.kind is DDATA and one.historical]


def lives(host: SparkplugHost) -> list[object]:
    return [one for one in host.heard if one.kind is DDATA and not one.historical]


class WrongClock(SystemClock):
    """A gateway without a battery: 1970, until somebody sets it."""

    def __init__(self) -> None:
        self.behind_ms = super().now_ms() - 5_000

    def now_ms(self) -> int:
        return super().now_ms() - self.behind_ms


@pytest.mark.long
async def test_readings_taken_before_the_clock_was_set_arrive_with_their_true_times(
    tmp_path: Path,
) -> None:
    clock = WrongClock()
    with new_broker() as broker:
        settings = gateway(mqtt_port=broker.port, journal=tmp_path / "journal.sqlite")
        async with SparkplugHost(broker.port) as host, running(settings, clock) as agent:
            agent.uplink.device_up("p1", clock.now_ms())
            taken_s: list[float] = []
            for value in range(3):
                taken_s.append(clock.monotonic_s())
                agent.uplink.publish("p1", [reading(float(value), at=clock.now_ms())])
                await asyncio.sleep(0.05)
            assert agent.journal.stats().rows == 3
            assert agent.journal.stats().provisional_readings == 3
            clock.behind_ms = 0
            set_ms, set_s = clock.now_ms(), clock.monotonic_s()
            agent.uplink.publish("p1", [reading(3.0, at=clock.now_ms())])
            heard = await host.hears(DDATA, 4)
    found = {m.value: m.timestamp for one in heard for m in one.payload.metrics}
    assert min(found.values()) > TRUSTED_FROM_MS
    for value, at_s in enumerate(taken_s):
        assert abs(found[float(value)] - (set_ms - (set_s - at_s) * 1000)) <= 5
    assert list(found) == sorted(found)
