"""When a unit is offline, and how much that may cost."""

from random import Random

import pytest

from config.points import Table
from edge_agent.drivers.registers.plan import Block
from edge_agent.polling.port_time import TimeBudget
from edge_agent.polling.units import Unit, UnitState
from tests.fakes.scan_classes import answer

LONG, SHORT = (Block(Table.HOLDING, 0, size, ("p",)) for size in (8, 1))


def unit(longest_s: float = 1.0) -> Unit:
    return Unit(1, longest_s, rng=Random(1))  # noqa: S311 (jitter, not a secret)


def online(*, response_s: float = 0.05) -> Unit:
    alive = unit()
    answer(alive, 0.0, response_s)
    return alive


def test_a_unit_that_was_never_heard_is_offline_at_its_first_silence() -> None:
    silent = unit()
    assert silent.failed(1.0)
    assert silent.offline


def test_a_unit_in_use_is_offline_at_its_third_silence() -> None:
    alive = online()
    outcomes = [(alive.failed(float(at)), alive.state) for at in range(3)]
    assert outcomes == [
        (False, UnitState.DEGRADED),
        (False, UnitState.DEGRADED),
        (True, UnitState.OFFLINE),
    ]


def test_damaged_answers_are_no_silence() -> None:
    disturbed = unit()
    assert [disturbed.failed(float(at), silent=False) for at in range(3)] == [False, False, True]


def test_one_answer_makes_a_degraded_unit_well() -> None:
    alive = online()
    alive.failed(1.0)
    answer(alive, 2.0, 0.05)
    assert (alive.state, alive.failures) == (UnitState.ONLINE, 0)


def test_probes_come_at_growing_intervals_with_jitter() -> None:
    silent = unit()
    silent.failed(0.0)
    waits: list[float] = []
    for _ in range(8):
        now = silent.probe_at
        silent.failed(now)
        waits.append(silent.probe_at - now)
    for level, wait in enumerate(waits, start=1):
        assert 0.75 <= wait / 2 ** min(level, 5) <= 1.25


def test_a_unit_that_came_back_a_moment_ago_gets_no_second_chance() -> None:
    flapping = unit()
    flapping.failed(0.0)
    answer(flapping, 5.0, 0.05)
    assert flapping.failed(10.0)


def test_a_unit_that_stayed_is_trusted_again() -> None:
    back = unit()
    back.failed(0.0)
    answer(back, 5.0, 0.05)
    answer(back, 100.0, 0.05)
    assert not back.failed(101.0)
    assert back.level == 0


def test_the_wait_follows_what_the_unit_usually_needs() -> None:
    slow = unit(longest_s=5.0)
    for at in range(50):
        answer(slow, float(at), 0.3)
    assert slow.patience_s(None) == pytest.approx(0.6, abs=0.05)


def test_the_wait_doubles_with_each_silence_up_to_the_ports() -> None:
    alive = online(response_s=0.01)
    waits = [alive.patience_s(None)]
    for at in range(2):
        alive.failed(float(at))
        waits.append(alive.patience_s(None))
    assert waits == pytest.approx([0.2, 0.4, 0.8])


def test_who_was_never_heard_is_waited_for_as_long_as_its_neighbours_need() -> None:
    silent = unit()
    assert silent.patience_s(0.02) == 0.2
    assert silent.patience_s(0.3) == 0.6
    silent.failed(0.0)
    assert silent.patience_s(0.02) == 0.2


def test_without_anybody_to_compare_with_a_probe_waits_in_full() -> None:
    silent = unit()
    silent.failed(0.0)
    assert silent.patience_s(None) == 1.0


def test_offline_units_get_their_share_of_the_time_and_no_more() -> None:
    budget = TimeBudget(share=0.03)
    spent = now = 0.0
    while now < 3600:
        if budget.allows(now, 0.5):
            budget.spend(now, 0.5)
            spent += 0.5
        now += 0.1
        assert spent <= 0.03 * now + 0.003
    assert spent / 3600 == pytest.approx(0.03, abs=0.001)


def test_a_probe_is_sent_only_when_it_fits() -> None:
    budget = TimeBudget(share=0.03, credit_s=0.3)
    assert budget.allows(0.0, 0.3)
    assert not budget.allows(0.0, 0.31)
    assert budget.free_at(0.0, 0.6) == pytest.approx(10.0)


def test_a_probe_longer_than_the_usual_credit_is_saved_up_for() -> None:
    budget = TimeBudget(share=0.03)
    assert not budget.allows(0.0, 5.0)
    assert budget.allows(budget.free_at(0.0, 5.0) + 1e-6, 5.0)


def test_what_a_flapping_unit_overdraws_is_paid_back_before_the_next_probe() -> None:
    budget = TimeBudget(share=0.03)
    budget.spend(0.0, 0.3)
    assert not budget.allows(9.9, 0.0)
    assert budget.free_at(9.9, 0.3) == pytest.approx(20.0)


def test_the_debt_is_at_most_three_seconds() -> None:
    budget = TimeBudget(share=0.03)
    for _ in range(20):
        budget.spend(0.0, 1.0)
    assert budget.free_at(0.0, 0.0) == pytest.approx(100.0)
    budget.forgive(0.0)
    assert budget.allows(0.0, 0.0)


def test_an_answer_while_another_is_outstanding_is_not_measured() -> None:
    slow = online(response_s=0.02)
    slow.unanswered(1.0)
    answer(slow, 1.2, 0.001)
    assert slow.response_s == 0.02
    answer(slow, 5.0, 0.1)
    assert slow.response_s == pytest.approx(0.03)


def test_a_wait_that_was_doubled_stays_so_until_an_answer_is_measured() -> None:
    slow = online(response_s=0.02)
    answer(slow, 0.1, 0.02, LONG)
    slow.unanswered(1.0, LONG)
    slow.failed(1.0)
    slow.answered(1.2)
    assert slow.patience_s(None, LONG) == 0.4
    assert slow.patience_s(None, SHORT) == 0.2
    answer(slow, 9.0, 0.35, LONG)
    assert slow.patience_s(None, LONG) > 0.7


def test_a_late_answer_is_an_answer_and_makes_the_wait_longer() -> None:
    gone = online(response_s=0.02)
    for at in range(3):
        gone.failed(float(at))
    gone.failed(9.0)
    assert gone.on_late_response(9.5, 0.4)
    assert gone.probe_at <= 9.5
    assert gone.patience_s(0.02) >= 0.8


def test_who_answers_later_than_the_port_waits_is_not_asked_more_often_for_that() -> None:
    gone = unit()
    gone.failed(0.0)
    before = gone.probe_at
    assert not gone.on_late_response(0.5, 1.5)
    assert gone.probe_at == before
