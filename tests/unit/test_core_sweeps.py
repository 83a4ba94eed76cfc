"""The sweeps run what is due, go on when the records are away, and say so once."""

import asyncio
import threading
from collections.abc import Generator
from functools import partial
from pathlib import Path

import pytest
import structlog
from prometheus_client import CollectorRegistry

from server.core.errors import StoreError
from server.core.isolation import ErrorIsolation
from server.core.records import Records
from server.core.sweep import Sweep
from server.core.timer_sweep import TimerSweep
from server.core.timers import (
    DueTimer,
    cancel_timer,
    due_timers,
    postpone_timer,
    set_timer,
    take_timer,
)
from tests.databases import open_records
from tests.fakes.agent_clock import FakeClock
from tests.patience import PATIENCE_S


@pytest.fixture
def records(tmp_path: Path) -> Generator[Records]:
    with open_records(tmp_path) as opened:
        yield opened


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def start(records: Records, key: str, due_at: int, kind: str = "test") -> None:
    records.write(partial(set_timer, key=key, kind=kind, due_at=due_at, payload={"n": 1}))


def due(records: Records, now: int) -> list[DueTimer]:
    return records.read(partial(due_timers, now=now))


def test_a_timer_is_due_in_its_time_and_taken_once(records: Records) -> None:
    start(records, "a", 100)
    assert due(records, 99) == []
    (timer,) = due(records, 100)
    assert timer == DueTimer("a", "test", 100, {"n": 1})
    assert records.write(partial(take_timer, timer=timer))
    assert not records.write(partial(take_timer, timer=timer))
    assert due(records, 100) == []


def test_a_timer_that_moved_is_not_taken_by_who_read_it_before(records: Records) -> None:
    start(records, "a", 100)
    (timer,) = due(records, 100)
    start(records, "a", 200)
    assert not records.write(partial(take_timer, timer=timer))
    assert [one.due_at for one in due(records, 200)] == [200]


def test_a_timer_can_be_postponed_and_cancelled(records: Records) -> None:
    start(records, "a", 100)
    records.write(partial(postpone_timer, timer=due(records, 100)[0], due_at=300))
    assert due(records, 299) == []
    records.write(partial(cancel_timer, key="a"))
    assert due(records, 300) == []
    records.write(partial(cancel_timer, key="a"))


def test_the_oldest_runs_first_and_kinds_of_other_roles_are_left_alone(
    records: Records, clock: FakeClock
) -> None:
    ran: list[str] = []
    now = clock.now_ms()
    for key, due_at in (("c", now - 1), ("a", now - 3), ("later", now + 1)):
        start(records, key, due_at)
    start(records, "b", now - 2, kind="unknown")
    TimerSweep(records, {"test": lambda timer: ran.append(timer.key)}, clock).sweep()
    assert ran == ["a", "c"]
    assert [timer.key for timer in due(records, now)] == ["a", "b", "c"]


@pytest.mark.long
def test_a_timer_whose_handler_meets_a_bug_is_postponed_and_the_others_run(
    records: Records, clock: FakeClock
) -> None:
    ran: list[str] = []

    def handler(timer: DueTimer) -> None:
        if timer.key == "a":
            raise KeyError(timer.key)
        records.write(partial(take_timer, timer=timer))
        ran.append(timer.key)

    metrics = CollectorRegistry()
    sweep = TimerSweep(records, {"test": handler}, clock, isolation=ErrorIsolation(metrics))
    for key, ago in (("a", 2), ("b", 1)):
        start(records, key, clock.now_ms() - ago)
    with structlog.testing.capture_logs() as logs:
        assert sweep.sweep() == 2
    assert ran == ["b"]
    assert [(line["event"], line["log_level"], line["timer"]) for line in logs] == [
        ("row_met_a_bug", "error", "a")
    ]
    for name in ("plantroom_isolated_errors_total", "plantroom_poison_rows_total"):
        assert metrics.get_sample_value(name, {"kind": "timer"}) == 1
    (left,) = due(records, clock.now_ms() + 3_600_000)
    assert left.due_at == clock.now_ms() + 10_000
    # A new process meets it at its time, not at its start.
    assert TimerSweep(records, {"test": handler}, clock).sweep() == 0
    pauses: list[int] = []
    for _ in range(8):
        (left,) = due(records, clock.now_ms() + 3_600_000)
        pauses.append(left.due_at - clock.now_ms())
        clock.advance(pauses[-1] / 1000)
        sweep.sweep()
    assert pauses == [10_000, 20_000, 40_000, 80_000, 160_000, 320_000, 640_000, 640_000]


async def test_a_sweep_that_meets_a_bug_says_so_and_looks_again(clock: FakeClock) -> None:
    looks = threading.Semaphore(0)
    outcomes: list[Exception | None] = [ZeroDivisionError("a bug"), None]

    def work() -> None:
        outcome = outcomes.pop(0)
        looks.release()
        if outcome is not None:
            raise outcome

    sweep = Sweep("test", work, clock, interval_s=0.25)
    with structlog.testing.capture_logs() as logs:
        task = asyncio.create_task(sweep.run())
        await asyncio.to_thread(looks.acquire)
        async with asyncio.timeout(PATIENCE_S):
            while not clock._sleepers:
                await asyncio.sleep(0.001)
            assert not sweep.works
            clock.advance(9.9)
            assert len(outcomes) == 1
            clock.advance(0.2)
            while not sweep.works:
                await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert [line["event"] for line in logs] == ["row_met_a_bug", "sweep_running_again"]


async def test_the_sweep_goes_on_after_a_failure_and_says_it_once(
    records: Records, clock: FakeClock
) -> None:
    calls = threading.Semaphore(0)
    outcomes = [StoreError("away"), StoreError("away"), None, None]

    def handler(_timer: DueTimer) -> None:
        outcome = outcomes.pop(0) if outcomes else None
        calls.release()
        if outcome is not None:
            raise outcome

    start(records, "a", clock.now_ms())
    with structlog.testing.capture_logs() as logs:
        task = asyncio.create_task(TimerSweep(records, {"test": handler}, clock).run())
        for _ in range(5):
            await asyncio.to_thread(calls.acquire)
            while not clock._sleepers:
                await asyncio.get_running_loop().run_in_executor(None, lambda: None)
            clock.advance(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert [line["event"] for line in logs] == ["sweep_stopped", "sweep_running_again"]


def test_the_timers_of_a_process_that_is_away_hide_none_of_this_one(
    records: Records, clock: FakeClock
) -> None:
    for number in range(7):
        start(records, f"other-{number}", number)
    for number in range(3):
        start(records, f"mine-{number}", 50 + number)
    ran: list[str] = []

    def handler(timer: DueTimer) -> None:
        ran.append(timer.key)
        records.write(partial(take_timer, timer=timer))

    def mine(timer: DueTimer) -> bool:
        return timer.key.startswith("mine")

    sweep = TimerSweep(records, {"test": handler}, clock, limit=2, mine=mine)
    while sweep.sweep():
        pass
    assert ran == ["mine-0", "mine-1", "mine-2"]
    assert len(due(records, 1_000)) == 7
