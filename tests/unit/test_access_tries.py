"""How often strangers may try something, whichever process is asked."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.access.model import Tries
from server.access.tries import (
    Budget,
    budgets_of,
    give_back_try,
    network_of,
    take_try,
    wait_ms,
)
from server.core.records import Records
from tests.databases import open_records

NOW = 1_764_000_000_000
THREE = [Budget("a", 3, 10_000)]


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    with open_records(tmp_path) as opened:
        yield opened


def take(records: Records, budgets: Sequence[Budget], at_s: float = 0) -> float:
    """Take a try, and look at that the look before says the same; seconds to wait."""
    now = NOW + round(at_s * 1000)
    looked = records.read(lambda session: wait_ms(session, budgets, now))
    taken = records.write(lambda session: take_try(session, budgets, now))
    assert looked == taken
    return taken / 1000


@pytest.mark.long
def test_one_try_is_given_back_at_a_time(records: Records) -> None:
    assert [take(records, THREE) for _ in range(4)] == [0, 0, 0, 10]
    assert take(records, [Budget("b", 3, 10_000)]) == 0
    assert take(records, THREE, 9) == 1
    assert take(records, THREE, 10) == 0
    assert take(records, THREE, 10) == 10


def test_a_good_try_does_not_count(records: Records) -> None:
    once = [Budget("a", 1, 10_000)]
    for _ in range(3):
        assert take(records, once) == 0
        records.write(lambda session: give_back_try(session, once))
    assert take(records, once) == 0
    assert take(records, once) == 10


def test_what_is_over_is_forgotten(records: Records) -> None:
    for number in range(20):
        take(records, [Budget(str(number), 1, 10_000)])
    take(records, [Budget("new", 1, 10_000)], 10)
    count = records.read(lambda session: session.scalar(select(func.count(Tries.key))))
    assert count == 1


def test_two_processes_count_the_same_tries(records: Records) -> None:
    """An attacker who asks both in turn has no more tries than with one."""
    with Records.open(records.engine.url.render_as_string(hide_password=False)) as other:
        budgets = budgets_of("203.0.113.9", "li")
        waits = [take((records, other)[number % 2], budgets) for number in range(6)]
        assert waits == [0] * 5 + [12]
        assert take(other, budgets_of("203.0.113.10", "li")) == 0, "nobody else is shut out"
        assert take(other, budgets_of("203.0.113.9", "wang")) == 0


def test_one_address_that_tries_many_names_is_slowed_down(records: Records) -> None:
    waits = [take(records, budgets_of("203.0.113.9", f"user{number}")) for number in range(21)]
    assert waits == [0] * 20 + [3]
    assert take(records, budgets_of("203.0.113.10", "user1")) == 0
    assert take(records, budgets_of("203.0.113.9", "user1", browser="known")) == 0


def test_one_name_is_not_guessed_from_many_addresses(records: Records) -> None:
    def all_of_them(session: Session) -> list[int]:
        return [take_try(session, budgets_of(f"10.0.{n // 4}.{n}", "li"), NOW) for n in range(101)]

    waits = records.write(all_of_them)
    assert waits[:100] == [0] * 100
    assert waits[100] == 60_000
    assert take(records, budgets_of("10.9.9.9", "wang")) == 0
    assert take(records, budgets_of("10.9.9.9", "li", browser="known")) == 0
    assert take(records, budgets_of("10.9.9.9", "li"), 60) == 0


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
