"""A device that says nothing to requests that are too long for it is learned."""

import pytest

from protocols.reading import Quality
from tests.fakes.devices import device, point
from tests.fakes.driver import FakeUnit
from tests.fakes.port_bench import Bench, holding, running


@pytest.mark.sampled(5)
@pytest.mark.parametrize("others", [0, 2])
@pytest.mark.parametrize("most", [1, 2, 3])
@pytest.mark.parametrize("count", [4, 12])
async def test_a_device_that_is_silent_above_some_registers_is_read_in_short_requests(
    most: int, count: int, others: int
) -> None:
    points = {f"p{at}": point(at, report_all=True) for at in range(count)}
    devices = [device("d1", points, unit=1)]
    devices += [device(f"d{n}", {"p": point(0)}, unit=n) for n in range(2, 2 + others)]
    units = {1: FakeUnit(holding(*range(count)), 0.01)}
    units |= {n: FakeUnit(holding(0), 0.01) for n in range(2, 2 + others)}
    units[1].silent_above = most
    async with running(Bench(devices, units)) as bench:
        await bench.clock.run_for(900 if others else 120)
        before = len(bench.driver.asked)
        await bench.clock.run_for(30)
    asked = [one for one in bench.driver.asked[before:] if one.unit == 1]
    assert max(one.size for one in asked) <= most
    for name in points:
        assert bench.sink.of("d1", name)[-1].quality is Quality.GOOD, name
        assert max(bench.gaps_s("d1", name)[-20:]) < 1.5
