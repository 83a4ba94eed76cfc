"""The grid of a port: who is asked next, and when."""

import itertools
from collections.abc import Mapping

from edge_agent.polling.port_time import TimeBudget
from edge_agent.polling.scan_class import ScanClass
from edge_agent.polling.schedule import Schedule
from tests.fakes.scan_classes import answer, clear, offline_unit, scan, started

FULL = 1e9
"""Load of a port without spare time."""


def simulate(
    schedule: Schedule, seconds: float, took_s: float | Mapping[str, float]
) -> list[tuple[float, str]]:
    """Run a port on which every request takes ``took_s``, or that of its class."""
    now = 0.0
    asked: list[tuple[float, str]] = []
    while now < seconds:
        job = schedule.next(now, clear)
        if job is None:
            now = max(schedule.wake_at(now, clear), now + 1e-4)
            continue
        name = job.block.points[0]
        asked.append((round(now, 6), name))
        now += took_s[name[0]] if isinstance(took_s, Mapping) else took_s
        schedule.done(job)
    return asked


def test_cycles_keep_to_the_grid_however_long_requests_take() -> None:
    asked = simulate(started(scan("a", 0.1)), 1.0, 0.03)
    assert [at for at, _ in asked] == [round(0.1 * k, 6) for k in range(10)]


def beside_slow(seconds: float, took_s: Mapping[str, float], *slow: ScanClass) -> list[float]:
    """Return the times between two questions of a class ``f`` of 10 s, beside slower ones."""
    schedule = Schedule([scan("f", 10.0), *slow], takes_s=lambda one: took_s[one.points[0][0]])
    schedule.start(0.0)
    asked = simulate(schedule, seconds, took_s)
    assert {name[0] for _, name in asked} == took_s.keys()
    times = [at for at, name in asked if name == "f0"]
    return [b - a for a, b in itertools.pairwise(times)]


def test_a_long_request_makes_way_for_what_is_read_more_often() -> None:
    gaps = beside_slow(300.0, {"f": 0.1, "s": 0.45}, scan("s", 60.0, blocks=100))
    assert max(gaps) <= 10.2
    assert min(gaps) >= 9.8


def test_a_long_request_makes_way_only_while_its_own_deadline_is_kept() -> None:
    schedule = started(scan("f", 1.0), scan("s", 4.0, blocks=2))
    schedule = Schedule(schedule.classes, takes_s=lambda one: 0.45 if one.size > 1 else 0.1)
    schedule.start(0.0)
    asked = simulate(schedule, 40.0, {"f": 0.1, "s": 0.45})
    assert len([at for at, name in asked if name == "s1"]) == 10  # none of its cycles is left out


def test_a_request_that_has_no_place_between_two_cycles_is_asked_all_the_same() -> None:
    gaps = beside_slow(300.0, {"f": 0.1, "s": 6.0}, scan("s", 60.0, blocks=4))
    assert max(gaps) > 10.2


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


def test_what_a_probe_had_read_before_the_port_was_lost_is_read_on_the_next_connection() -> None:
    hourly = scan("a", 3600.0)
    schedule = started(hourly)
    hourly.already_read = hourly.blocks[0]
    schedule.start(5.0)
    assert [at for _, at in simulate(schedule, 6.0, 0.01)] == ["a0"]


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


def test_an_offline_unit_is_only_probed_and_cheaply() -> None:
    gone = offline_unit()
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
    gone = offline_unit()
    schedule = started(scan("alive", 1.0), scan("gone", 1.0, unit=gone))
    alive = schedule.next(0.0, clear)
    assert alive is not None
    schedule.done(alive)
    assert schedule.next(0.9, clear) is None  # 0.1 s are left, a probe may take 0.2 s


def test_a_probe_that_never_finds_a_place_takes_one() -> None:
    gone = offline_unit()
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
    schedule = started(scan("gone", 1.0, unit=offline_unit()))
    schedule.load.share = FULL
    schedule.probing.budget.spend(0.0, 1.6)
    assert schedule.next(1.0, clear) is None
    assert schedule.wake_at(1.0, clear) < 28.0
    assert schedule.next(26.0, clear) is None  # 0.18 s are saved, a probe may take 0.2 s
    assert schedule.next(28.0, clear) is not None


def test_a_revived_unit_is_read_at_once_and_then_on_its_grid() -> None:
    gone = offline_unit()
    schedule = started(scan("gone", 5.0, unit=gone))
    answer(gone, 12.3, 0.01)
    schedule.read_again(gone, 12.3)
    job = schedule.next(12.3, clear)
    assert job is not None
    assert not job.probe
    schedule.done(job)
    assert schedule.wake_at(12.4, clear) == 15.0
    assert schedule.take_skipped() == 0


def test_the_bytes_of_a_probe_count_as_well() -> None:
    gone = offline_unit()
    schedule = Schedule(
        [scan("gone", 1.0, unit=gone)],
        wire_s=lambda block: 0.1 * block.size,
        budget=TimeBudget(share=0.03),
    )
    schedule.load.share = FULL
    schedule.start(0.0)
    assert schedule.next(9.9, clear) is None  # 0.2 s to wait and 0.1 s of bytes need 10 s of saving
    assert schedule.next(10.1, clear) is not None


def test_the_cheapest_request_that_may_be_asked_is_the_probe() -> None:
    schedule = started(scan("gone", 1.0, unit=offline_unit(), blocks=3))
    probe = schedule.next(0.5, lambda job: 9.0 if job.block.size == 1 else 0.0)
    assert probe is not None
    assert (probe.probe, probe.block.size) == (True, 2)


def test_the_first_voice_on_a_silent_line_lets_the_others_be_probed_soon() -> None:
    first, other = offline_unit(), offline_unit()
    first.number, other.number, other.probe_at = 8, 9, 60.0
    schedule = started(scan("first", 5.0, unit=first), scan("other", 5.0, unit=other))
    answer(first, 10.0, 0.01)
    schedule.read_again(first, 10.0)
    assert other.probe_at == 10.0
    other.probe_at, other.offline_at = 60.0, -30.0
    third = offline_unit()
    schedule = started(
        scan("a", 5.0, unit=first), scan("b", 5.0, unit=third), scan("c", 5.0, unit=other)
    )
    answer(third, 20.0, 0.01)
    schedule.read_again(third, 20.0)
    assert other.probe_at == 60.0


def test_what_was_read_between_two_cycles_is_part_of_the_next_only_if_it_is_not_asked_again() -> (
    None
):
    one = scan("a", 1.0, blocks=2)
    schedule = started(one)
    while (job := schedule.next(0.0, clear)) is not None:
        schedule.done(job)
    between = one.cycle
    assert schedule.next(1.0, clear) is not None
    assert one.cycle != between
    other = scan("a", 1.0, blocks=2)
    schedule = started(other)
    between = other.cycle
    other.probed(other.blocks[0])
    job = schedule.next(0.0, clear)
    assert job is not None
    assert job.block is other.blocks[1]
    assert other.cycle == between
