"""How fast passwords may be guessed, and how much of the machine that may cost."""

import asyncio
import threading

import pytest

from server.core.throttle import BusyError, LoginThrottle, PasswordLane, Throttle, network_of


def test_the_throttle_gives_one_try_back_at_a_time() -> None:
    throttle = Throttle(burst=3, forgive_s=10)
    assert [throttle.take("a", 0.0) for _ in range(4)] == [0, 0, 0, 10]
    assert throttle.take("b", 0.0) == 0
    assert throttle.take("a", 9.0) == 1
    assert throttle.take("a", 10.0) == 0
    assert throttle.take("a", 10.0) == 10


def test_a_good_login_does_not_count() -> None:
    throttle = Throttle(burst=1, forgive_s=10)
    assert throttle.take("a", 0.0) == 0
    throttle.give_back("a")
    assert throttle.take("a", 0.0) == 0


def test_the_throttle_is_bounded() -> None:
    throttle = Throttle(burst=1, forgive_s=10, max_keys=100)
    for number in range(1000):
        throttle.take(str(number), 0.0)
    assert len(throttle._free_at) == 100


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("unknown", "unknown"),
    ],
)
def test_an_address_is_counted_as_what_one_household_has(address: str, network: str) -> None:
    assert network_of(address) == network


def test_one_address_that_tries_many_names_is_slowed_down() -> None:
    throttle = LoginThrottle()
    waits = [throttle.take("203.0.113.9", f"user{number}", 0.0) for number in range(21)]
    assert waits == [0.0] * 20 + [3.0]
    assert throttle.take("203.0.113.10", "user1", 0.0) == 0
    assert throttle.take("203.0.113.9", "user1", 0.0, browser="known") == 0


async def test_passwords_are_compared_one_after_the_other_and_no_more_than_some_wait() -> None:
    lane = PasswordLane(waiting=2, known=3)
    gate, running = threading.Event(), threading.Semaphore(1)

    def work() -> bool:
        alone = running.acquire(blocking=False)
        gate.wait(10)
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
