"""Points that others of the same device make, on a port with a line in memory."""

from typing import Any

import pytest

from config.computed import TimedComputed
from config.gateway import ResolvedDevice
from config.interlock import Place
from config.points import DataType, Table
from edge_agent.errors import CommandError
from protocols.reading import Quality, Reading
from tests.fakes.devices import device, point
from tests.fakes.driver import FakeUnit
from tests.fakes.port_bench import WRITABLE, Bench, commanded, running


def meter(*, factor_period_s: float = 1.0, power_period_s: float = 1.0) -> ResolvedDevice:
    """A power at 0, its factor far away at 900, and a sum of both kinds."""
    points = {
        "power": point(0, ratio_from=("ct",), period_s=power_period_s, report_all=True),
        "ct": point(900, period_s=factor_period_s, report_all=True),
        "other": point(1, report_all=True),
    }
    options: dict[str, Any] = {"max_silence_s": 300.0, "report_all": True}
    one = device("d1", points)
    one.computed["total"] = TimedComputed(
        expression="power + other", period_s=min(1.0, power_period_s), **options
    )
    return one


def unit(**registers: int) -> FakeUnit:
    at = {"power": 0, "other": 1, "ct": 900}
    return FakeUnit({(Table.HOLDING, at[name]): value for name, value in registers.items()})


def values(bench: Bench, name: str) -> list[Any]:
    return [reading.value for reading in bench.sink.of("d1", name)]


def reasons(readings: list[Reading]) -> set[str]:
    return {reading.reason for reading in readings if reading.quality is not Quality.GOOD}


async def test_a_ratio_that_changes_is_used_in_its_own_cycle() -> None:
    one = unit(power=5, other=1, ct=40)
    async with running(Bench([meter()], {1: one})) as bench:
        await bench.clock.run_for(2.5)
        one.registers[Table.HOLDING, 900] = 80
        await bench.clock.run_for(2)
    assert values(bench, "power") == [200, 200, 200, 400, 400]
    assert values(bench, "total") == [201, 201, 201, 401, 401]
    newest = max(bench.sink.times_s("d1", "power")[0], bench.sink.times_s("d1", "other")[0])
    assert bench.sink.times_s("d1", "total")[0] == newest


@pytest.mark.long
@pytest.mark.parametrize("how", ["refused", "garbled", "busy"])
async def test_a_factor_that_fails_makes_its_points_bad_and_no_others(how: str) -> None:
    one = unit(power=5, other=1, ct=40)
    async with running(Bench([meter()], {1: one})) as bench:
        await bench.clock.run_for(2.5)
        bench.sink.log.clear()
        if how == "refused":
            bench.driver.refused[900] = 2
        elif how == "garbled":
            bench.driver.garbled.add(900)
        else:
            bench.driver.refused[900] = 6
        await bench.clock.run_for(3)
        assert values(bench, "other")[:2] == [1, 1]
        assert set(values(bench, "power")) == {None}
        assert set(values(bench, "total")) == {None}
        reason = reasons(bench.sink.of("d1", "power")).pop()
        assert reason.endswith(" of ct")
        bench.driver.refused.clear()
        bench.driver.garbled.clear()
        bench.sink.log.clear()
        await bench.clock.run_for(900)
    assert values(bench, "power")[-1] == 200
    assert values(bench, "total")[-1] == 201


async def test_a_factor_is_read_in_the_cycle_of_what_it_scales() -> None:
    one = unit(power=5, other=1, ct=40)
    bench = Bench([meter(factor_period_s=1.0, power_period_s=10.0)], {1: one})
    async with running(bench):
        await bench.clock.run_for(0.5)
        asked = [request.address for request in bench.driver.asked]
        assert asked.count(900) == 2
        one.registers[Table.HOLDING, 900] = 80
        one.registers[Table.HOLDING, 0] = 7
        await bench.clock.run_for(10)
    assert values(bench, "power") == [200, 560]


async def test_a_device_that_dies_says_so_of_everything_that_it_makes() -> None:
    one = unit(power=5, other=1, ct=40)
    async with running(Bench([meter()], {1: one})) as bench:
        await bench.clock.run_for(2.5)
        one.offline = True
        await bench.clock.run_for(20)
        one.offline = False
        one.registers[Table.HOLDING, 900] = 2
        await bench.clock.run_for(120)
    for name in ("power", "total"):
        qualities = [reading.quality for reading in bench.sink.of("d1", name)]
        assert qualities.count(Quality.STALE) == 1
    assert 200 in values(bench, "power")
    after = values(bench, "power")[values(bench, "power").index(None) + 1 :]
    assert set(after) == {10}


async def test_a_slower_point_counts_with_its_last_reading_until_that_is_old() -> None:
    one = unit(power=5, other=1, ct=2)
    bench = Bench([meter(factor_period_s=10.0, power_period_s=10.0)], {1: one})
    async with running(bench):
        await bench.clock.run_for(5.5)
        assert set(values(bench, "total")) == {11}
        assert len(values(bench, "total")) == pytest.approx(6, abs=1)


async def test_how_long_something_lasts_is_known_over_gaps_and_in_interlocks() -> None:
    """A gap is a bad reading, which is no recovery; an interlock knows what the cycles know."""
    thing = device("d1", {"power": point(0, report_all=True), "p": point(10, writable=WRITABLE)})
    thing.computed["long"] = TimedComputed(
        expression="held_for(power > 5, 20)", period_s=1.0, max_silence_s=300.0, report_all=True
    )
    one = unit(power=7)
    one.registers[Table.HOLDING, 10] = 0
    async with running(Bench([thing], {1: one})) as bench:
        await bench.clock.run_for(15)
        assert set(values(bench, "long")) == {None}
        assert reasons(bench.sink.of("d1", "long")) == {"not_known_for_long_enough"}
        await bench.clock.run_for(10)
        assert values(bench, "long")[-1] is True
        bench.driver.refused[0] = 6
        await bench.clock.run_for(9)
        assert values(bench, "long")[-1] is None
        bench.driver.refused.clear()
        bench.sink.log.clear()
        await bench.clock.run_for(15)
        assert set(values(bench, "long")) == {None}
        await bench.clock.run_for(20)
        assert values(bench, "long")[-1] is True
        one.registers[Table.HOLDING, 0] = 1
        await bench.clock.run_for(2)
        one.registers[Table.HOLDING, 0] = 7
        await bench.clock.run_for(1)
        assert False in values(bench, "long")
        await bench.clock.run_for(25)
        seen: list[Reading | None] = []

        def final_check() -> None:
            seen.append(bench.port.latest("d1", "long"))
            raise CommandError("no")

        with pytest.raises(CommandError, match="no"):
            await commanded(bench, value=1, watched=[Place("d1", "long")], final_check=final_check)
    assert seen[0] is not None
    assert seen[0].value is True


async def test_an_interlock_reads_what_its_point_is_made_of() -> None:
    one = unit(power=5, other=1, ct=40)
    thing = meter(power_period_s=600.0, factor_period_s=600.0)
    thing.points["p"] = point(10, writable=WRITABLE)
    one.registers[Table.HOLDING, 10] = 0
    async with running(Bench([thing], {1: one})) as bench:
        await bench.clock.run_for(2)
        one.registers[Table.HOLDING, 900] = 1000
        seen: list[Reading | None] = []

        def final_check() -> None:
            seen.append(bench.port.latest("d1", "total"))
            raise CommandError("no")

        with pytest.raises(CommandError, match="no"):
            await commanded(bench, value=1, watched=[Place("d1", "total")], final_check=final_check)
    assert seen[0] is not None
    assert seen[0].value == 5001


async def test_a_part_of_two_registers_is_written_into_what_they_hold() -> None:
    field = point(0, type=DataType.BITFIELD, bit=12, width=8, length=2, writable=WRITABLE)
    one = FakeUnit({(Table.HOLDING, 0): 0xFFFF, (Table.HOLDING, 1): 0xFFFF})
    async with running(Bench([device("d1", {"p": field})], {1: one})) as bench:
        await bench.clock.run_for(1)
        assert (await commanded(bench, value=0)).confirmed
    assert one.registers[Table.HOLDING, 0] == 0xFFF0
    assert one.registers[Table.HOLDING, 1] == 0x0FFF
