"""The search of DL/T 645 meters by wildcards, over random lines."""

import random

import pytest

from protocols.dlt645.frames import address_fits
from protocols.dlt645.search import meter_search
from protocols.wildcard_search import Answer, Collision, Nothing


@pytest.mark.seeds(5, 200)
def test_the_search_finds_every_meter(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 (repeatable)
    ends = [f"{rng.randrange(100):02}" for _ in range(3)]
    line = {f"{rng.randrange(10**10):010}{rng.choice(ends)}" for _ in range(rng.randrange(12))}
    search = meter_search()
    while (wanted := search.wanted) is not None:
        there = [address for address in line if address_fits(wanted, address)]
        match there:
            case []:
                search.came(Nothing())
            case [one]:
                search.came(Answer(one))
            case _:
                search.came(Collision())
    assert sorted(search.found) == sorted(line)
    assert search.unresolved == []
    assert search.asked <= 1 + 100 * 6 * max(len(line), 1)


def test_two_meters_of_one_address_are_told_and_the_rest_is_found() -> None:
    search = meter_search("AA0000000012")
    while (wanted := search.wanted) is not None:
        twice = address_fits(wanted, "340000000012")
        search.came(Collision() if twice else Nothing())
    assert search.unresolved == ["340000000012"]
    assert search.left == 0


def test_an_answer_of_somebody_else_is_looked_at_closer() -> None:
    search = meter_search("AA0000000012")
    search.came(Answer("000000000099"))
    assert search.wanted == "000000000012"
