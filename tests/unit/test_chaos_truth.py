"""The judge of ``make chaos`` sees what it claims to see: each fault is planted here once."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.node import Heard
from tests.chaos.operator import Answer
from tests.chaos.plan import BOARD, GONE, STEPS
from tests.chaos.receiver import Attempt
from tests.chaos.score import Score, Uptime
from tests.chaos.truth import LATE_MS, Run, Truth

ON = 100_000
PLACE = ("r0-0", "trip")
RUN = Run(*PLACE, onset=ON, end=None)


def up(*spans: tuple[int, int]) -> Uptime:
    uptime = Uptime()
    uptime.spans = list(spans or [(0, 10_000_000)])
    return uptime


def attempt(number: int, person: str, at: int, **more: Any) -> Attempt:
    data: dict[str, Any] = {"incident": {"equipment_key": "chaos/gw/r0-0", "cause": "trip"}}
    if number:
        data |= {"step": {"number": number}, "person": {"key": person}}
    values: dict[str, Any] = {"hook": person, "id": f"{number}/{person}", "taken": True} | more
    return Attempt(body={"data": data}, signed=True, at=at, **values)


CALLS = [
    attempt(0, BOARD, ON + 100),
    *(attempt(one.number, one.person, ON + one.after_ms + 200) for one in STEPS),
]
GOOD = Truth(
    runs=[RUN],
    heard={(*PLACE, ON): Heard(ON, ON + 50, again=False)},
    answers={},
    attempts=CALLS,
    resent=[],
    up=up(),
)


def counts_of(score: Score) -> tuple[int, int, int, int]:
    return score.wanted, score.lost, score.doubled, score.late


def without(number: int) -> list[Attempt]:
    return [one for one in CALLS if not one.id.startswith(f"{number}/")]


FAULTS: list[tuple[str, Callable[[], Truth], tuple[int, int, int, int]]] = [
    ("nothing", lambda: GOOD, (3, 0, 0, 0)),
    ("a step never came", lambda: replace(GOOD, attempts=without(2)), (3, 1, 0, 0)),
    (
        "a step came, but was never taken",
        lambda: replace(GOOD, attempts=[*without(2), CALLS[2]._replace(taken=False)]),
        (3, 1, 0, 0),
    ),
    (
        "the same message twice is allowed",
        lambda: replace(GOOD, attempts=[*CALLS, CALLS[2]]),
        (3, 0, 0, 0),
    ),
    (
        "the same step under two ids",
        lambda: replace(GOOD, attempts=[*CALLS, CALLS[2]._replace(id="other")]),
        (3, 0, 1, 0),
    ),
    (
        "the next channel of the same person",
        lambda: replace(
            GOOD,
            attempts=[
                *without(2),
                CALLS[2]._replace(hook=GONE, taken=False),
                CALLS[2]._replace(id=CALLS[2].id + "/li-0"),
            ],
        ),
        (3, 0, 0, 0),
    ),
    (
        "a step an hour early",
        lambda: replace(GOOD, attempts=[*without(3), CALLS[3]._replace(at=ON + 300)]),
        (3, 0, 0, 1),
    ),
    (
        "a step two seconds late",
        lambda: replace(GOOD, attempts=[*without(3), CALLS[3]._replace(at=CALLS[3].at + 2000)]),
        (3, 0, 0, 1),
    ),
    (
        "a call about what was never on",
        lambda: replace(GOOD, runs=[]),
        (0, 0, 3, 0),
    ),
    (
        "a blip that was shorter than its delay",
        lambda: replace(GOOD, runs=[Run("r0-0", "slow", ON, ON + 500)], attempts=[]),
        (0, 0, 0, 0),
    ),
    (
        "steps after an answer",
        lambda: replace(GOOD, answers={PLACE: Answer(ON + 1000, ON + 1100)}),
        (1, 0, 2, 0),
    ),
    (
        "no steps after an answer",
        lambda: replace(GOOD, answers={PLACE: Answer(ON + 1000, ON + 1100)}, attempts=CALLS[:2]),
        (1, 0, 0, 0),
    ),
    (
        "a step that was due before the answer never came",
        lambda: replace(GOOD, answers={PLACE: Answer(ON + 5000, ON + 5100)}, attempts=CALLS[:2]),
        (2, 1, 0, 0),
    ),
    (
        "an answer before what was refused had to come again",
        lambda: replace(
            GOOD,
            answers={PLACE: Answer(ON + 5000, ON + 5100)},
            attempts=[*CALLS[:2], CALLS[2]._replace(at=ON + 3500, taken=False)],
        ),
        (2, 0, 0, 0),
    ),
    (
        "a kill between what was refused and an answer",
        lambda: replace(
            GOOD,
            answers={PLACE: Answer(ON + 7000, ON + 7100)},
            attempts=[*CALLS[:2], CALLS[2]._replace(at=ON + 3500, taken=False)],
            up=up((0, ON + 4300), (ON + 6500, ON + 60_000)),
        ),
        (2, 0, 0, 0),
    ),
    (
        "an answer long after the next channel had to be tried",
        lambda: replace(
            GOOD,
            answers={PLACE: Answer(ON + 5000, ON + 5100)},
            attempts=[*CALLS[:2], CALLS[2]._replace(at=ON + 3500, hook=GONE, taken=False)],
        ),
        (2, 1, 0, 0),
    ),
    (
        "a delay that was over when the server was killed, and a return before it could be sure",
        lambda: replace(
            GOOD,
            runs=[Run("r0-0", "slow", ON, ON + 4000)],
            heard={("r0-0", "slow", ON): Heard(ON, ON + 50, again=False)},
            attempts=[],
            up=up((0, ON + 2200), (ON + 3500, ON + 60_000)),
        ),
        (0, 0, 0, 0),
    ),
    (
        "a delay that was over well before the kill",
        lambda: replace(
            GOOD,
            runs=[Run("r0-0", "slow", ON, ON + 4000)],
            heard={("r0-0", "slow", ON): Heard(ON, ON + 50, again=False)},
            attempts=[],
            up=up((0, ON + 3200), (ON + 3500, ON + 60_000)),
        ),
        (3, 3, 0, 0),
    ),
]


@pytest.mark.parametrize(
    ("truth", "expected"), [one[1:] for one in FAULTS], ids=[one[0] for one in FAULTS]
)
def test_each_fault_of_a_step_is_seen(
    truth: Callable[[], Truth], expected: tuple[int, int, int, int]
) -> None:
    assert counts_of(truth().steps()) == expected


def test_the_time_in_which_the_server_was_not_ready_is_nobodys_delay() -> None:
    late = [*without(3), CALLS[3]._replace(at=ON + 30_000)]
    down = up((0, ON + 8500), (ON + 29_500, ON + 60_000))
    assert replace(GOOD, attempts=late, up=down).steps().late == 0
    assert replace(GOOD, attempts=late, up=up()).steps().late == 1


def test_a_disk_that_stands_still_holds_up_what_is_due_and_is_told() -> None:
    held = [*without(3), CALLS[3]._replace(at=CALLS[3].at + 2000)]
    uptime = up()
    uptime.still = [(CALLS[3].at, CALLS[3].at + 1500)]
    score = replace(GOOD, attempts=held, up=uptime).steps()
    assert (score.late, score.held_up) == (0, 1)
    assert score.line("steps").endswith("0 late (1 while the disk stood still)")
    uptime.still = [(CALLS[3].at, CALLS[3].at + 500)]
    score = replace(GOOD, attempts=held, up=uptime).steps()
    assert (score.late, score.held_up) == (1, 0)


@pytest.mark.parametrize(("waits", "late"), [(LATE_MS - 1000, 0), (LATE_MS + 1000, 1)])
def test_what_was_sent_again_may_wait_but_not_for_ever(waits: int, late: int) -> None:
    again = ON + 5000
    calls = [one._replace(at=again + waits) for one in CALLS]
    # Only the first step's wait is excused; the others count from it.
    calls[2:] = [
        one._replace(at=again + waits + step.after_ms)
        for one, step in zip(calls[2:], STEPS[1:], strict=True)
    ]
    heard = {(*PLACE, ON): Heard(again, again + 50, again=True)}
    found = replace(GOOD, heard=heard, attempts=calls, resent=[again])
    assert found.steps().late == late


def records(*alarms: tuple[str, int, int | None]) -> sqlite3.Connection:
    """Alarms as (point, onset, raised at; None: recorded when it was over)."""
    database = sqlite3.connect(":memory:")
    database.executescript(
        "CREATE TABLE points (id, key); CREATE TABLE alarms (id, point_id);"
        "CREATE TABLE alarm_changes (id, alarm_id, kind, at, recorded_at);"
        "CREATE TABLE messages (key, state);"
    )
    for number, (point, onset, raised_at) in enumerate(alarms):
        kind = "recorded" if raised_at is None else "raised"
        database.execute("INSERT INTO points VALUES (?, ?)", (number, f"chaos/gw/r0-0/{point}"))
        database.execute("INSERT INTO alarms VALUES (?, ?)", (number, number))
        row = (number, number, kind, onset, raised_at or 0)
        database.execute("INSERT INTO alarm_changes VALUES (?, ?, ?, ?, ?)", row)
    return database


@pytest.mark.parametrize(
    ("alarms", "expected"),
    [
        ([("trip", ON, ON + 100)], (1, 0, 0, 0)),
        ([("trip", ON, None)], (1, 0, 0, 0)),
        ([], (1, 1, 0, 0)),
        ([("trip", ON, ON + 100), ("trip", ON, ON + 100)], (1, 0, 1, 0)),
        ([("trip", ON + 5, ON + 100)], (1, 1, 1, 0)),
        ([("trip", ON, ON + 1500)], (1, 0, 0, 1)),
        ([("trip", ON, ON - 5)], (1, 0, 0, 1)),
        ([("trip", ON, ON + 100), ("blip", ON, ON + 100)], (1, 0, 1, 0)),
    ],
)
def test_each_fault_of_an_alarm_is_seen(
    alarms: list[tuple[str, int, int | None]], expected: tuple[int, int, int, int]
) -> None:
    with records(*alarms) as database:
        assert counts_of(GOOD.alarms(database)) == expected
    database.close()


def test_a_message_without_success_a_wrong_signature_and_two_bodies_are_seen() -> None:
    with records() as database:
        assert counts_of(GOOD.messages(database)) == (1, 0, 0, 0)
        bad = [*CALLS[1:], CALLS[0]._replace(signed=False), CALLS[0]._replace(body=CALLS[1].body)]
        assert counts_of(replace(GOOD, attempts=bad).messages(database))[1:3] == (1, 1)
        database.execute("INSERT INTO messages VALUES ('a', 'pending'), ('b', 'sent')")
        assert counts_of(GOOD.messages(database)) == (3, 1, 0, 0)
    database.close()
