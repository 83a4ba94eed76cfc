"""The loop of one port against a line in memory and a clock that jumps."""

import pytest

from edge_agent.errors import PortDownError
from edge_agent.polling.port import PortOwner
from protocols.reading import Quality
from tests.fakes.devices import device, point
from tests.fakes.driver import FakeUnit
from tests.fakes.port_bench import SETTINGS, Bench, alive, holding, port_manager, running


async def test_readings_follow_the_device_coming_up_and_keep_the_grid() -> None:
    async with running(Bench(port_manager(3), alive(3))) as bench:
        await bench.clock.run_for(60)
    assert bench.sink.events == [("up", "d1", ""), ("up", "d2", ""), ("up", "d3", "")]
    for name in ("d1", "d2", "d3"):
        assert len(bench.sink.of(name, "p")) == 60
        assert bench.gaps_s(name) == pytest.approx([1.0] * 59, abs=0.002)


async def test_unchanged_values_are_not_reported() -> None:
    async with running(Bench(port_manager(1, report_all=False), alive(1))) as bench:
        await bench.clock.run_for(650)
    assert len(bench.sink.of("d1", "p")) == 3


@pytest.mark.long
async def test_offline_units_cost_the_healthy_nothing() -> None:
    units = alive(20)
    for number in (3, 8, 13, 18):
        units[number].offline = True
    async with running(Bench(port_manager(20), units)) as bench:
        await bench.clock.run_for(20)
        bench.sink.log.clear()
        await bench.clock.run_for(900)
    assert max(bench.gaps_s("d1")) <= 1.02
    assert max(bench.gaps_s("d20")) <= 1.02
    assert bench.count("plantroom_port_offline_seconds_total") <= 0.03 * 920
    assert bench.sink.events.count(("down", "d3", "timeout")) == 1


async def test_a_unit_that_dies_is_stale_once_and_comes_back_with_one_probe() -> None:
    units = alive(2)
    async with running(Bench(port_manager(2), units)) as bench:
        await bench.clock.run_for(10)
        units[2].offline = True
        await bench.clock.run_for(120)
        units[2].offline = False
        await bench.clock.run_for(120)
    assert [event for event in bench.sink.events if event[1] == "d2"] == [
        ("up", "d2", ""),
        ("down", "d2", "timeout"),
        ("up", "d2", ""),
    ]
    qualities = [reading.quality for reading in bench.sink.of("d2", "p")]
    assert qualities.count(Quality.STALE) == 1
    assert qualities[-1] is Quality.GOOD
    assert bench.health.devices["d2"].up
    assert max(bench.gaps_s("d1")) <= 1.02


async def test_a_unit_that_never_answered_is_down_and_has_no_readings() -> None:
    units = alive(2)
    units[2].offline = True
    async with running(Bench(port_manager(2), units)) as bench:
        await bench.clock.run_for(30)
    assert ("down", "d2", "timeout") in bench.sink.events
    assert bench.sink.of("d2", "p") == []


async def test_a_single_lost_answer_is_asked_again_in_its_cycle() -> None:
    units = alive(1)
    async with running(Bench(port_manager(1), units)) as bench:
        await bench.clock.run_for(10.5)
        units[1].garbage = True
        await bench.clock.run_for(0.515)
        units[1].garbage = False
        await bench.clock.run_for(10)
    assert {reading.quality for reading in bench.sink.of("d1", "p")} == {Quality.GOOD}
    assert len(bench.sink.of("d1", "p")) == 22
    assert bench.count("plantroom_request_errors_total", reason="garbage") == 1


async def test_a_unit_that_misses_an_answer_is_degraded_until_the_next() -> None:
    units = alive(2)
    async with running(Bench(port_manager(2), units)) as bench:
        await bench.clock.run_for(10.5)
        units[2].garbage = True
        await bench.clock.run_for(0.6)
        units[2].garbage = False
        await bench.clock.run_for(10)
    assert bench.sink.states == [("d2", "degraded", "garbage"), ("d2", "online", "")]


async def test_good_registers_around_an_unavailable_one_arrive_in_the_same_cycle() -> None:
    points = {f"p{i}": point(i, report_all=True) for i in range(10)}
    registers = holding(*(set(range(10)) - {6}))
    async with running(Bench([device("d1", points)], {1: FakeUnit(registers)})) as bench:
        await bench.clock.run_for(0.9)
        first = len(bench.driver.asked)
        await bench.clock.run_for(1)
    for i in range(10):
        readings = bench.sink.of("d1", f"p{i}")
        assert len(readings) == 2
        assert readings[0].quality is (Quality.BAD if i == 6 else Quality.GOOD)
    assert bench.sink.of("d1", "p6")[0].reason == "illegal_address"
    assert first > 2
    assert len(bench.driver.asked) == first + 2


async def test_a_refusing_unit_is_up_and_its_points_are_bad() -> None:
    units = alive(1)
    units[1].code = 4
    async with running(Bench(port_manager(1, report_all=False), units)) as bench:
        await bench.clock.run_for(10)
        units[1].code = 0
        await bench.clock.run_for(2)
    assert bench.sink.events == [("up", "d1", "")]
    readings = [(r.quality, r.reason) for r in bench.sink.of("d1", "p")]
    assert readings == [(Quality.BAD, "refused_4"), (Quality.GOOD, "")]


async def test_devices_of_one_unit_go_and_come_together() -> None:
    pair = [device("a", {"p": point(0)}), device("b", {"q": point(0, period_s=60.0)})]
    units = alive(1)
    async with running(Bench(pair, units)) as bench:
        await bench.clock.run_for(5)
        units[1].offline = True
        await bench.clock.run_for(20)
    assert {event[:2] for event in bench.sink.events} == {
        ("up", "a"), ("up", "b"), ("down", "a"), ("down", "b"),
    }  # fmt: skip


async def test_a_port_that_cannot_be_opened_is_down_until_it_can() -> None:
    bench = Bench(port_manager(2), alive(2))
    bench.driver.refuses_to_open = True
    async with running(bench):
        await bench.clock.run_for(60)
        assert bench.sink.events == [("down", "d1", "port_down"), ("down", "d2", "port_down")]
        assert bench.health.ports["bus"].up is False
        bench.driver.refuses_to_open = False
        await bench.clock.run_for(3)
    assert ("up", "d1", "") in bench.sink.events
    assert bench.health.ports["bus"].up


async def test_a_dropped_connection_is_opened_again_before_anybody_notices() -> None:
    async with running(Bench(port_manager(2), alive(2))) as bench:
        for _ in range(5):
            await bench.clock.run_for(2)
            bench.driver.cut = True
        await bench.clock.run_for(2)
    assert bench.driver.openings == 6
    assert bench.sink.events == [("up", "d1", ""), ("up", "d2", "")]
    assert max(bench.gaps_s("d1")) <= 1.02


async def test_a_connection_that_only_opens_counts_as_down() -> None:
    bench = Bench(port_manager(1), alive(1))

    async def cut_always(*_: object, **__: object) -> None:
        raise PortDownError("reset by peer")

    bench.driver.read = cut_always  # type: ignore[method-assign]
    async with running(bench):
        await bench.clock.run_for(30)
    assert bench.sink.events == [("down", "d1", "port_down")]
    assert bench.driver.openings < 30


async def test_unavailable_registers_are_known_to_the_next_process() -> None:
    points = {f"p{i}": point(i) for i in range(10)}
    units = {1: FakeUnit(holding(*(set(range(10)) - {6})))}
    first = Bench([device("d1", points)], units)
    async with running(first):
        await first.clock.run_for(65)
    second = Bench([device("d1", points)], units)
    second.port = PortOwner(
        "bus",
        settings=SETTINGS,
        devices={"d1": device("d1", points)},
        open_driver=second.driver.opened,
        sink=second.sink,
        health=second.health,
        availability=first.availability,
        clock=second.clock,
    )
    async with running(second):
        await second.clock.run_for(0.9)
    assert len(second.driver.asked) == 2


async def test_the_phase_moves_the_whole_grid() -> None:
    bench = Bench(port_manager(1), alive(1))
    bench.port = PortOwner(
        "bus",
        settings=SETTINGS,
        devices={one.id: one for one in port_manager(1)},
        open_driver=bench.driver.opened,
        sink=bench.sink,
        health=bench.health,
        availability=bench.availability,
        clock=bench.clock,
        phase_s=0.037,
    )
    async with running(bench):
        await bench.clock.run_for(5)
    starts = [round(ask.at_s % 1, 3) for ask in bench.driver.asked]
    assert starts == [0.037] * 5
