"""Which policy holds, and when its steps are due."""

from typing import Any

import pytest

from config.people import PolicySettings
from server.incidents.escalation_rules import (
    DEFAULTS,
    PlannedStep,
    choose,
    next_round_at,
    plan_round,
    resume,
)

STEPS = [
    {"after_s": 0, "who": ["on_duty"]},
    {"after_s": 60, "who": ["leader"]},
    {"after_s": 90, "who": ["manager"]},
]


def policy(**more: Any) -> PolicySettings:
    return PolicySettings.model_validate({"steps": STEPS, **more})


KNOWN = {
    "all": policy(),
    "urgent": policy(severities=["urgent"]),
    "lifts": policy(trades=["lift"]),
    "garden": policy(sites=["garden"]),
    "garden-lifts": policy(sites=["garden"], trades=["lift"]),
    "a-lifts": policy(trades=["lift"], severities=["urgent", "high"]),
}


@pytest.mark.parametrize(
    ("site", "trade", "severity", "key"),
    [
        ("park", "fire", "low", "all"),
        ("park", "fire", "urgent", "urgent"),
        ("park", "lift", "low", "lifts"),
        ("park", "lift", "urgent", "a-lifts"),
        ("garden", "fire", "urgent", "garden"),
        ("garden", "lift", "urgent", "garden-lifts"),
    ],
)
def test_the_policy_that_says_most_holds(site: str, trade: str, severity: str, key: str) -> None:
    assert choose(KNOWN, site=site, trade=trade, severity=severity).key == key


@pytest.mark.parametrize(
    ("trade", "severity", "key", "whom", "minutes"),
    [
        ("lift", "urgent", "default-urgent", "on_duty leader manager", [0, 5, 15]),
        ("lift", "high", "default-high", "on_duty leader manager", [0, 10, 30]),
        ("lift", "medium", "default-medium", "on_duty leader", [0, 60]),
        ("lift", "low", "default-low", "on_duty", [0]),
        ("heating", "urgent", "default-heating-urgent", "on_duty leader manager", [0, 5, 15]),
        ("heating", "low", "default-low", "on_duty", [0]),
    ],
)
def test_without_any_policy_the_engineer_the_lead_and_the_manager_are_called(
    trade: str, severity: str, key: str, whom: str, minutes: list[int]
) -> None:
    chosen = choose({}, site="garden", trade=trade, severity=severity)
    assert chosen.key == key
    assert [step.after_s / 60 for step in chosen.policy.steps] == minutes
    assert [step.who[0] for step in chosen.policy.steps] == whom.split()


def test_the_heating_supplier_is_called_with_the_engineer() -> None:
    assert DEFAULTS["default-heating-urgent"].steps[0].who == ("on_duty", "contractor")


def test_a_round_is_planned_from_its_start() -> None:
    assert plan_round(policy(), start=1000, number=4, round_=1) == [
        PlannedStep(4, 1, 0, 1000),
        PlannedStep(5, 1, 1, 61_000),
        PlannedStep(6, 1, 2, 91_000),
    ]


@pytest.mark.parametrize(
    ("round_", "now", "start"),
    [
        (0, 91_000, 101_000),
        (0, 91_250, 101_000),
        (1, 91_000, 101_000),
        (2, 91_000, None),
        (0, 500_000, 510_000),  # the whole round was missed: not all at once
    ],
)
def test_the_next_round_comes_after_the_last_step(round_: int, now: int, start: int | None) -> None:
    twice = policy(repeat=2, repeat_after_s=10)
    assert next_round_at(twice, last_due_at=91_000, round_=round_, now=now) == start


def done(*positions: tuple[int, int]) -> list[PlannedStep]:
    return [PlannedStep(n, round_, at, 0) for n, (round_, at) in enumerate(positions, start=1)]


@pytest.mark.parametrize(
    ("before", "repeat", "rest"),
    [
        ([], 0, [(0, 0, 0), (0, 1, 60_000), (0, 2, 90_000)]),
        ([(0, 0)], 0, [(0, 1, 0), (0, 2, 30_000)]),
        ([(0, 0), (0, 1)], 0, [(0, 2, 0)]),
        ([(0, 0), (0, 1), (0, 2)], 0, [(1, 2, 0)]),
        ([(0, 0), (0, 1), (0, 2)], 1, [(1, 0, 0), (1, 1, 60_000), (1, 2, 90_000)]),
        ([(0, 0), (0, 1), (0, 2), (1, 0)], 1, [(1, 1, 0), (1, 2, 30_000)]),
    ],
)
def test_when_nobody_moves_it_goes_on_with_the_next_step_at_once(
    before: list[tuple[int, int]], repeat: int, rest: list[tuple[int, int, int]]
) -> None:
    planned = resume(policy(repeat=repeat), done=done(*before), number=9, now=1000)
    assert [(one.round, one.position, one.due_at - 1000) for one in planned] == rest
    assert [one.number for one in planned] == list(range(9, 9 + len(rest)))


def test_steps_must_be_in_order() -> None:
    with pytest.raises(ValueError, match=r"steps\.1\.after_s: expected 5 or more"):
        PolicySettings.model_validate(
            {"steps": [{"after_s": 5, "who": ["leader"]}, {"after_s": 1, "who": ["manager"]}]}
        )
