"""Offline units beside healthy ones, in simulated time: what they cost, and when they are found."""

from random import Random

import pytest
import structlog

from config.points import Table
from config.ports import ModbusRtuPort
from edge_agent.drivers.timing import line_timing
from edge_agent.errors import CommandError
from tests.fakes.devices import device, point
from tests.fakes.driver import FakeUnit
from tests.fakes.port_bench import Bench, alive, holding, port_manager, running

FOUND_WITHIN_S = 76.0
"""Due after 40 s at most; then, of four, three others and this one are saved for."""


async def until_up(bench: Bench, *names: str, within_s: float) -> float:
    """Return after how many seconds they are all up."""
    began_s = bench.clock.monotonic_s()
    while not all(bench.health.devices[name].up for name in names):
        assert bench.clock.monotonic_s() - began_s < within_s
        await bench.clock.run_for(0.5)
    return bench.clock.monotonic_s() - began_s


@pytest.mark.seeds(3, 100)
async def test_of_four_offline_in_twenty_one_that_returns_is_found_within_the_bound(
    seed: int,
) -> None:
    rng = Random(seed)  # noqa: S311 (reproducible instants, not a secret)
    units = alive(20)
    gone = (3, 8, 13, 18)
    for number in gone:
        units[number].offline = True
    async with running(Bench(port_manager(20), units, seed=seed)) as bench:
        await bench.clock.run_for(rng.uniform(60, 160))
        back = rng.choice(gone)
        units[back].offline = False
        await until_up(bench, f"d{back}", within_s=FOUND_WITHIN_S)
    assert max(bench.gaps_s("d1")[2:]) <= 1.02


@pytest.mark.seeds(2, 20)
async def test_on_a_serial_line_one_of_three_is_found_beside_a_flapping_one(seed: int) -> None:
    settings = ModbusRtuPort(kind="modbus_rtu", device="/dev/null", timeout_s=1.0)
    wire_s = line_timing(settings).wire_s(Table.HOLDING, 1)
    units = alive(10, response_s=0.01 + wire_s)
    for number in (2, 5, 8):
        units[number].offline = True
    bench = Bench(port_manager(10, period_s=5.0), units, settings=settings, seed=seed)
    async with running(bench):
        for turn in range(12):
            units[10].offline = turn % 2 == 1
            await bench.clock.run_for(20 + seed / 40)
        units[5].offline = False
        found_s = 0.0
        while not bench.health.devices["d5"].up:
            units[10].offline = int(found_s / 20) % 2 == 0
            await bench.clock.run_for(1)
            found_s += 1
            assert found_s <= 85
    assert max(bench.gaps_s("d1")) <= 5.3


async def test_a_unit_that_dies_holds_its_neighbours_up_by_its_first_silence_only() -> None:
    units = alive(20)
    async with running(Bench(port_manager(20), units)) as bench:
        await bench.clock.run_for(10)
        units[2].offline = True
        await bench.clock.run_for(60)
    # Its first silence, 0.2 s; its repetitions go behind the others' cycle.
    assert max(bench.gaps_s("d1")) <= 1.02
    assert max(bench.gaps_s("d20")) <= 1.22
    assert sum(gap > 1.02 for gap in bench.gaps_s("d20")) == 1


@pytest.mark.long
@pytest.mark.sampled(2)
@pytest.mark.parametrize("gone", [4, 10])
async def test_many_that_die_together_cost_neither_their_neighbours_nor_the_port(
    gone: int,
) -> None:
    units = alive(20)
    async with running(Bench(port_manager(20), units)) as bench:
        await bench.clock.run_for(100)
        for number in range(1, gone + 1):
            units[2 * number].offline = True
        await bench.clock.run_for(300)
        spent_s = bench.count("plantroom_port_offline_seconds_total")
        for number in range(1, gone + 1):
            units[2 * number].offline = False
        names = [f"d{2 * number}" for number in range(1, gone + 1)]
        await until_up(bench, *names, within_s=60)
    # Each is waited for once in the cycle in which they die, 0.2 s; later none is in the way.
    assert max(bench.gaps_s("d1")) <= 1.02 + 0.2 * gone
    for healthy in ("d1", "d11", "d19", "d17"):
        assert sum(gap > 1.02 for gap in bench.gaps_s(healthy)) <= 2, healthy
    # All else is spare time: a minute of waits in full, then what the back-off allows.
    assert spent_s <= 60 + 240 * gone * 0.2 / 24
    assert sum(event[0] == "down" for event in bench.sink.events) == gone


@pytest.mark.long
async def test_units_offline_from_the_start_are_waited_for_as_their_neighbours_need() -> None:
    units = alive(20)
    for number in range(11, 21):
        units[number].offline = True
    async with running(Bench(port_manager(20), units)) as bench:
        await bench.clock.run_for(300)
    assert max(bench.gaps_s("d1")) <= 1.02 + 10 * 0.2
    for healthy in ("d1", "d5", "d10"):
        assert sum(gap > 1.02 for gap in bench.gaps_s(healthy)) <= 1, healthy
    # Their first five probes are spare time, all others 3 %.
    assert bench.count("plantroom_port_offline_seconds_total") <= 0.03 * 300 + 10 * 5 * 0.2


async def test_a_line_that_was_cut_is_probed_at_once_and_comes_back_together() -> None:
    units = alive(10)
    async with running(Bench(port_manager(10), units)) as bench:
        await bench.clock.run_for(20)
        for unit in units.values():
            unit.offline = True
        await bench.clock.run_for(60)
        assert not any(state.up for state in bench.health.devices.values())
        for unit in units.values():
            unit.offline = False
        await until_up(bench, *bench.port.devices, within_s=20)


async def test_a_short_common_silence_takes_no_unit_offline() -> None:
    units = alive(6)
    async with running(Bench(port_manager(6), units)) as bench:
        await bench.clock.run_for(10.5)
        for number in (2, 3, 4):
            units[number].offline = True
        await bench.clock.run_for(1.05)
        for number in (2, 3, 4):
            units[number].offline = False
        await bench.clock.run_for(5)
    assert [event for event in bench.sink.events if event[0] == "down"] == []
    assert {reading.reason for _, reading in bench.sink.log} == {""}


async def test_on_a_port_that_is_asked_more_than_it_can_an_offline_unit_is_still_found() -> None:
    units = alive(6, response_s=0.05)
    units[6].offline = True
    async with running(Bench(port_manager(6, period_s=0.2), units)) as bench:
        await bench.clock.run_for(60)
        units[6].offline = False
        await until_up(bench, "d6", within_s=60)


async def test_two_ports_with_the_same_unit_number_go_offline_apart() -> None:
    silent_bus, live_bus = alive(1), alive(1)
    silent_bus[1].offline = True
    other = device("other", {"p": point(0, report_all=True)}, unit=1, port="second")
    async with (
        running(Bench(port_manager(1), silent_bus)) as first,
        running(Bench([other], live_bus)) as second,
    ):
        for bench in (first, second):
            await bench.clock.run_for(30)
        assert not first.port.answers("d1")
        assert second.port.answers("other")
    assert first.sink.events == [("down", "d1", "timeout")]
    assert second.sink.events == [("up", "other", "")]
    assert max(second.gaps_s("other")) <= 1.02


async def test_going_down_and_coming_back_is_logged_once_each_way() -> None:
    units = alive(2)
    with structlog.testing.capture_logs() as logs:
        async with running(Bench(port_manager(2), units)) as bench:
            await bench.clock.run_for(10)
            units[2].offline = True
            await bench.clock.run_for(200)
            with pytest.raises(CommandError):
                await bench.port.write("d2", "p", 1)
            units[2].offline = False
            await bench.clock.run_for(100)
    events = [(one["event"], one["log_level"]) for one in logs if one.get("device") == "d2"]
    assert events == [("device_up", "info"), ("device_down", "warning"), ("device_up", "info")]


async def test_a_late_answer_brings_a_unit_back_that_has_become_slow() -> None:
    units = alive(2)
    async with running(Bench(port_manager(2), units)) as bench:
        await bench.clock.run_for(10)
        units[2].offline = True
        await bench.clock.run_for(300)
        units[2].offline, units[2].response_s = False, 0.5
        bench.driver.on_late_response(2, 0.5)
        await until_up(bench, "d2", within_s=45)
    assert bench.port.devices["d2"].unit.response_s == pytest.approx(0.5)


async def test_a_unit_that_answers_later_than_the_port_waits_is_named_once() -> None:
    units = alive(2)
    units[2].offline = True
    with structlog.testing.capture_logs() as logs:
        async with running(Bench(port_manager(2), units)) as bench:
            await bench.clock.run_for(10)
            for _ in range(3):
                bench.port.on_late_response(2, 1.7)
    events = [one for one in logs if one["event"] == "answers_too_late"]
    assert [(one["unit"], one["after_s"], one["timeout_s"]) for one in events] == [(2, 1.7, 1.0)]


async def test_an_open_port_on_which_nobody_answers_is_shown_as_open() -> None:
    units = {1: FakeUnit(holding(0))}
    units[1].offline = True
    bench = Bench(port_manager(1), units)
    bench.driver.refuses_to_open = True
    async with running(bench):
        await bench.clock.run_for(3)
        assert not bench.health.ports["bus"].open
        bench.driver.refuses_to_open = False
        await bench.clock.run_for(10)
        state = bench.health.ports["bus"]
        assert (state.open, state.up) == (True, False)
        units[1].offline = False
        await bench.clock.run_for(60)
    assert (state.open, state.up) == (True, True)
