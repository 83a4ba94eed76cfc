"""Registers that are emptied by being read: no count is lost, whatever else happens on the port."""

import itertools

import pytest

from config.points import Table
from tests.fakes.devices import device, point
from tests.fakes.driver import FakeUnit
from tests.fakes.port_bench import Bench, alive, holding, port_manager, running

COUNTER = (Table.HOLDING, 0)


async def count_for(bench: Bench, unit: FakeUnit, seconds: float) -> int:
    """Let one thing be counted every 0.1 s."""
    for _ in range(round(10 * seconds)):
        unit.registers[COUNTER] += 1
        await bench.clock.run_for(0.1)
    return round(10 * seconds)


@pytest.mark.parametrize("others", [0, 3])
@pytest.mark.parametrize("away_s", [1.5, 3.0, 30.0])
async def test_the_read_that_finds_a_unit_alive_again_is_used(others: int, away_s: float) -> None:
    units = alive(1 + others)
    units[1] = FakeUnit({COUNTER: 0}, 0.01)
    units[1].cleared.add(COUNTER)
    async with running(Bench(port_manager(1 + others, period_s=1.0), units)) as bench:
        counted = await count_for(bench, units[1], 5)
        for unit in units.values():
            unit.offline = True
        counted += await count_for(bench, units[1], away_s)
        for unit in units.values():
            unit.offline = False
        counted += await count_for(bench, units[1], 300 if others else 5)
    values = [reading.value or 0 for reading in bench.sink.of("d1", "p")]
    assert sum(values) + units[1].registers[COUNTER] == counted


async def test_a_unit_alone_on_its_port_is_asked_again_within_seconds() -> None:
    units = {1: FakeUnit(holding(0), 0.01)}
    async with running(Bench(port_manager(1, period_s=8.0), units)) as bench:
        await bench.clock.run_for(20)
        units[1].offline = True
        await bench.clock.run_for(300)
        asked = [one for one in bench.driver.asked if one.at_s > 60]
        gaps = [b.at_s - a.at_s for a, b in itertools.pairwise(asked)]
        units[1].offline = False
        back_s = bench.clock.now_ms() / 1000
        await bench.clock.run_for(10)
    assert max(gaps) < 4
    assert {one.timeout_s for one in asked} == {1.0}
    assert next(at for at in bench.sink.times_s("d1", "p") if at > back_s) < back_s + 4


def emptied(*addresses: int) -> FakeUnit:
    unit = FakeUnit(holding(*range(20)), 0.01)
    for address in addresses:
        unit.registers[Table.HOLDING, address] = 0
        unit.cleared.add((Table.HOLDING, address))
    return unit


async def test_no_request_reads_over_what_is_emptied_by_being_read() -> None:
    points = {
        "low": point(0, period_s=1.0),
        "high": point(2, period_s=1.0),
        "count": point(1, period_s=10.0, clear_on_read=True),
    }
    async with running(Bench([device("d1", points)], {1: emptied(1)})) as bench:
        await bench.clock.run_for(59)
    asked = [one for one in bench.driver.asked if one.address <= 1 < one.address + one.size]
    assert len(asked) == 6
    # Each reading counts, though it is the same number as the one before.
    assert len(bench.sink.of("d1", "count")) == 6


async def test_an_offline_unit_is_not_probed_with_what_is_emptied_by_being_read() -> None:
    points = {
        "count": point(0, period_s=1.0, clear_on_read=True),
        "level": point(10, period_s=5.0),
        "name": point(12, period_s=9.0),
    }
    unit = emptied(0)
    async with running(Bench([device("d1", points)], {1: unit})) as bench:
        await bench.clock.run_for(10)
        unit.offline = True
        await bench.clock.run_for(10)
        before = len(bench.driver.asked)
        await bench.clock.run_for(200)
    assert {one.address for one in bench.driver.asked[before:]} == {10, 12}
