"""Budgets: never more than the provider allows, a part kept for urgent messages."""

from collections.abc import Generator
from pathlib import Path
from random import Random

import pytest

from server.core.records import Records
from server.messages.rate_limits import Budget, RateLimiter
from tests.databases import open_records

MINUTE = Budget("ding", 20, 60)


@pytest.fixture
def records(tmp_path: Path) -> Generator[Records]:
    with open_records(tmp_path) as opened:
        yield opened


def take(records: Records, *budgets: Budget, now: int, urgent: bool = False) -> int:
    return records.write(
        lambda session: RateLimiter(session, budgets).take(budgets, urgent=urgent, now=now)
    )


def test_thirty_percent_are_kept_for_urgent_messages(records: Records) -> None:
    ordinary = [take(records, MINUTE, now=1000) for _ in range(16)]
    assert ordinary == [0] * 14 + [62_000] * 2
    urgent = [take(records, MINUTE, now=1500, urgent=True) for _ in range(7)]
    assert urgent == [0] * 6 + [62_000]


def test_a_token_comes_back_a_window_after_it_was_taken(records: Records) -> None:
    two = Budget("x", 2, 10)
    assert [take(records, two, now=at) for at in (0, 4_000, 5_000)] == [0, 0, 11_000]
    assert take(records, two, now=10_999) == 11_000
    assert take(records, two, now=11_000) == 0
    assert take(records, two, now=11_001) == 15_000


def test_all_budgets_must_have_a_token_and_none_is_taken_in_vain(records: Records) -> None:
    day, half = Budget("day", 50, 86_400), Budget("half", 1, 30)
    assert take(records, day, half, now=0) == 0
    assert take(records, day, half, now=1000) == 31_000
    used = [take(records, day, now=2000) for _ in range(35)]
    assert used.count(0) == 34


def test_a_provider_that_throttles_is_left_alone_by_everybody(records: Records) -> None:
    records.write(lambda session: RateLimiter(session, [MINUTE]).block(until=600_000))
    assert take(records, MINUTE, now=1000, urgent=True) == 600_000
    assert take(records, MINUTE, now=600_000) == 0


def test_small_budgets_keep_nothing_back(records: Records) -> None:
    assert [Budget("x", tokens, 1).kept_for_urgent for tokens in (1, 3, 4, 5, 20, 50, 100)] == [
        *(0, 0, 1, 1),
        *(6, 15, 30),
    ]
    assert take(records, Budget("one", 1, 60), now=5) == 0


def test_a_clock_that_was_set_back_blocks_nothing_for_ever(records: Records) -> None:
    one = Budget("one", 1, 60)
    assert take(records, one, now=10_000_000) == 0
    assert take(records, one, now=5_000) == 0


@pytest.mark.parametrize("seed", range(3))
def test_no_window_ever_sees_more_than_the_budget(records: Records, seed: int) -> None:
    random, now, left = Random(seed), 0, list[int]()  # noqa: S311
    budget = Budget("any", 7, 5)
    for _ in range(80):
        now += random.choice((0, 1, 10, 300, 2_000))
        if take(records, budget, now=now, urgent=random.random() < 0.5) == 0:
            left.append(now)
    for at in left:
        assert sum(at <= other < at + 5_000 for other in left) <= 7
    assert len(left) > 15
