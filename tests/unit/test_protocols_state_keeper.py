"""What a host says under STATE, whatever others say there."""

import pytest

from protocols.sparkplug.state import State, encode_state
from protocols.sparkplug.state_keeper import Answer, StateKeeper

NOW = 1_795_000_000_000


def said(*, online: bool, at: int) -> bytes:
    return encode_state(State(online, at))


def born(keeper: StateKeeper, now: int = NOW) -> int:
    """Connect, publish the birth and hear it; returns its timestamp."""
    will = keeper.connecting(now)
    birth = keeper.birth()
    assert (will.online, birth.online) == (False, True)
    assert will.timestamp == birth.timestamp
    assert keeper.heard(said(online=True, at=birth.timestamp), retained=False) is Answer.NOTHING
    return birth.timestamp


def test_a_farewell_has_the_time_of_now_and_is_not_taken_back() -> None:
    keeper = StateKeeper()
    born(keeper)
    farewell = keeper.farewell(NOW + 60_000)
    assert farewell == State(online=False, timestamp=NOW + 60_000)
    assert keeper.heard(encode_state(farewell), retained=False) is Answer.NOTHING


def test_a_farewell_is_never_older_than_its_birth() -> None:
    keeper = StateKeeper()
    at = born(keeper)
    assert keeper.farewell(NOW - 3_600_000).timestamp == at


def test_a_farewell_is_never_older_than_what_a_rival_said() -> None:
    keeper = StateKeeper()
    born(keeper)
    assert keeper.heard(said(online=True, at=NOW + 3_600_000), retained=False) is Answer.RIVAL
    assert keeper.farewell(NOW + 60_000) == State(online=False, timestamp=NOW + 3_600_000)


@pytest.mark.parametrize("garbage", [b"", b"ONLINE", b"{", b'{"online":1,"timestamp":3}'])
def test_what_was_deleted_or_is_garbage_is_said_again(garbage: bytes) -> None:
    keeper = StateKeeper()
    at = born(keeper)
    assert keeper.heard(garbage, retained=False) is Answer.REPEAT
    assert keeper.birth() == State(online=True, timestamp=at)


def test_an_old_offline_is_taken_back_with_the_same_birth() -> None:
    keeper = StateKeeper()
    at = born(keeper)
    for old in (at - 60_000, at):
        assert keeper.heard(said(online=False, at=old), retained=False) is Answer.REPEAT
        assert keeper.birth().timestamp == at
        keeper.heard(said(online=True, at=at), retained=False)


def test_a_newer_offline_needs_a_new_connect_whose_will_is_newer_still() -> None:
    keeper = StateKeeper()
    born(keeper)
    later = NOW + 86_400_000
    assert keeper.heard(said(online=False, at=later), retained=False) is Answer.RECONNECT
    assert born(keeper, NOW + 10) == later + 1


@pytest.mark.parametrize("online", [True, False])
def test_what_a_broker_kept_from_a_host_whose_clock_was_ahead_is_surpassed(online: bool) -> None:  # noqa: FBT001
    keeper = StateKeeper()
    keeper.connecting(NOW)
    keeper.birth()
    assert keeper.heard(said(online=online, at=NOW + 5_000), retained=True) is Answer.RECONNECT
    assert born(keeper) == NOW + 5_001


def test_what_was_said_before_the_birth_needs_no_answer() -> None:
    keeper = StateKeeper()
    keeper.connecting(NOW)
    at = keeper.birth().timestamp
    for old in (b"", b"garbage", said(online=False, at=NOW - 1), said(online=True, at=NOW - 1)):
        assert keeper.heard(old, retained=True) is Answer.NOTHING
    keeper.heard(said(online=True, at=at), retained=False)
    # Three times garbage, one answer: the second and third were said before it.
    assert keeper.heard(b"", retained=False) is Answer.REPEAT
    keeper.birth()
    assert keeper.heard(b"", retained=False) is Answer.NOTHING
    assert keeper.heard(b"", retained=False) is Answer.NOTHING


def test_a_time_beyond_all_times_is_not_surpassed() -> None:
    keeper = StateKeeper()
    at = born(keeper)
    assert keeper.heard(said(online=False, at=2**63), retained=False) is Answer.REPEAT
    assert keeper.birth().timestamp == at


def test_each_connection_has_a_newer_birth_also_when_the_clock_is_turned_back() -> None:
    keeper = StateKeeper()
    times = [born(keeper, now) for now in (NOW, NOW, NOW - 3_600_000, NOW + 1)]
    assert times == sorted(set(times))


def test_another_living_host_of_this_id_hears_of_us_once_and_is_not_shouted_down() -> None:
    first, second = StateKeeper(), StateKeeper()
    at, other = born(first), born(second, NOW + 5)
    assert first.heard(said(online=True, at=other), retained=False) is Answer.RIVAL
    again = encode_state(first.birth())
    assert second.heard(again, retained=False) is Answer.RIVAL
    assert first.heard(again, retained=False) is Answer.NOTHING
    assert first.heard(said(online=True, at=other), retained=False) is Answer.NOTHING
    # When the other one ends, this one is still there, and nodes have to believe it.
    assert first.heard(said(online=False, at=other), retained=False) is Answer.RECONNECT
    assert born(first) > other > at
