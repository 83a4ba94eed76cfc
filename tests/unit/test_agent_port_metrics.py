"""Bus load and the truth about periods, as /metrics tells them."""

import asyncio

import pytest
from prometheus_client import generate_latest

from edge_agent.port_metrics import PortMetrics
from tests.fakes.agent_clock import FakeClock
from tests.fakes.port_bench import Bench, alive, port_manager, running


async def test_the_load_is_that_of_the_last_minute() -> None:
    bench, clock = Bench(port_manager(1), alive(1)), FakeClock()
    bench.health.port("bus", up=True, at=0)
    metrics = PortMetrics(bench.health, clock)
    task = asyncio.create_task(metrics.run())
    await asyncio.sleep(0)
    counts = bench.health.requests.of("bus")
    for second in range(300):
        counts.busy_s += 0.9 if second < 200 else 0.25
        clock.advance(1)
        await asyncio.sleep(0)
        if second == 150:
            assert metrics.load()["bus"] == pytest.approx(0.9, abs=0.02)
    assert metrics.load()["bus"] == pytest.approx(0.25, abs=0.02)
    task.cancel()


def test_the_time_lost_on_offline_units_has_its_earlier_name_as_well() -> None:
    bench = Bench(port_manager(1), alive(1))
    bench.health.offline.labels("bus").inc(2.5)
    bench.health.registry.register(PortMetrics(bench.health, FakeClock()))
    assert bench.count("plantroom_port_offline_seconds_total") == 2.5
    assert bench.count("plantroom_port_dead_seconds_total") == 2.5


def test_there_is_no_load_before_there_was_time() -> None:
    assert PortMetrics(Bench(port_manager(1), alive(1)).health, FakeClock()).load() == {}


async def test_periods_are_reported_by_class_as_quantiles() -> None:
    async with running(Bench(port_manager(5), alive(5))) as bench:
        await bench.clock.run_for(120)
    metrics = PortMetrics(bench.health, bench.clock)
    found = metrics.periods()["bus", 1.0]
    assert set(found) == {0.5, 0.95, 0.99}
    assert found[0.5] == pytest.approx(1.0, abs=0.02)
    assert found[0.99] == pytest.approx(1.0, abs=0.05)
    bench.health.registry.register(metrics)
    page = generate_latest(bench.health.registry).decode()
    assert 'plantroom_period_seconds{class="1",port="bus",quantile="0.99"}' in page


async def test_the_time_that_a_device_was_away_is_no_period() -> None:
    units = alive(1)
    async with running(Bench(port_manager(1), units)) as bench:
        await bench.clock.run_for(30)
        units[1].offline = True
        await bench.clock.run_for(600)
        units[1].offline = False
        await bench.clock.run_for(200)
    assert bench.sink.events[-1] == ("up", "d1", "")
    assert max(bench.health.periods["bus", 1.0]) < 10
