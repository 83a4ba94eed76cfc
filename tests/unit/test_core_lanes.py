"""Bounded lanes: clients take turns, and nobody waits without end."""

import asyncio

import pytest

from server.core.lanes import Full, Lane, LaneFullError
from tests.fakes.virtual_loop import run_virtually


def lane(*, slots: int = 1, per_client: int = 3, waiting: int = 5, longest_s: float = 10) -> Lane:
    return Lane(slots=slots, per_client=per_client, waiting=waiting, longest_s=longest_s)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_client_with_many_requests_waits_behind_its_own() -> None:
    one = lane(per_client=10, waiting=20)
    served: list[str] = []

    async def ask(client: str) -> None:
        await one.enter(client)
        served.append(client)
        await asyncio.sleep(0)
        one.leave()

    async with asyncio.TaskGroup() as tasks:
        for client in ["greedy"] * 6 + ["duty", "other"]:
            tasks.create_task(ask(client))
    assert served[:4] == ["greedy", "greedy", "duty", "other"]
    assert served[4:] == ["greedy"] * 4
    assert one.waiting == 0


async def test_too_many_of_one_client_and_too_many_in_all_are_told_apart() -> None:
    one = lane()
    await one.enter("a")
    tasks = [asyncio.create_task(one.enter(client)) for client in ("a", "a", "a", "b")]
    await settle()
    with pytest.raises(LaneFullError) as of_client:
        await one.enter("a")
    assert of_client.value.reason is Full.CLIENT
    tasks.append(asyncio.create_task(one.enter("c")))
    await settle()
    with pytest.raises(LaneFullError) as of_lane:
        await one.enter("d")
    assert of_lane.value.reason is Full.LANE
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert one.waiting == 0


async def test_a_slot_is_free_again_whoever_gives_up() -> None:
    one = lane()
    await one.enter("a")
    gone = asyncio.create_task(one.enter("b"))
    await settle()
    # It is given the slot and cancelled in the same turn of the loop.
    one.leave()
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    await asyncio.wait_for(one.enter("c"), 1)
    one.leave()
    await asyncio.wait_for(one.enter("a"), 1)


def test_waiting_has_an_end() -> None:
    async def wait() -> Full:
        one = lane(longest_s=10)
        await one.enter("a")
        with pytest.raises(LaneFullError) as slow:
            await one.enter("b")
        assert one.waiting == 0
        return slow.value.reason

    assert run_virtually(wait()) is Full.SLOW
