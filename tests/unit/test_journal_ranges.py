from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.journal.ranges import RangeSet

RANGES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=12)


def members(ranges: RangeSet) -> set[int]:
    return {offset for first, last in ranges for offset in range(first, last + 1)}


def test_touching_ranges_become_one() -> None:
    assert list(RangeSet([(5, 9), (1, 2), (3, 4), (11, 11)])) == [(1, 9), (11, 11)]


def test_discarding_the_middle_leaves_both_ends() -> None:
    ranges = RangeSet([(1, 9), (20, 30)])
    ranges.discard(4, 24)
    assert list(ranges) == [(1, 3), (25, 30)]


def test_coarsening_closes_the_smallest_gaps_and_loses_nothing() -> None:
    ranges = RangeSet([(0, 0), (2, 2), (10, 10), (13, 13)])
    ranges.coarsen(2)
    assert list(ranges) == [(0, 2), (10, 13)]


def test_lowest_of_nothing_is_none() -> None:
    assert RangeSet().lowest() is None
    assert RangeSet([(7, 9), (3, 4)]).lowest() == (3, 4)


@given(RANGES, RANGES)
def test_it_is_a_set(added: list[tuple[int, int]], removed: list[tuple[int, int]]) -> None:
    ranges, expected = RangeSet(), set[int]()
    for first, last in added:
        ranges.add(first, last)
        expected |= set(range(first, last + 1))
    for first, last in removed:
        ranges.discard(first, last)
        expected -= set(range(first, last + 1))

    assert members(ranges) == expected
    assert all(offset in ranges for offset in expected)
    pairs = list(ranges)
    assert all(a[1] + 1 < b[0] for a, b in pairwise(pairs))
