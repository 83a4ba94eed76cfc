"""How long a condition has been true, over gaps, late readings and clocks that are set."""

import random

import pytest

from config.expression import compile_expression
from edge_agent.polling.held import Duration, known_whatever
from protocols.reading import Value

Seen = tuple[float, bool]


def answers(readings: list[Seen], *, gap_s: float = 4, needed_s: float = 20) -> list[bool | None]:
    one = Duration()
    return [
        one.seen(
            round(1000 * at), is_true=is_true, gap_ms=round(1000 * gap_s),
            needed_ms=round(1000 * needed_s),
        )
        for at, is_true in readings
    ]  # fmt: skip


def each_s(first: int, last: int, *, is_true: bool = True) -> list[Seen]:
    return [(at, is_true) for at in range(first, last + 1)]


def test_it_is_true_from_the_last_second_on_and_false_at_once() -> None:
    found = answers([(0, False), *each_s(1, 22), (23, False), *each_s(24, 30)])
    assert found == [False, *[False] * 20, True, True, False, *[False] * 7]


def test_nothing_is_known_after_a_start_until_it_lasted_or_was_false() -> None:
    assert answers(each_s(0, 20)) == [*[None] * 20, True]
    assert answers([(0, True), (1, False), (2, True)]) == [None, False, False]


def test_a_gap_ends_nothing_and_makes_up_nothing() -> None:
    # Unknown is a bad reading, which is no recovery.
    long_true = [(0, False), *each_s(1, 25), (60, True)]
    assert answers(long_true)[-2:] == [True, None]
    assert answers([*long_true, *each_s(61, 80)])[-1] is True
    assert answers([*long_true, (61, False)])[-1] is False
    # It was false within these 20 s.
    assert answers([(0, False), (10, True)])[-1] is False
    assert answers([(0, False), (10, True), (13, True), (16, True), (20.5, True)])[-1] is None


def test_a_reading_that_is_missed_now_and_then_ends_no_run() -> None:
    readings = [(at, True) for at in range(25) if at % 4]
    assert answers([(0, False), *readings])[-1] is True


def test_a_late_reading_can_end_a_run_and_begins_none() -> None:
    run = [(0, False), *each_s(1, 19)]
    assert answers([*run, (18.5, True), (21, True)])[-1] is True
    late = [*run, (18.5, False)]
    assert answers(late)[-1] is False
    assert answers([*late, (21, True)])[-1] is False
    assert answers([*late, *each_s(20, 39)])[-1] is True
    assert answers([*late, *each_s(20, 38)])[-1] is False


def test_a_clock_that_is_set_back_or_ahead_starts_the_time_anew() -> None:
    run = [(1000.0, False), *[(1000.0 + at, True) for at in range(1, 30)]]
    back = [*run, (500, True)]
    assert answers(back)[-1] is None
    assert answers([*back, *each_s(501, 520)])[-1] is True
    ahead = [*run, (5000, True)]
    assert answers(ahead)[-1] is None
    assert answers([*ahead, *each_s(5001, 5020)])[-1] is True


def test_equal_times_are_one_moment() -> None:
    assert answers([(0, False), (1, True), (1, True), (1, False), (1, True)])[-1] is False


@pytest.mark.seeds(10, 1000)
def test_it_never_claims_what_the_readings_contradict(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 (reproducible, not a secret)
    at, readings = 0.0, list[Seen]()
    is_true = False
    for _ in range(400):
        at += chance.choice([1, 1, 1, 2, 3, 7])
        is_true = is_true if chance.random() < 0.93 else not is_true
        readings.append((at, is_true))
    for index, found in enumerate(answers(readings)):
        now = readings[index][0]
        seen = [(then, what) for then, what in readings[: index + 1] if now - then < 20]
        was_false = any(not what for _, what in seen)
        if found:
            assert not was_false
        if found is False and not was_false:
            # It began less than 20 s ago, right behind a reading that was false.
            before = [one for one in readings[: index + 1] if one[0] <= now - 20]
            assert before[-1][1] is False


@pytest.mark.parametrize(
    ("text", "first", "expected"),
    [
        ("held_for(a, 5) or b", None, True),
        ("b or held_for(a, 5)", None, True),
        ("held_for(a, 5) and not b", None, False),
        ("held_for(a, 5) and b", None, None),
        ("held_for(a, 5) and b", True, True),
        ("held_for(a, 5) + b", None, None),
        ("held_for(a, 5) or not held_for(a, 5) or c / 0", None, None),
    ],
)
def test_a_result_is_known_where_it_does_not_depend_on_what_is_not(
    text: str, first: Value, expected: Value
) -> None:
    expression = compile_expression(text, ("a", "b", "c"), timed=True)
    held = {one.name: first for one in expression.held}
    values: dict[str, Value] = {"a": True, "b": True, "c": 1}
    assert known_whatever(expression, values, held) == expected
