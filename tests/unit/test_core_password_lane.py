"""Comparing passwords costs a bounded part of the machine."""

import asyncio
import threading

import pytest

from server.core.password_lane import BusyError, PasswordLane
from tests.patience import PATIENCE_S


async def test_passwords_are_compared_one_after_the_other_and_no_more_than_some_wait() -> None:
    lane = PasswordLane(waiting=2, known=3)
    gate, running = threading.Event(), threading.Semaphore(1)

    def work() -> bool:
        alone = running.acquire(blocking=False)
        gate.wait(PATIENCE_S)
        running.release()
        return alone

    waiting = [asyncio.create_task(lane.run(work)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(BusyError):
        await lane.run(work)
    waiting.append(asyncio.create_task(lane.run(work, known=True)))
    await asyncio.sleep(0)
    gate.set()
    assert await asyncio.gather(*waiting) == [True] * 3
    await asyncio.sleep(0)
    assert await lane.run(work)
