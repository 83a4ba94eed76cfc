"""Sites to ingest processes: stable, even, and refused with what is allowed."""

from collections import Counter

import pytest

from server.core.errors import InvalidError
from server.core.shard import WHOLE, Shard, parse_shard

SITES = [f"estate-{number}" for number in range(1000)]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 16])
def test_each_site_belongs_to_exactly_one_shard_and_they_are_alike(count: int) -> None:
    shards = [Shard(number, count) for number in range(1, count + 1)]
    owners = [[shard.number for shard in shards if shard.owns(site)] for site in SITES]
    assert all(len(found) == 1 for found in owners)
    sizes = Counter(found[0] for found in owners)
    expected = len(SITES) / count
    assert all(0.5 * expected < sizes[shard.number] < 1.5 * expected for shard in shards)


def test_the_hash_is_the_same_in_every_release() -> None:
    names = ("green-garden", "riverside", "north", "花园")
    assert [Shard(1, 4).owns(name) for name in names] == [True, False, False, False]
    assert [Shard(1, 2).owns_key(f"{name}/gw/pump") for name in names] == [
        True,
        False,
        False,
        False,
    ]


def test_names_and_words_of_a_shard() -> None:
    assert parse_shard("1/1") == WHOLE
    assert WHOLE.named("plantroom") == "plantroom"
    assert parse_shard("2/4").named("plantroom") == "plantroom-2"
    assert str(parse_shard("2/4")) == "2/4"


@pytest.mark.parametrize("text", ["", "0/2", "3/2", "1", "1/2/3", "1/1001", "-1/2", "a/b", "1 / 2"])
def test_anything_else_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(InvalidError, match="use k/n, as 1/4 for the first of four"):
        parse_shard(text)
