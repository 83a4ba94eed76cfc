from edge_agent.uplink.clock_trust import TRUSTED_FROM_MS, HeldReadings
from tests.fakes.gateway import reading


def test_the_true_time_is_told_from_the_monotonic_distance() -> None:
    held = HeldReadings()
    # Taken 40 ms before they were handed over, 90 s before the clock was set.
    held.hold("p1", [reading(1.0, at=5_000)], wrong_ms=5_040, monotonic_s=100.0)
    held.hold("p2", [reading(2.0, at=65_000)], wrong_ms=65_000, monotonic_s=160.0)
    now = TRUSTED_FROM_MS + 1_000_000

    released = list(held.release(now_ms=now, monotonic_s=190.0))

    assert released == [
        ("p1", [reading(1.0, at=now - 90_000 - 40)]),
        ("p2", [reading(2.0, at=now - 30_000)]),
    ]
    assert len(held) == 0


def test_a_clock_that_jumps_while_it_is_untrusted_does_not_matter() -> None:
    held = HeldReadings()
    held.hold("p1", [reading(1.0, at=1_000)], wrong_ms=1_000, monotonic_s=10.0)
    held.hold("p1", [reading(2.0, at=900_001_000)], wrong_ms=900_001_000, monotonic_s=11.0)
    now = TRUSTED_FROM_MS

    times = [r.taken_at for _, rs in held.release(now_ms=now, monotonic_s=12.0) for r in rs]

    assert times == [now - 2000, now - 1000]


def test_the_oldest_give_way_when_too_many_are_held() -> None:
    held = HeldReadings(limit=3)
    for number in range(5):
        held.hold("p1", [reading(float(number), at=number)], wrong_ms=number, monotonic_s=number)
    assert (len(held), held.dropped) == (3, 2)
    values = [r.value for _, rs in held.release(now_ms=10**13, monotonic_s=9) for r in rs]
    assert values == [2.0, 3.0, 4.0]
