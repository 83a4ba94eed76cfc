"""Refusals of devices that start, that fail, or have a table less; and of registers."""

from pathlib import Path

import pytest
import structlog

from config.points import DataType
from edge_agent.drivers.question import ALL_AVAILABLE
from edge_agent.polling.availability_store import AvailabilityFile, points_digest
from protocols.reading import Quality
from tests.fakes.devices import device, point
from tests.fakes.driver import FakeUnit
from tests.fakes.port_bench import Bench, holding, running


def reported(**options: object) -> dict[str, object]:
    return {"period_s": 1.0, "report_all": True} | options


def ten_points(*, availability: AvailabilityFile | None = None, **options: object) -> Bench:
    points = {f"p{i}": point(i, **reported(**options)) for i in range(10)}
    return Bench(
        [device("d1", points)], {1: FakeUnit(holding(*range(10)))}, availability=availability
    )


def goods(bench: Bench, name: str) -> int:
    return sum(r.quality is Quality.GOOD for r in bench.sink.of("d1", name))


def refuse_from(bench: Bench, code: int, *addresses: int) -> None:
    """Refuse requests that touch these registers with a code."""
    bench.driver.refused = dict.fromkeys(addresses, code)


async def test_a_device_that_refuses_everything_while_it_starts_is_read_when_it_has_started(
    tmp_path: Path,
) -> None:
    availability = AvailabilityFile(tmp_path / "availability.json")
    bench = ten_points(availability=availability)
    refuse_from(bench, 2, *range(10))
    async with running(bench):
        await bench.clock.run_for(300)
        asked = len(bench.driver.asked)
        assert {r.reason for _, r in bench.sink.log} == {"illegal_address"}
        refuse_from(bench, 2)
        await bench.clock.run_for(3)
    # One request a second, and a search now and then.
    assert asked <= 300 + 4 * 20
    assert all(goods(bench, f"p{i}") >= 2 for i in range(10))
    assert availability.load("d1", points_digest(bench.port.devices["d1"].device)) == ALL_AVAILABLE


async def test_a_class_whose_points_are_all_refused_is_asked_on() -> None:
    points = {f"p{i}": point(i, **reported()) for i in range(4)}
    points |= {f"q{i}": point(500 + i, **reported(period_s=2.0)) for i in range(4)}
    unit = FakeUnit(holding(*range(4), *range(500, 504)))
    bench = Bench([device("d1", points)], {1: unit})
    refuse_from(bench, 2, *range(500, 504))
    async with running(bench):
        await bench.clock.run_for(120)
        refuse_from(bench, 2)
        await bench.clock.run_for(5)
    assert goods(bench, "p0") == 125
    assert all(goods(bench, f"q{i}") >= 2 for i in range(4))


async def test_what_is_refused_is_asked_again_after_a_minute_and_read_when_it_can_be() -> None:
    bench = ten_points()
    refuse_from(bench, 2, 6)
    async with running(bench):
        await bench.clock.run_for(30)
        refuse_from(bench, 2)
        await bench.clock.run_for(35)
    assert goods(bench, "p6") >= 2
    assert goods(bench, "p5") == 65


@pytest.mark.long
@pytest.mark.parametrize(("minutes", "searches"), [(0.9, 1), (1.5, 2), (12, 3), (75, 4), (400, 4)])
async def test_an_unavailable_register_is_asked_again_ever_more_rarely(
    minutes: float, searches: int
) -> None:
    bench = ten_points(period_s=10.0)
    refuse_from(bench, 2, 6)
    async with running(bench):
        await bench.clock.run_for(minutes * 60)
    refused = bench.count("plantroom_request_errors_total", reason="refused")
    first = refused / searches
    assert first == int(first)
    assert 3 <= first <= 6
    assert goods(bench, "p5") == int(minutes * 60 / 10) + 1 - (minutes * 60 % 10 == 0)


async def test_a_unit_that_comes_up_is_asked_for_everything_again() -> None:
    bench = ten_points()
    refuse_from(bench, 2, 6)
    async with running(bench):
        await bench.clock.run_for(5)
        bench.driver.units[1].offline = True
        await bench.clock.run_for(20)
        bench.driver.units[1].offline = False
        refuse_from(bench, 2)
        await bench.clock.run_for(30)
    assert goods(bench, "p6") > 0


async def test_one_refusal_is_not_remembered_two_are_and_the_forgetting_as_well(
    tmp_path: Path,
) -> None:
    path = tmp_path / "availability.json"
    availability = AvailabilityFile(path)
    bench = ten_points(availability=availability)
    digest = points_digest(bench.port.devices["d1"].device)
    refuse_from(bench, 2, 6)
    async with running(bench):
        await bench.clock.run_for(50)
        assert availability.load("d1", digest) == ALL_AVAILABLE
        await bench.clock.run_for(20)
        assert availability.load("d1", digest).points == {"p6": "illegal_address"}
        refuse_from(bench, 2)
        await bench.clock.run_for(700)
        assert availability.load("d1", digest) == ALL_AVAILABLE
    availability.save()
    assert AvailabilityFile(path).load("d1", digest) == ALL_AVAILABLE


@pytest.mark.parametrize("code", [1, 2, 3, 4])
async def test_an_unavailable_register_is_found_whatever_a_device_calls_it(code: int) -> None:
    bench = ten_points()
    refuse_from(bench, code, 6)
    async with running(bench):
        await bench.clock.run_for(0.9)
        asked = len(bench.driver.asked)
        await bench.clock.run_for(2)
    assert len(bench.driver.asked) == asked + 4
    assert all(goods(bench, f"p{i}") == (0 if i == 6 else 3) for i in range(10))
    reason = "illegal_address" if code == 2 else f"refused_{code}"
    assert {r.reason for r in bench.sink.of("d1", "p6")} == {reason}


async def test_a_device_that_fails_altogether_is_asked_its_blocks_and_not_their_pieces() -> None:
    bench = ten_points()
    refuse_from(bench, 4, *range(10))
    async with running(bench):
        await bench.clock.run_for(60)
        asked = len(bench.driver.asked)
        refuse_from(bench, 4)
        await bench.clock.run_for(2)
    assert asked <= 60 + 3 * 30
    assert all(goods(bench, f"p{i}") == 2 for i in range(10))


async def test_a_device_that_is_busy_loses_no_register_for_it() -> None:
    bench = ten_points()
    refuse_from(bench, 6, 6)
    async with running(bench):
        await bench.clock.run_for(3)
        refuse_from(bench, 6)
        await bench.clock.run_for(3)
    assert bench.driver.asked[-1].size == 10
    assert {r.reason for r in bench.sink.of("d1", "p6")} == {"refused_6", ""}


async def test_of_points_that_overlap_only_the_refused_one_is_lost() -> None:
    points = {
        "short": point(100, **reported()),
        "long": point(100, **reported(type=DataType.UINT32)),
        "same": point(100, **reported(type=DataType.INT16)),
        "far": point(104, **reported()),
    }
    bench = Bench([device("d1", points)], {1: FakeUnit(holding(100, 102, 103, 104))})
    async with running(bench):
        await bench.clock.run_for(10)
    assert [goods(bench, name) for name in ("short", "same", "far", "long")] == [10, 10, 10, 0]


async def test_a_refused_block_is_explained_once_each_way() -> None:
    bench = ten_points()
    refuse_from(bench, 4, *range(10))
    with structlog.testing.capture_logs() as logs:
        async with running(bench):
            await bench.clock.run_for(30)
            refuse_from(bench, 4)
            await bench.clock.run_for(30)
    events = [one for one in logs if one["event"].startswith("block_")]
    assert [one["event"] for one in events] == ["block_bad", "block_good"]
    bad = events[0]
    assert (bad["device"], bad["port"], bad["unit"]) == ("d1", "bus", 1)
    assert (bad["table"], bad["first"], bad["last"]) == ("holding", 0, 9)
    assert (bad["reason"], bad["error"]) == ("refused_4", "exception 4")


async def test_an_unavailable_register_is_named_with_its_port_and_register_and_so_is_its_end() -> (
    None
):
    bench = ten_points()
    refuse_from(bench, 2, 6)
    with structlog.testing.capture_logs() as logs:
        async with running(bench):
            await bench.clock.run_for(200)
            refuse_from(bench, 2)
            await bench.clock.run_for(600)
    events = [one for one in logs if one["event"] in {"points_refused", "block_bad", "block_good"}]
    assert [one["event"] for one in events] == ["points_refused", "block_good"]
    refused = events[0]
    assert (refused["port"], refused["unit"], refused["registers"]) == ("bus", 1, ["holding 6"])
    assert refused["reasons"] == ["illegal_address"]


async def test_a_garbled_block_is_named_when_it_stays_garbled() -> None:
    points = {"good": point(0, **reported()), "bad": point(500, **reported())}
    bench = Bench([device("d1", points)], {1: FakeUnit(holding(0, 500))})
    with structlog.testing.capture_logs() as logs:
        async with running(bench):
            await bench.clock.run_for(5)
            bench.driver.garbled = {500}
            await bench.clock.run_for(5)
            bench.driver.garbled = set()
            await bench.clock.run_for(5)
    events = [(one["event"], one["points"]) for one in logs if one["event"].startswith("block_")]
    assert events == [("block_bad", ["bad"]), ("block_good", ["bad"])]


async def test_the_measured_periods_take_no_notice_of_a_clock_that_is_set() -> None:
    bench = ten_points()
    async with running(bench):
        await bench.clock.run_for(10)
        bench.clock._start_ms += 3_600_000
        await bench.clock.run_for(10)
    assert max(bench.health.periods["bus", 1.0]) == pytest.approx(1.0, abs=0.01)
