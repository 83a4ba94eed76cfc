"""What devices do not give comes back after a restart: one suite, in memory and in a file."""

import asyncio
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from pathlib import Path

import pytest
import structlog

from config.gateway import ResolvedDevice
from config.points import Table
from config.writable import Writable
from edge_agent.drivers.question import ALL_AVAILABLE, Barrier, Unavailable
from edge_agent.polling.availability_store import (
    AvailabilityFile,
    AvailabilityStore,
    MemoryAvailability,
    points_digest,
)
from protocols.reading import Quality
from tests.fakes.devices import device, point
from tests.fakes.driver import FakeUnit
from tests.fakes.port_bench import Bench, running
from tests.fakes.slow_line import SlowLine
from tests.patience import PATIENCE_S

CASES = Path(__file__).parent.parent / "cases" / "availability"
KNOWN = Unavailable(
    {"p6": "illegal_address", "p7": "no_answer"},
    {Barrier(Table.HOLDING, 40): "no_answer", Barrier(Table.COIL, 3): "refused_4"},
    longest=20,
)

Restart = Callable[[AvailabilityStore | None], AvailabilityStore]
"""Starts a process with what the one before it kept; None: there was none."""


def in_memory(_: Path, before: AvailabilityStore | None) -> AvailabilityStore:
    found = MemoryAvailability()
    if isinstance(before, MemoryAvailability):
        found.restore(before.dump())
    return found


def in_a_file(path: Path, before: AvailabilityStore | None) -> AvailabilityStore:
    if isinstance(before, AvailabilityFile):
        before.close()
    return AvailabilityFile(path / "availability.json")


@pytest.fixture(params=[in_memory, in_a_file])
def restart(request: pytest.FixtureRequest, tmp_path: Path) -> Restart:
    return partial(request.param, tmp_path)


@pytest.fixture
def store(restart: Restart) -> AvailabilityStore:
    return restart(None)


def test_what_is_kept_comes_back(store: AvailabilityStore, restart: Restart) -> None:
    store.keep("d1", "digest", KNOWN)
    store.keep("d2", "digest", ALL_AVAILABLE)
    for known in (store, restart(store)):
        assert known.load("d1", "digest") == KNOWN
        assert known.load("d1", "other") == ALL_AVAILABLE
        assert known.load("d2", "digest") == ALL_AVAILABLE


def test_nothing_of_what_is_known_is_left_out_of_the_test_above() -> None:
    for one in fields(Unavailable):
        assert getattr(KNOWN, one.name) != getattr(ALL_AVAILABLE, one.name)


def test_what_is_available_again_is_forgotten(store: AvailabilityStore, restart: Restart) -> None:
    store.keep("d1", "digest", KNOWN)
    store.keep("d1", "digest", ALL_AVAILABLE)
    assert restart(store).load("d1", "digest") == ALL_AVAILABLE


def line_of(bench: Bench) -> SlowLine:
    assert isinstance(bench.driver, SlowLine)
    return bench.driver


def silent_bench(store: AvailabilityStore) -> Bench:
    """A unit that says nothing to one register, beside two others."""
    places = {f"p{at}": point(at, report_all=True) for at in (0, *range(1000, 1010), 3000)}
    others = [device(f"d{unit}", {"q": point(0)}, unit=unit) for unit in (2, 3)]
    units = {unit: FakeUnit({}, 0.02) for unit in (1, 2, 3)}
    bench = Bench([device("d1", places), *others], units, driver=SlowLine, availability=store)
    line_of(bench).silent = {(1, 1007)}
    return bench


def gaps_s(bench: Bench, name: str, begin_s: float) -> list[float]:
    """Between good readings, the time until the first one included."""
    readings = bench.sink.of("d1", name)
    times = [r.taken_at / 1000 for r in readings if r.quality is Quality.GOOD]
    return [b - a for a, b in zip([begin_s, *times], times, strict=False)]


@pytest.mark.long
@pytest.mark.sampled(4)
@pytest.mark.parametrize("away_s", [0, 10])
async def test_a_silent_register_stays_one_and_its_neighbours_lose_nothing(
    store: AvailabilityStore, restart: Restart, away_s: float
) -> None:
    first = silent_bench(store)
    async with running(first):
        await first.clock.run_for(200)
    bench = silent_bench(restart(store))
    bench.driver.units[1].offline = away_s > 0
    async with running(bench):
        await bench.clock.run_for(away_s)
        bench.driver.units[1].offline = False
        # Found by its next probe; its silent register is tried when it is back and ten minutes on.
        await bench.clock.run_for(900)
    begin_s = min(at for name in ("p0", "p1006") for at in bench.sink.times_s("d1", name))
    for name in ("p0", "p1000", "p1006", "p1008", "p1009", "p3000"):
        assert max(gaps_s(bench, name, begin_s)) <= 1.5, name
    assert {r.reason for r in bench.sink.of("d1", "p1007")} == {"no_answer"}


async def test_the_longest_request_that_is_answered_is_known_after_a_restart(
    store: AvailabilityStore, restart: Restart
) -> None:
    def bench_of(store: AvailabilityStore) -> Bench:
        places = {f"p{at}": point(at, report_all=True) for at in range(12)}
        unit = FakeUnit({(Table.HOLDING, at): at for at in range(12)}, 0.01)
        unit.silent_above = 3
        return Bench([device("d1", places)], {1: unit}, availability=store)

    first = bench_of(store)
    async with running(first):
        await first.clock.run_for(200)
    bench = bench_of(restart(store))
    async with running(bench):
        await bench.clock.run_for(60)
    assert max(one.size for one in bench.driver.asked) <= 3
    assert bench.sink.events == [("up", "d1", "")]


def as_before() -> tuple[ResolvedDevice, ResolvedDevice]:
    """The devices for which the version before wrote its file."""
    places = (*range(10), *range(1000, 1006), 2000, 2008)
    one = device("d1", {f"p{at}": point(at) for at in places})
    return one, device("d2", {f"p{at}": point(at) for at in range(12)})


def test_a_file_of_the_version_before_is_taken_over(tmp_path: Path) -> None:
    path, before = tmp_path / "a.availability.json", tmp_path / "a.holes.json"
    before.write_bytes((CASES / "without_version.json").read_bytes())
    one, other = as_before()
    known = AvailabilityFile(path, before=before)
    for _ in range(2):
        assert known.load("d1", points_digest(one)) == Unavailable(
            {"p1003": "no_answer", "p3": "refused_3", "p6": "illegal_address"},
            {Barrier(Table.HOLDING, 2008): "unknown"},
        )
        assert known.load("d2", points_digest(other)) == Unavailable(longest=3)
        known.save()
        assert not before.exists()
        known = AvailabilityFile(path, before=before)


def test_options_that_came_later_and_are_not_used_change_no_digest() -> None:
    points = {"p": point(0, writable=Writable(maximum=60000)), "q": point(1, scale=0.1)}
    # As it was before a point could be written elsewhere, unlocked or named by a code list.
    assert points_digest(device("d1", points)) == "ad82cc7574dca281"
    elsewhere = point(0, writable=Writable(maximum=60000, address=7))
    assert points_digest(device("d1", points | {"p": elsewhere})) != "ad82cc7574dca281"


def test_what_people_say_for_a_state_changes_nothing_of_what_is_available() -> None:
    options: dict[str, object] = {"type": "enum", "enum": {0: "auto"}}
    words = {"words": {"auto": {"en": "Automatic", "zh": "自动"}}}
    plain = device("d1", {"mode": point(1, **options)})
    assert points_digest(device("d1", {"mode": point(1, **options, **words)})) == points_digest(
        plain
    )


OLDEST = '{"d1": {"points": "%s", "holes": ["p1007"], "barriers": [["holding", 40]]}}'


@pytest.mark.long
async def test_a_register_without_a_known_reason_is_tried_alone(tmp_path: Path) -> None:
    path = tmp_path / "availability.json"
    digest = points_digest(silent_bench(MemoryAvailability()).port.devices["d1"].device)
    path.write_text(OLDEST % digest)
    bench = silent_bench(AvailabilityFile(path))
    async with running(bench):
        begin_s = bench.clock.now_ms() / 1000
        await bench.clock.run_for(900)
    for name in ("p0", "p1006", "p1008", "p3000"):
        assert max(gaps_s(bench, name, begin_s)) <= 1.5, name
    assert [r.reason for r in bench.sink.of("d1", "p1007")][-1] == "no_answer"


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{", '{"d1": {}}', '{"d1": 5}', '{"version": 2, "devices": {}}', "\udcff"),
        '{"version": 1, "devices": {"d1": {"digest": "digest", "points": ["p6"]}}}',
        '{"version": 1, "devices": {"d1": {"digest": "digest", "barriers": [["x", 1, "y"]]}}}',
    ],
)
def test_a_damaged_file_costs_a_search_and_not_the_start(tmp_path: Path, text: str) -> None:
    path = tmp_path / "availability.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with structlog.testing.capture_logs() as logs:
        damaged = AvailabilityFile(path)
    assert [one["event"] for one in logs] == ["availability_unreadable"]
    assert damaged.load("d1", "digest") == ALL_AVAILABLE
    damaged.keep("d1", "digest", KNOWN)
    damaged.save()
    assert AvailabilityFile(path).load("d1", "digest") == KNOWN


def test_a_disk_that_refuses_costs_a_search_and_not_the_polling(tmp_path: Path) -> None:
    full = AvailabilityFile(tmp_path / "none" / "availability.json")
    full.keep("d1", "digest", KNOWN)
    full.save()
    assert full.load("d1", "digest") == KNOWN


async def test_what_is_found_is_written_while_the_agent_runs(tmp_path: Path) -> None:
    path = tmp_path / "availability.json"
    known = AvailabilityFile(path)
    writer = asyncio.create_task(known.run())
    known.keep("d1", "digest", KNOWN)
    async with asyncio.timeout(PATIENCE_S):
        while not path.exists():
            await asyncio.sleep(0.01)
    writer.cancel()
    await asyncio.gather(writer, return_exceptions=True)
    assert AvailabilityFile(path).load("d1", "digest") == KNOWN
