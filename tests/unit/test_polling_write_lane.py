"""Which command goes out when, and which does not any more."""

import asyncio

import pytest

from config.interlock import Place
from edge_agent.errors import CommandError, DeviceTimeoutError
from protocols.reading import Quality
from tests.fakes.devices import device, point
from tests.fakes.driver import FakeUnit
from tests.fakes.port_bench import WRITABLE, Bench, alive, commanded, holding, port_manager, running


async def test_one_command_waits_for_a_unit_without_power_and_the_rest_is_refused() -> None:
    units = alive(2)
    async with running(Bench(port_manager(2, writable=WRITABLE), units)) as bench:
        await bench.clock.run_for(5.5)
        units[1].offline = True
        calls = [asyncio.create_task(bench.port.write("d1", "p", value)) for value in range(6)]
        calls.append(asyncio.create_task(bench.port.write("d2", "p", 7)))
        await bench.clock.run_for(1.1)
        done = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(one) for one in done[:6]] == [DeviceTimeoutError] + [CommandError] * 5
    assert "not sent, as the command before" in str(done[1])
    assert not isinstance(done[6], BaseException)
    assert [ask.unit for ask in bench.driver.asked if ask.written] == [1, 2]


async def test_commands_that_are_not_answered_count_against_their_unit() -> None:
    units = alive(1)
    options = {"writable": WRITABLE, "period_s": 3600.0}
    async with running(Bench(port_manager(1, **options), units)) as bench:
        await bench.clock.run_for(70)
        units[1].offline = True
        for _ in range(3):
            call = asyncio.create_task(bench.port.write("d1", "p", 5))
            await bench.clock.run_for(1.1)
            with pytest.raises(DeviceTimeoutError):
                await call
        assert not bench.port.answers("d1")
    assert bench.sink.states == [("d1", "degraded", "timeout")]
    assert bench.sink.events[-1] == ("down", "d1", "timeout")
    assert bench.sink.of("d1", "p")[-1].quality is Quality.STALE


async def test_a_command_waits_for_a_late_echo_of_the_one_before() -> None:
    units = alive(2)
    async with running(Bench(port_manager(2, writable=WRITABLE), units)) as bench:
        await bench.clock.run_for(5)
        bench.driver.clear_to_write_s = bench.clock.monotonic_s() + 2
        call = asyncio.create_task(bench.port.write("d1", "p", 5))
        await bench.clock.run_for(1.5)
        assert not call.done()
        await bench.clock.run_for(1)
        assert call.done()


async def test_commands_for_a_unit_that_goes_offline_while_they_wait_are_refused_at_once() -> None:
    units = alive(2)
    async with running(Bench(port_manager(2, writable=WRITABLE), units)) as bench:
        await bench.clock.run_for(70)
        bench.driver.clear_at_s[1] = 1e9
        call = asyncio.create_task(bench.port.write("d1", "p", 5))
        await bench.clock.run_for(0.5)
        assert not call.done()
        bench.driver.clear_at_s.clear()
        bench.driver.clear_at_s[1] = 1e9
        for _ in range(3):
            bench.port.devices["d1"].unit.failed(bench.clock.monotonic_s())
        await bench.clock.run_for(1)
        with pytest.raises(CommandError, match="not sent: unit 1 does not answer"):
            await call


async def test_a_command_waits_for_late_answers_and_nobody_else_does() -> None:
    units = alive(2)
    async with running(Bench(port_manager(2, writable=WRITABLE, period_s=0.1), units)) as bench:
        await bench.clock.run_for(5)
        bench.driver.clear_at_s[1] = bench.clock.monotonic_s() + 2
        bench.sink.log.clear()
        calls = [
            asyncio.create_task(bench.port.write(name, "p", 5, expires_at=expires_at))
            for name, expires_at in (
                ("d1", None),
                ("d1", bench.clock.now_ms() + 1000),
                ("d2", None),
            )
        ]
        await bench.clock.run_for(0.1)
        assert [call.done() for call in calls] == [False, False, True]
        await bench.clock.run_for(1.2)
        with pytest.raises(CommandError, match="expired"):
            await calls[1]
        assert not calls[0].done()
        await bench.clock.run_for(1)
        assert (await calls[0]).confirmed
    assert max(bench.gaps_s("d2")) <= 0.13


async def test_a_command_judges_what_is_on_its_port_by_fresh_values() -> None:
    """'Close the valve' and 'start the pump while it is open' arrive together."""
    points = {"p": point(0, writable=WRITABLE, period_s=10.0), "pump": point(1)}
    units = {1: FakeUnit(holding(0, 1)), 2: FakeUnit(holding(0))}
    pump = device("d2", {"p": point(0, writable=WRITABLE)}, unit=2)
    async with running(Bench([device("d1", points), pump], units)) as bench:
        await bench.clock.run_for(1.5)

        def final_check() -> None:
            valve = bench.port.latest("d1", "p")
            if valve is None or valve.value != 100:
                raise CommandError("the valve is closed")

        calls = [
            asyncio.create_task(bench.port.write("d1", "p", 0)),
            asyncio.create_task(
                bench.port.write("d2", "p", 1, watched=[Place("d1", "p")], final_check=final_check)
            ),
        ]
        await bench.clock.run_for(2)
        assert (await calls[0]).confirmed
        with pytest.raises(CommandError, match="the valve is closed"):
            await calls[1]
    assert [ask.unit for ask in bench.driver.asked if ask.written] == [1]


@pytest.mark.parametrize("how", ["offline", "garbage", "code"])
async def test_a_command_is_not_carried_out_when_its_interlock_cannot_be_read(how: str) -> None:
    units = alive(2)
    async with running(Bench(port_manager(2, writable=WRITABLE, period_s=60.0), units)) as bench:
        await bench.clock.run_for(1.5)
        setattr(units[2], how, 4 if how == "code" else True)
        with pytest.raises(CommandError, match=r"d2\.p is needed for its interlock"):
            await commanded(bench, watched=[Place("d2", "p")])
    assert [ask for ask in bench.driver.asked if ask.written] == []
