"""Who is probed next, and at whose expense."""

import itertools

from edge_agent.polling.port_time import TimeBudget
from edge_agent.polling.schedule import Schedule
from edge_agent.polling.units import UnitState
from tests.fakes.scan_classes import answer, clear, offline_unit, scan, started

FULL = 1e9
"""Load of a port without spare time."""


def simulate_offline(schedule: Schedule, seconds: float, took_s: float) -> list[tuple[float, int]]:
    """Run a port on which probes are never answered; returns when which unit was probed."""
    now = 0.0
    probed: list[tuple[float, int]] = []
    while now < seconds:
        job = schedule.next(now, clear)
        if job is None:
            now = max(schedule.wake_at(now, clear), now + 1e-4)
        elif job.probe:
            now += job.patience_s or 0.0
            probed.append((now, job.scan.unit.number))
            schedule.probing.charge_probe(job, now, job.patience_s or 0.0)
            job.scan.unit.failed(now)
        else:
            now += took_s
            schedule.done(job)
    return probed


def test_units_that_went_offline_together_are_probed_when_the_budget_allows_the_next() -> None:
    gone = [offline_unit() for _ in range(4)]
    for number, unit in enumerate(gone):
        unit.number = number
    schedule = Schedule(
        [scan("alive", 1.0), *(scan(f"gone{unit.number}", 1.0, unit=unit) for unit in gone)]
    )
    schedule.start(0.0)
    probed = simulate_offline(schedule, 1200.0, 0.01)
    for unit in gone:
        times = [at for at, number in probed if number == unit.number]
        # Due after 32 s and a quarter at most; then three others and this one are saved for.
        assert max(b - a for a, b in itertools.pairwise(times)) <= 40.0 + 4 * 0.2 / 0.022


def test_a_unit_that_may_not_be_asked_yet_holds_nobody_up() -> None:
    first, second = offline_unit(), offline_unit()
    second.number, second.probe_at = 8, 1.0
    schedule = started(scan("first", 1.0, unit=first), scan("second", 1.0, unit=second))
    forbidden = {"first": 30.0}
    probe = schedule.next(2.0, lambda job: forbidden.get(job.scan.device, 0.0))
    assert probe is not None
    assert probe.scan.unit is second


def test_a_port_does_not_wake_for_a_unit_that_may_not_be_asked_yet() -> None:
    schedule = started(scan("gone", 1.0, unit=offline_unit()))
    assert schedule.next(5.0, lambda _: 30.0) is None
    assert schedule.wake_at(5.0, lambda _: 30.0) == 30.0


def test_a_long_probe_is_saved_for_only_when_it_was_passed_over_for_long() -> None:
    slow, fast = offline_unit(), offline_unit()
    slow.number, slow.longest_s = 8, 5.0
    for _ in range(40):
        slow.state = UnitState.ONLINE
        answer(slow, -900.0, 2.0)
    for _ in range(3):
        slow.failed(0.0)
    slow.probe_at, fast.probe_at = 1.0, 2.0
    schedule = Schedule(
        [scan("slow", 5.0, unit=slow), scan("fast", 5.0, unit=fast)],
        budget=TimeBudget(share=0.03, credit_s=0.3),
    )
    schedule.load.share = FULL
    schedule.start(0.0)
    first = schedule.next(3.0, clear)
    assert first is not None
    assert first.scan.unit is fast
    probed = simulate_offline(schedule, 900.0, 0.01)
    assert {number for _, number in probed} == {8, 9}


def test_on_a_full_port_a_probe_that_waited_too_long_goes_before_the_reads() -> None:
    gone = offline_unit()
    schedule = started(scan("alive", 0.1), scan("gone", 1.0, unit=gone))
    # Each read takes longer than its period: there is always one pending.
    probed = simulate_offline(schedule, 60.0, 0.13)
    assert 5.0 <= probed[0][0] <= 6.0
    assert len(probed) >= 4


def test_the_block_that_a_unit_may_not_answer_is_not_its_only_probe() -> None:
    gone = offline_unit()
    schedule = Schedule(
        [scan("gone", 1.0, unit=gone, blocks=3)], budget=TimeBudget(share=1.0, credit_s=1.0)
    )
    schedule.start(0.0)
    sizes: list[int] = []
    now = 0.0
    while len(sizes) < 12:
        job = schedule.next(now, clear)
        if job is None:
            now = schedule.wake_at(now, clear)
            continue
        sizes.append(job.block.size)
        gone.failed(now)
    assert sizes.count(1) == 8
    assert {2, 3} <= set(sizes)


def test_waits_in_full_are_rare_in_turns_and_never_hold_up_a_short_one() -> None:
    gone = [offline_unit() for _ in range(2)]
    schedule = Schedule(
        [scan(f"gone{i}", 1.0, unit=unit) for i, unit in enumerate(gone)], budget=TimeBudget()
    )
    gone[1].number = 8
    schedule.start(0.0)
    full: list[tuple[float, int]] = []
    now, spent_s = 0.0, 0.0
    while now < 4000:
        job = schedule.next(now, clear)
        if job is None:
            now = max(schedule.wake_at(now, clear), now + 1e-4)
            continue
        patience_s = job.patience_s or 0.0
        if patience_s > 0.9:
            full.append((now, job.scan.unit.number))
        now += patience_s
        spent_s += patience_s
        schedule.probing.charge_probe(job, now, patience_s)
        job.scan.unit.failed(now)
    assert 8 <= len(full) <= 11
    assert [number for _, number in full[:4]] in ([8, 9, 8, 9], [9, 8, 9, 8])
    assert spent_s <= 0.025 * now
