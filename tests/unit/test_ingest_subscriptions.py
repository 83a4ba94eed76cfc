"""What a shard asks the broker for: nothing twice, its sites' data, and word of new ones."""

import pytest

from server.core.shard import Shard
from server.ingest.subscriptions import Subscriptions, data_of
from tests.e2e.divided import site_of

MINE, OTHER = site_of(1, 2), site_of(2, 2)
NEW = site_of(1, 2, but=MINE)


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a filter matches, by the rules of MQTT."""
    wanted, given = topic_filter.split("/"), topic.split("/")
    for place, part in enumerate(wanted):
        if part == "#":
            return True
        if place >= len(given) or part not in ("+", given[place]):
            return False
    return len(wanted) == len(given)


def test_one_process_alone_takes_everything() -> None:
    alone = Subscriptions()
    assert alone.begin() == ["spBv1.0/#"]
    assert alone.takes(f"spBv1.0/{OTHER}/DDATA/gw/pump")
    assert alone.take_new() == []


@pytest.mark.parametrize("site", [MINE, OTHER, NEW])
@pytest.mark.parametrize(
    "rest",
    ["NBIRTH/gw", "NDATA/gw", "NDEATH/gw", "DBIRTH/gw/d", "DDATA/gw/d", "DDEATH/gw/d", "NCMD/gw"],
)
def test_no_message_matches_two_filters(site: str, rest: str) -> None:
    topic = f"spBv1.0/{site}/{rest}"
    filters = Subscriptions(Shard(1, 2), [MINE, OTHER]).begin()
    found = [one for one in filters if matches(one, topic)]
    data, command = rest.startswith("DDATA"), rest.startswith("NCMD")
    assert len(found) == (0 if command or (data and site != MINE) else 1)


def test_a_new_site_is_asked_for_once_and_a_foreign_one_never() -> None:
    shard = Subscriptions(Shard(1, 2), [MINE])
    assert shard.takes(f"spBv1.0/{MINE}/DDATA/gw/pump")
    assert not shard.takes(f"spBv1.0/{OTHER}/NBIRTH/gw")
    assert shard.take_new() == []
    assert shard.takes(f"spBv1.0/{NEW}/NBIRTH/gw")
    assert shard.take_new() == [data_of(NEW)]
    assert shard.takes(f"spBv1.0/{NEW}/DDATA/gw/pump")
    assert shard.take_new() == []
    # A new connection begins with all that are known.
    assert data_of(NEW) in shard.begin()
    assert data_of(OTHER) not in shard.begin()


def test_a_topic_without_a_site_is_nobodys() -> None:
    assert not Subscriptions(Shard(1, 2)).takes("spBv1.0")
