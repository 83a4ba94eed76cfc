"""The grid of a port: who is asked next, and when."""

import itertools

from config.points import Table
from edge_agent.polling.budget import DeadBudget
from edge_agent.polling.plan import Block
from edge_agent.polling.scan import Job, ScanClass
from edge_agent.polling.schedule import Schedule
from edge_agent.polling.units import Unit, UnitState


def scan(name: str, period_s: float, *, unit: Unit | None = None, blocks: int = 1) -> ScanClass:
    asked = [Block(Table.HOLDING, 10 * i, 1 + i, (f"{name}{i}",)) for i in range(blocks)]
    return ScanClass(name, unit or Unit(1, 1.0), period_s, asked)


def clear(job: Job) -> float:
    del job
    return 0.0


def started(*classes: ScanClass) -> Schedule:
    schedule = Schedule(classes, budget=DeadBudget(share=0.03, most_s=1.0, credit_s=1.0))
    schedule.start(0.0)
    return schedule


def simulate(schedule: Schedule, seconds: float, took_s: float) -> list[tuple[float, str]]:
    """Run a port on which every request takes ``took_s``."""
    now = 0.0
    asked: list[tuple[float, str]] = []
    while now < seconds:
        job = schedule.next(now, clear)
        if job is None:
            now = max(schedule.wake_at(now, clear), now + 1e-4)
            continue
        asked.append((round(now, 6), job.block.points[0]))
        now += took_s
        schedule.done(job)
    return asked


def test_cycles_keep_to_the_grid_however_long_requests_take() -> None:
    asked = simulate(started(scan("a", 0.1)), 1.0, 0.03)
    assert [at for at, _ in asked] == [round(0.1 * k, 6) for k in range(10)]


def test_a_late_cycle_is_skipped_never_bunched() -> None:
    schedule = started(scan("a", 1.0))
    first = schedule.next(0.0, clear)
    assert first is not None
    assert schedule.next(3.4, clear) is None  # the first is still on its way
    schedule.done(first)
    late = schedule.next(3.4, clear)
    assert late is not None
    schedule.done(late)
    assert schedule.next(3.5, clear) is None
    assert schedule.wake_at(3.5, clear) == 4.0
    assert schedule.take_skipped() == 2
    assert schedule.take_skipped() == 0


def test_an_overloaded_port_asks_without_a_pause_and_without_a_backlog() -> None:
    asked = simulate(started(scan("a", 0.1)), 3.0, 0.13)
    gaps = [b[0] - a[0] for a, b in itertools.pairwise(asked)]
    assert max(gaps) < 0.14


def test_the_earliest_deadline_goes_first() -> None:
    schedule = started(scan("slow", 60.0, blocks=3), scan("fast", 1.0))
    order = [at for _, at in simulate(schedule, 0.5, 0.01)]
    assert order == ["fast0", "slow0", "slow1", "slow2"]


def test_a_fast_class_is_not_delayed_by_the_many_blocks_of_a_slow_one() -> None:
    asked = simulate(started(scan("slow", 10.0, blocks=30), scan("fast", 0.2)), 5.0, 0.05)
    times = [at for at, name in asked if name == "fast0"]
    assert max(b - a for a, b in itertools.pairwise(times)) <= 0.25


def test_what_may_not_be_asked_yet_is_passed_over() -> None:
    schedule = started(scan("a", 1.0), scan("b", 2.0))
    first = schedule.next(0.0, lambda job: 5.0 if job.scan.device == "a" else 0.0)
    assert first is not None
    assert first.scan.device == "b"
    assert schedule.wake_at(0.5, lambda _: 0.7) == 0.7


def test_a_retry_goes_behind_the_others_of_its_cycle() -> None:
    schedule = started(scan("a", 1.0), scan("b", 1.0))
    first = schedule.next(0.0, clear)
    assert first is not None
    schedule.again(first)
    second = schedule.next(0.1, clear)
    assert second is not None
    assert second.scan is not first.scan
    assert schedule.next(0.2, clear) is first
    assert first.attempts == 1


def dead() -> Unit:
    unit = Unit(9, 1.0)
    unit.answered(-1000.0, 0.01)
    for _ in range(3):
        unit.failed(0.0)
    unit.probe_at = 0.5
    return unit


def test_a_demoted_unit_is_only_probed_and_cheaply() -> None:
    gone = dead()
    schedule = started(scan("alive", 1.0), scan("gone", 1.0, unit=gone, blocks=4))
    alive = schedule.next(0.0, clear)
    assert alive is not None
    schedule.done(alive)
    assert schedule.next(0.1, clear) is None
    probe = schedule.next(0.5, clear)
    assert probe is not None
    assert probe.probe
    assert probe.block.size == 1


def test_a_probe_waits_for_a_place_where_it_delays_nobody() -> None:
    gone = dead()
    schedule = started(scan("alive", 1.0), scan("gone", 1.0, unit=gone))
    alive = schedule.next(0.0, clear)
    assert alive is not None
    schedule.done(alive)
    assert schedule.next(0.9, clear) is None  # 0.1 s are left, a probe may take 0.2 s


def test_a_probe_that_never_finds_a_place_takes_one() -> None:
    gone = dead()
    schedule = started(scan("alive", 0.1), scan("gone", 1.0, unit=gone))
    probes: list[float] = []
    now = 0.0
    while now < 8 and not probes:
        job = schedule.next(now, clear)
        if job is None:
            now = schedule.wake_at(now, clear)
        elif job.probe:
            probes.append(now)
        else:
            now += 0.01
            schedule.done(job)
    assert 5.5 <= probes[0] <= 5.7


def test_no_probe_beyond_the_budget() -> None:
    schedule = started(scan("gone", 1.0, unit=dead()))
    schedule.probing.budget.spend(0.0, 1.6)
    assert schedule.next(1.0, clear) is None
    assert schedule.wake_at(1.0, clear) < 28.0
    assert schedule.next(26.0, clear) is None  # 0.18 s are saved, a probe may take 0.2 s
    assert schedule.next(28.0, clear) is not None


def test_a_revived_unit_is_read_at_once_and_then_on_its_grid() -> None:
    gone = dead()
    schedule = started(scan("gone", 5.0, unit=gone))
    gone.answered(12.3, 0.01)
    schedule.revive_unit(gone, 12.3)
    job = schedule.next(12.3, clear)
    assert job is not None
    assert not job.probe
    schedule.done(job)
    assert schedule.wake_at(12.4, clear) == 15.0
    assert schedule.take_skipped() == 0


def test_the_bytes_of_a_probe_count_as_well() -> None:
    gone = dead()
    schedule = Schedule(
        [scan("gone", 1.0, unit=gone)],
        wire_s=lambda block: 0.1 * block.size,
        budget=DeadBudget(share=0.03),
    )
    schedule.start(0.0)
    assert schedule.next(9.9, clear) is None  # 0.2 s to wait and 0.1 s of bytes need 10 s of saving
    assert schedule.next(10.1, clear) is not None


def test_the_cheapest_question_that_may_be_asked_is_the_probe() -> None:
    schedule = started(scan("gone", 1.0, unit=dead(), blocks=3))
    probe = schedule.next(0.5, lambda job: 9.0 if job.block.size == 1 else 0.0)
    assert probe is not None
    assert (probe.probe, probe.block.size) == (True, 2)


def test_the_first_voice_on_a_silent_line_lets_the_others_be_probed_soon() -> None:
    first, other = dead(), dead()
    first.number, other.number, other.probe_at = 8, 9, 60.0
    schedule = started(scan("first", 5.0, unit=first), scan("other", 5.0, unit=other))
    first.answered(10.0, 0.01)
    schedule.revive_unit(first, 10.0)
    assert other.probe_at == 10.0
    other.probe_at, other.demoted_at = 60.0, -30.0
    third = dead()
    schedule = started(
        scan("a", 5.0, unit=first), scan("b", 5.0, unit=third), scan("c", 5.0, unit=other)
    )
    third.answered(20.0, 0.01)
    schedule.revive_unit(third, 20.0)
    assert other.probe_at == 60.0


def simulate_dead(schedule: Schedule, seconds: float, took_s: float) -> list[tuple[float, int]]:
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
            schedule.probing.spent(job, now, job.patience_s or 0.0)
            job.scan.unit.failed(now)
        else:
            now += took_s
            schedule.done(job)
    return probed


def test_units_that_died_together_are_probed_when_the_budget_allows_the_next() -> None:
    gone = [dead() for _ in range(4)]
    for number, unit in enumerate(gone):
        unit.number = number
    schedule = Schedule(
        [scan("alive", 1.0), *(scan(f"gone{unit.number}", 1.0, unit=unit) for unit in gone)]
    )
    schedule.start(0.0)
    probed = simulate_dead(schedule, 1200.0, 0.01)
    for unit in gone:
        times = [at for at, number in probed if number == unit.number]
        # Ripe after 32 s and a quarter at most; then three others and this one are saved for.
        assert max(b - a for a, b in itertools.pairwise(times)) <= 40.0 + 4 * 0.2 / 0.022


def test_a_unit_that_may_not_be_asked_yet_holds_nobody_up() -> None:
    first, second = dead(), dead()
    second.number, second.probe_at = 8, 1.0
    schedule = started(scan("first", 1.0, unit=first), scan("second", 1.0, unit=second))
    forbidden = {"first": 30.0}
    probe = schedule.next(2.0, lambda job: forbidden.get(job.scan.device, 0.0))
    assert probe is not None
    assert probe.scan.unit is second


def test_a_port_does_not_wake_for_a_unit_that_may_not_be_asked_yet() -> None:
    schedule = started(scan("gone", 1.0, unit=dead()))
    assert schedule.next(5.0, lambda _: 30.0) is None
    assert schedule.wake_at(5.0, lambda _: 30.0) == 30.0


def test_a_dear_probe_is_saved_for_only_when_it_was_passed_over_for_long() -> None:
    slow, quick = dead(), dead()
    slow.number, slow.longest_s = 8, 5.0
    for _ in range(40):
        slow.state = UnitState.ONLINE
        slow.answered(-900.0, 2.0)
    for _ in range(3):
        slow.failed(0.0)
    slow.probe_at, quick.probe_at = 1.0, 2.0
    schedule = Schedule(
        [scan("slow", 5.0, unit=slow), scan("quick", 5.0, unit=quick)],
        budget=DeadBudget(share=0.03, credit_s=0.3),
    )
    schedule.start(0.0)
    first = schedule.next(3.0, clear)
    assert first is not None
    assert first.scan.unit is quick
    probed = simulate_dead(schedule, 900.0, 0.01)
    assert {number for _, number in probed} == {8, 9}


def test_on_a_full_port_a_probe_that_waited_too_long_goes_before_the_reads() -> None:
    gone = dead()
    schedule = started(scan("alive", 0.1), scan("gone", 1.0, unit=gone))
    # Each read takes longer than its period: there is always one pending.
    probed = simulate_dead(schedule, 60.0, 0.13)
    assert 5.0 <= probed[0][0] <= 6.0
    assert len(probed) >= 4


def test_the_block_that_a_unit_may_not_answer_is_not_its_only_probe() -> None:
    gone = dead()
    schedule = Schedule(
        [scan("gone", 1.0, unit=gone, blocks=3)], budget=DeadBudget(share=1.0, credit_s=1.0)
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
    gone = [dead() for _ in range(2)]
    schedule = Schedule(
        [scan(f"gone{i}", 1.0, unit=unit) for i, unit in enumerate(gone)], budget=DeadBudget()
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
        schedule.probing.spent(job, now, patience_s)
        job.scan.unit.failed(now)
    assert 8 <= len(full) <= 11
    assert [number for _, number in full[:4]] in ([8, 9, 8, 9], [9, 8, 9, 8])
    assert spent_s <= 0.025 * now
