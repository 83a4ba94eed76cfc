"""A busy device is asked again; what one accepts and has not finished is read back."""

import asyncio

import pytest

from edge_agent.errors import CommandError
from protocols.reading import Quality
from tests.fakes.port_bench import WRITABLE, Bench, alive, commanded, port_manager, running


@pytest.mark.parametrize("code", [5, 6])
@pytest.mark.parametrize("times", [1, 2, 3])
async def test_a_busy_device_is_read_in_the_same_cycle(code: int, times: int) -> None:
    units = alive(2)
    units[1].busy_code = code
    async with running(Bench(port_manager(2, period_s=1.0), units)) as bench:
        await bench.clock.run_for(5.5)
        units[1].busy = times
        await bench.clock.run_for(4)
    readings = bench.sink.of("d1", "p")
    assert {reading.quality for reading in readings} == {Quality.GOOD}
    assert max(bench.gaps_s("d1")) < 1.8
    assert max(bench.gaps_s("d2")) < 1.05


async def test_a_device_that_is_always_busy_is_left_alone_between_and_reported_as_busy() -> None:
    units = alive(2)
    async with running(Bench(port_manager(2, period_s=1.0), units)) as bench:
        await bench.clock.run_for(2.5)
        units[1].busy = 10_000
        before = len(bench.driver.asked)
        await bench.clock.run_for(10)
        asked = [one for one in bench.driver.asked[before:] if one.unit == 1]
    assert 20 < len(asked) < 60
    assert bench.sink.of("d1", "p")[-1].reason == "refused_6"
    assert bench.health.devices["d1"].up
    assert max(bench.gaps_s("d2")) < 1.05


@pytest.mark.parametrize("times", [1, 3])
async def test_a_command_for_a_busy_device_is_given_again(times: int) -> None:
    units = alive(1)
    async with running(Bench(port_manager(1, writable=WRITABLE), units)) as bench:
        await bench.clock.run_for(1.5)
        units[1].busy = times
        written = await commanded(bench)
    assert written.confirmed
    assert [one.written for one in bench.driver.asked if one.written] == [(5,)] * (times + 1)


async def test_a_command_is_refused_in_the_end_and_not_after_its_time() -> None:
    units = alive(1)
    async with running(Bench(port_manager(1, writable=WRITABLE), units)) as bench:
        await bench.clock.run_for(1.5)
        units[1].write_code = 6
        with pytest.raises(CommandError, match="exception 6"):
            await commanded(bench)
        sent = [one for one in bench.driver.asked if one.written]
        assert len(sent) == 6
        with pytest.raises(CommandError, match="expired"):
            await commanded(bench, expires_at=bench.clock.now_ms() + 500)


async def test_a_read_back_of_a_busy_device_is_tried_again() -> None:
    units = alive(1)
    async with running(Bench(port_manager(1, writable=WRITABLE), units)) as bench:
        await bench.clock.run_for(1.5)
        call = asyncio.create_task(bench.port.write("d1", "p", 5))
        await bench.clock.run_for(0.0105)
        units[1].busy = 2
        await bench.clock.run_for(5)
        assert (await call).confirmed


@pytest.mark.parametrize("applies", [True, False])
async def test_a_write_that_is_accepted_and_not_finished_is_read_back(*, applies: bool) -> None:
    units = alive(1)
    units[1].write_code, units[1].applies_before_refusal = 5, applies
    async with running(Bench(port_manager(1, writable=WRITABLE), units)) as bench:
        await bench.clock.run_for(1.5)
        written = await commanded(bench)
    assert written.confirmed is applies
