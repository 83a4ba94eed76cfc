"""The sweeps run what is due, go on when the records are away, and say so once."""

import asyncio
import threading
from collections.abc import Generator
from functools import partial
from pathlib import Path

import pytest
import structlog

from server.core import schema
from server.core.errors import StoreError
from server.core.records import Records
from server.core.timers import (
    DueTimer,
    cancel_timer,
    due_timers,
    postpone_timer,
    set_timer,
    take_timer,
)
from server.jobs.timers import TimerSweep
from tests.fakes.agent_clock import FakeClock


@pytest.fixture
def records(tmp_path: Path) -> Generator[Records]:
    url = f"sqlite:///{tmp_path}/records"
    schema.upgrade(url)
    with Records.open(url) as opened:
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
