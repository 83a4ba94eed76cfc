"""What a device refuses is learned in one cycle, kept on disk, forgotten with its device file."""

import asyncio
from dataclasses import fields
from pathlib import Path
from random import Random

import pytest

from config.points import Table
from config.resolve import ResolvedDevice
from edge_agent.polling.availability_file import AvailabilityFile
from edge_agent.polling.plan import NOTHING, Learned
from protocols.reading import Quality
from tests.fakes.devices import device, point
from tests.fakes.driver import FakeUnit
from tests.fakes.port_bench import Bench, holding, running

LEARNED = Learned(
    frozenset({"p6", "p7"}),
    frozenset({(Table.HOLDING, 40), (Table.COIL, 3)}),
    reasons=frozenset({("p7", "no_answer")}),
    longest=20,
)


def swiss_cheese(seed: int) -> tuple[dict[str, int], set[int], set[int]]:
    """Addresses of points, which of them are holes, and which registers can be read at all."""
    rng = Random(seed)  # noqa: S311 (a reproducible map, not a secret)
    addresses = sorted(rng.sample(range(120), rng.randint(2, 40)))
    holes = set(rng.sample(addresses, rng.randint(0, min(6, len(addresses) - 1))))
    between = {at for at in range(120) if at not in addresses and rng.random() < 0.7}
    return {f"p{at}": at for at in addresses}, holes, (set(addresses) - holes) | between


@pytest.mark.parametrize("seed", range(40))
async def test_no_good_register_is_lost_while_a_map_full_of_holes_is_learned(seed: int) -> None:
    names, holes, readable = swiss_cheese(seed)
    one = device("d1", {name: point(at, report_all=True) for name, at in names.items()})
    async with running(Bench([one], {1: FakeUnit(holding(*readable), 0.001)})) as bench:
        await bench.clock.run_for(9.95)
        refused = bench.count("plantroom_request_errors_total", reason="refused")
        await bench.clock.run_for(3)
    # A refusal is explained by one hole; what else was in it shows in the next cycles.
    assert bench.count("plantroom_request_errors_total", reason="refused") == refused
    for name, at in names.items():
        good = [r for _, r in bench.sink.log if r.point == name and r.quality is Quality.GOOD]
        # Every cycle, those of the lessons included.
        assert len(good) == (0 if at in holes else 13), name


@pytest.mark.parametrize("hole", range(0, 100, 7))
async def test_one_illegal_hole_is_one_lesson(hole: int) -> None:
    one = device("d1", {f"p{at}": point(at, report_all=True) for at in range(0, 100, 2)})
    unit = FakeUnit(holding(*(set(range(100)) - {hole})), 0.001)
    async with running(Bench([one], {1: unit})) as bench:
        await bench.clock.run_for(0.95)
        lesson = bench.count("plantroom_requests_total")
        await bench.clock.run_for(3)
    assert bench.count("plantroom_requests_total") <= lesson + 3 * 2
    good = [r for _, r in bench.sink.log if r.quality is Quality.GOOD]
    assert len(good) == 4 * (49 if hole % 2 == 0 else 50)


def cheese_device(**options: object) -> ResolvedDevice:
    return device("d1", {f"p{i}": point(i, **options) for i in range(10)})


def cheese_unit() -> dict[int, FakeUnit]:
    return {1: FakeUnit(holding(*(set(range(10)) - {6})))}


async def test_a_restart_learns_nothing_again(tmp_path: Path) -> None:
    path = tmp_path / "holes.json"
    first = Bench([cheese_device()], cheese_unit(), availability=AvailabilityFile(path))
    writer = asyncio.create_task(first.availability.run())
    async with running(first):
        # Refused twice, a minute apart: what was refused once may have been a device that starts.
        await first.clock.run_for(65)
    async with asyncio.timeout(5):
        while not path.exists():
            await asyncio.sleep(0.01)
    writer.cancel()
    await asyncio.gather(writer, return_exceptions=True)
    second = Bench([cheese_device()], cheese_unit(), availability=AvailabilityFile(path))
    async with running(second):
        await second.clock.run_for(2)
    assert second.count("plantroom_request_errors_total", reason="refused") == 0
    assert second.sink.of("d1", "p6")[0].reason == "illegal_address"


async def test_another_device_file_is_another_lesson(tmp_path: Path) -> None:
    availability = AvailabilityFile(tmp_path / "holes.json")
    for changed in (cheese_device(), cheese_device(scale=0.1), cheese_device()):
        bench = Bench([changed], cheese_unit(), availability=availability)
        async with running(bench):
            await bench.clock.run_for(2)
        assert bench.count("plantroom_request_errors_total", reason="refused") > 0


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    availability = AvailabilityFile(tmp_path / "holes.json")
    availability.keep("d1", "digest", LEARNED)
    availability.keep("d2", "digest", NOTHING)
    availability.save()
    again = AvailabilityFile(tmp_path / "holes.json")
    assert again.load("d1", "digest") == LEARNED
    assert again.load("d1", "other") == NOTHING
    assert again.load("d2", "digest") == NOTHING


def test_nothing_of_what_is_learned_is_left_out_of_the_test_above() -> None:
    assert all(getattr(LEARNED, one.name) != getattr(NOTHING, one.name) for one in fields(Learned))


def test_a_file_of_the_version_before_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "holes.json"
    path.write_text('{"d1": {"points": "digest", "holes": ["p6"], "barriers": [["holding", 40]]}}')
    known = AvailabilityFile(path).load("d1", "digest")
    assert known == Learned(frozenset({"p6"}), frozenset({(Table.HOLDING, 40)}))


@pytest.mark.parametrize("text", ["", "[]", "{", '{"d1": {}}', '{"d1": 5}'])
def test_a_damaged_file_costs_a_lesson_and_not_the_start(tmp_path: Path, text: str) -> None:
    path = tmp_path / "holes.json"
    path.write_text(text)
    availability = AvailabilityFile(path)
    assert availability.load("d1", "digest") == NOTHING
    availability.keep("d1", "digest", LEARNED)
    availability.save()
    assert AvailabilityFile(path).load("d1", "digest") == LEARNED


def test_a_disk_that_refuses_costs_a_lesson_and_not_the_polling(tmp_path: Path) -> None:
    availability = AvailabilityFile(tmp_path / "none" / "holes.json")
    availability.keep("d1", "digest", LEARNED)
    availability.save()
    assert availability.load("d1", "digest") == LEARNED
