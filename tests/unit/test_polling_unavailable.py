"""What a device refuses is found in one cycle, kept on disk, forgotten with its device file."""

import asyncio
from pathlib import Path
from random import Random

import pytest

from config.gateway import ResolvedDevice
from edge_agent.polling.availability_store import AvailabilityFile
from protocols.reading import Quality
from tests.fakes.devices import device, point
from tests.fakes.driver import FakeUnit
from tests.fakes.port_bench import Bench, holding, running
from tests.patience import PATIENCE_S


def random_map(seed: int) -> tuple[dict[str, int], set[int], set[int]]:
    """Addresses of points, which are unavailable, and which registers can be read at all."""
    rng = Random(seed)  # noqa: S311 (a reproducible map, not a secret)
    addresses = sorted(rng.sample(range(120), rng.randint(2, 40)))
    missing = set(rng.sample(addresses, rng.randint(0, min(6, len(addresses) - 1))))
    between = {at for at in range(120) if at not in addresses and rng.random() < 0.7}
    return {f"p{at}": at for at in addresses}, missing, (set(addresses) - missing) | between


@pytest.mark.seeds(15, 40)
async def test_no_good_register_is_lost_while_unavailable_ones_are_found(seed: int) -> None:
    names, missing, readable = random_map(seed)
    one = device("d1", {name: point(at, report_all=True) for name, at in names.items()})
    async with running(Bench([one], {1: FakeUnit(holding(*readable), 0.001)})) as bench:
        await bench.clock.run_for(9.95)
        refused = bench.count("plantroom_request_errors_total", reason="refused")
        await bench.clock.run_for(3)
    # A refusal is explained by one register; what else was in it shows in the next cycles.
    assert bench.count("plantroom_request_errors_total", reason="refused") == refused
    for name, at in names.items():
        good = [r for _, r in bench.sink.log if r.point == name and r.quality is Quality.GOOD]
        # Every cycle, those of the search included.
        assert len(good) == (0 if at in missing else 13), name


@pytest.mark.parametrize("illegal", range(0, 100, 7))
async def test_one_illegal_register_is_one_search(illegal: int) -> None:
    one = device("d1", {f"p{at}": point(at, report_all=True) for at in range(0, 100, 2)})
    unit = FakeUnit(holding(*(set(range(100)) - {illegal})), 0.001)
    async with running(Bench([one], {1: unit})) as bench:
        await bench.clock.run_for(0.95)
        search = bench.count("plantroom_requests_total")
        await bench.clock.run_for(3)
    assert bench.count("plantroom_requests_total") <= search + 3 * 2
    good = [r for _, r in bench.sink.log if r.quality is Quality.GOOD]
    assert len(good) == 4 * (49 if illegal % 2 == 0 else 50)


def ten_point_device(**options: object) -> ResolvedDevice:
    return device("d1", {f"p{i}": point(i, **options) for i in range(10)})


def ten_point_unit() -> dict[int, FakeUnit]:
    return {1: FakeUnit(holding(*(set(range(10)) - {6})))}


async def test_a_restart_searches_nothing_again(tmp_path: Path) -> None:
    path = tmp_path / "availability.json"
    first = Bench([ten_point_device()], ten_point_unit(), availability=AvailabilityFile(path))
    writer = asyncio.create_task(first.availability.run())
    async with running(first):
        # Refused twice, a minute apart: what was refused once may have been a device that starts.
        await first.clock.run_for(65)
    async with asyncio.timeout(PATIENCE_S):
        while not path.exists():
            await asyncio.sleep(0.01)
    writer.cancel()
    await asyncio.gather(writer, return_exceptions=True)
    second = Bench([ten_point_device()], ten_point_unit(), availability=AvailabilityFile(path))
    async with running(second):
        await second.clock.run_for(2)
    assert second.count("plantroom_request_errors_total", reason="refused") == 0
    assert second.sink.of("d1", "p6")[0].reason == "illegal_address"


async def test_another_device_file_is_another_search(tmp_path: Path) -> None:
    availability = AvailabilityFile(tmp_path / "availability.json")
    for changed in (ten_point_device(), ten_point_device(scale=0.1), ten_point_device()):
        bench = Bench([changed], ten_point_unit(), availability=availability)
        async with running(bench):
            await bench.clock.run_for(2)
        assert bench.count("plantroom_request_errors_total", reason="refused") > 0
