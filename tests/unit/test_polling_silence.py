"""Units that are slow, slow for long answers only, or silent to some of their registers."""

import pytest
import structlog

from config.points import DataType, Point, Table
from config.ports import ModbusRtuOverTcpPort, ModbusTcpPort, Port
from edge_agent.drivers.registers.plan import Block
from edge_agent.drivers.timing import line_timing
from edge_agent.polling.bisection import Bisection
from protocols.reading import Quality
from tests.fakes.devices import device, point
from tests.fakes.driver import FakeUnit
from tests.fakes.port_bench import SETTINGS, Bench, running
from tests.fakes.slow_line import SlowLine


def line(bench: Bench) -> SlowLine:
    assert isinstance(bench.driver, SlowLine)
    return bench.driver


def slow_bench(*points: int, response_s: float = 0.02, settings: Port = SETTINGS) -> Bench:
    """One unit with these registers, each in a request of its own."""
    names = {f"p{at}": point(at, report_all=True) for at in points}
    units = {1: FakeUnit({}, response_s)}
    return Bench([device("d1", names)], units, driver=SlowLine, settings=settings)


@pytest.mark.parametrize("late", ["ignore_late_response", "heard"])
async def test_a_unit_that_becomes_slow_is_waited_for_after_a_few_cycles(late: str) -> None:
    bench = slow_bench(0)
    if late == "heard":
        line(bench).port = bench.port
    async with running(bench):
        await bench.clock.run_for(20)
        line(bench).units[1].response_s = 0.35
        await bench.clock.run_for(20)
        before = line(bench).timeouts
        await bench.clock.run_for(200)
    assert before <= 8
    assert line(bench).timeouts == before
    assert bench.sink.events == [("up", "d1", "")]


@pytest.mark.parametrize("kind", ["rtu", "gateway", "unknown"])
async def test_one_long_block_among_short_ones_is_waited_for_as_long_as_it_needs(
    kind: str,
) -> None:
    ports: dict[str, Port] = {
        "rtu": ModbusRtuOverTcpPort(kind="modbus_rtu_over_tcp", host="h", line_baud=2400),
        "gateway": ModbusTcpPort(kind="modbus_tcp", host="h", line_baud=2400),
        "unknown": ModbusTcpPort(kind="modbus_tcp", host="h"),
    }
    short = {f"s{at}": point(at, report_all=True) for at in range(0, 9000, 1000)}
    long = {f"l{at}": point(20000 + at, report_all=True) for at in range(60)}
    bench = Bench(
        [device("d1", short | long)],
        {1: FakeUnit({}, 0.02)},
        driver=SlowLine,
        settings=ports[kind],
    )
    line(bench).char_s = 22 / 2400
    async with running(bench):
        await bench.clock.run_for(100)
    allowed = 5 if kind == "unknown" else 0
    assert line(bench).timeouts <= allowed
    assert bench.sink.events == [("up", "d1", "")]
    good = bench.sink.times_s("d1", "l0")
    assert len(good) >= 95


def test_a_gateway_whose_line_is_known_is_predicted_and_waited_for_as_that_line() -> None:
    near = line_timing(ModbusTcpPort(kind="modbus_tcp", host="h"))
    far = line_timing(ModbusTcpPort(kind="modbus_tcp", host="h", line_baud=9600))
    assert near.wire_s(Table.HOLDING, 100) == 0.0
    assert far.wire_s(Table.HOLDING, 100) == pytest.approx(213 * 11 / 9600)
    assert far.expected_s(Table.HOLDING, 100) > far.wire_s(Table.HOLDING, 100)
    assert far.gap_s == 0.0


async def test_one_silent_block_is_set_apart_and_its_neighbours_are_not_delayed() -> None:
    bench = slow_bench(0, 1000, 2000)
    line(bench).silent = {(1, 1000)}
    with structlog.testing.capture_logs() as logs:
        async with running(bench):
            await bench.clock.run_for(30)
            busy_s = bench.count("plantroom_port_busy_seconds_total")
            await bench.clock.run_for(570)
            busy_s = bench.count("plantroom_port_busy_seconds_total") - busy_s
    assert bench.sink.events == [("up", "d1", "")]
    assert len(bench.sink.times_s("d1", "p0")) >= 599
    assert [r.reason for r in bench.sink.of("d1", "p1000")][-1] == "no_answer"
    # 570 cycles of two short answers, and a look at the silent one after a minute.
    assert busy_s <= 570 * 2 * 0.02 + 0.03 * 570
    left_out = [one for one in logs if one["event"] == "points_refused"]
    assert [(one["port"], one["registers"]) for one in left_out] == [("bus", ["holding 1000"])]


async def test_the_good_neighbours_of_a_silent_register_arrive_again() -> None:
    bench = slow_bench(*range(1000, 1020), 3000)
    line(bench).silent = {(1, 1007)}
    async with running(bench):
        # Down at first, for its first block is silent; then piece by piece out of the budget.
        await bench.clock.run_for(150)
        bench.sink.log.clear()
        await bench.clock.run_for(100)
    for at in (*range(1000, 1007), *range(1008, 1020), 3000):
        good = [r for r in bench.sink.of("d1", f"p{at}") if r.quality is Quality.GOOD]
        assert len(good) >= 99, at
    assert {r.reason for r in bench.sink.of("d1", "p1007")} == {"no_answer"}


async def test_silent_registers_that_begin_to_answer_are_read_again() -> None:
    bench = slow_bench(0, 1000)
    line(bench).silent = {(1, 1000)}
    async with running(bench):
        await bench.clock.run_for(30)
        line(bench).silent = set()
        # A minute after it was learned, when its silences are paid back.
        await bench.clock.run_for(80)
    assert bench.sink.of("d1", "p1000")[-1].quality is Quality.GOOD


async def test_a_unit_whose_smallest_block_is_silent_comes_up() -> None:
    points = {"a": point(0, report_all=True)}
    points |= {f"b{i}": point(1000 + i, report_all=True) for i in range(4)}
    bench = Bench([device("d1", points)], {1: FakeUnit({}, 0.02)}, driver=SlowLine)
    line(bench).silent = {(1, 0)}
    async with running(bench):
        await bench.clock.run_for(300)
        events = len(bench.sink.events)
        bench.sink.log.clear()
        await bench.clock.run_for(100)
    assert bench.sink.events[events:] == []
    assert len(bench.sink.times_s("d1", "b0")) >= 99


@pytest.mark.long
async def test_a_unit_with_a_silent_register_in_each_block_is_read_around_them() -> None:
    points = {
        f"p{at}": point(at, report_all=True, period_s=10.0)
        for first in (0, 1000, 2000)
        for at in range(first, first + 6)
    }
    others = [device(f"d{n}", {"q": point(0)}, unit=n) for n in (2, 3)]
    units = {n: FakeUnit({}, 0.02) for n in (1, 2, 3)}
    bench = Bench([device("d1", points), *others], units, driver=SlowLine)
    line(bench).silent = {(1, 3), (1, 1003), (1, 2003)}
    async with running(bench):
        await bench.clock.run_for(900)
        events = len(bench.sink.events)
        bench.sink.log.clear()
        await bench.clock.run_for(300)
    assert bench.sink.events[events:] == []
    for name in points:
        good = [r for r in bench.sink.of("d1", name) if r.quality is Quality.GOOD]
        assert len(good) == (0 if name in {"p3", "p1003", "p2003"} else 30), name


async def test_a_unit_whose_shortest_points_are_silent_in_every_block_is_found() -> None:
    points: dict[str, Point] = {}
    for first in (0, 1000):
        points[f"short{first}"] = point(first, report_all=True)
        points[f"long{first}"] = point(first + 1, type=DataType.INT32, report_all=True)
    bench = Bench([device("d1", points)], {1: FakeUnit({}, 0.02)}, driver=SlowLine)
    # No block is answered, and neither are the points of one register.
    line(bench).silent = {(1, 0), (1, 1000)}
    async with running(bench):
        await bench.clock.run_for(600)
        bench.sink.log.clear()
        await bench.clock.run_for(100)
    for name in points:
        good = [r for r in bench.sink.of("d1", name) if r.quality is Quality.GOOD]
        assert len(good) == (0 if name.startswith("short") else 100), name


@pytest.mark.long
async def test_a_silent_register_is_tried_although_others_are_searched_all_the_time() -> None:
    points = {"a": point(0), "b": point(9), "silent": point(100), "c": point(30)}
    bench = Bench([device("d1", points)], {1: FakeUnit({}, 0.02)}, driver=SlowLine)
    line(bench).silent = {(1, 100)}
    availability = bench.port.devices["d1"]._availability
    async with running(bench):
        await bench.clock.run_for(400)
        line(bench).silent = set()
        # Half an hour of retries of another point, which replan the device each time.
        for _ in range(200):
            await bench.clock.run_for(5)
            search = Bisection()
            search.split(Block(Table.HOLDING, 9, 1, ("b",)), points)
            availability.conclude(search, bench.clock.monotonic_s(), heard=True)
            bench.port.devices["d1"].search._replan()
            availability.retry_in_plan(Block(Table.HOLDING, 9, 1, ("b",)))
            bench.port.devices["d1"].search._replan()
    assert bench.sink.of("d1", "silent")[-1].quality is Quality.GOOD
